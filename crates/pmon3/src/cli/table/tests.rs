use super::*;

fn table(rows: &[[&str; 3]]) -> Table {
    Table {
        columns: vec![
            Column::new("N").right(),
            Column::new("Name").overflow(Overflow::Cut(4)),
            Column::new("Date").rank(1),
        ],
        rows: rows.iter().map(|row| row.iter().map(Cell::new).collect()).collect(),
    }
}

fn screen(width: usize) -> Page {
    Page::Screen { width, colour: false }
}

#[test]
fn with_room_there_is_padding_then_none_then_cuts_then_a_column_less() {
    let table = table(&[["1", "webserver", "2024"], ["22", "db", "2023"]]);
    let expect = [
        (
            27,
            "\
╭────╥───────────╥──────╮
│  N ║ Name      ║ Date │
├────╫───────────╫──────┤
│  1 ║ webserver ║ 2024 │
│ 22 ║ db        ║ 2023 │
╰────╨───────────╨──────╯
",
        ),
        (
            24,
            "\
╭──╥─────────╥────╮
│ N║Name     ║Date│
├──╫─────────╫────┤
│ 1║webserver║2024│
│22║db       ║2023│
╰──╨─────────╨────╯
",
        ),
        (
            17,
            "\
╭──╥───────╥────╮
│ N║Name   ║Date│
├──╫───────╫────┤
│ 1║webser…║2024│
│22║db     ║2023│
╰──╨───────╨────╯
",
        ),
        (
            13,
            "\
╭──╥────────╮
│ N║Name    │
├──╫────────┤
│ 1║webserv…│
│22║db      │
╰──╨────────╯
",
        ),
    ];
    for (width, text) in expect {
        assert_eq!(table.render(screen(width)), text, "{width}");
    }
}

#[test]
fn no_line_is_wider_than_the_terminal_while_a_character_and_a_border_fit() {
    let table = table(&[
        ["1", "a-name-of-some-length", "2024-05-03"],
        ["22", "中文名字", "never"],
    ]);
    for width in 6..200 {
        for line in table.render(screen(width)).lines() {
            assert!(line.width() <= width, "{width}: {line}");
        }
    }
    let _ = table.render(screen(0));
}

#[test]
fn plain_is_never_cut_boxed_or_coloured_and_has_no_spaces_at_line_ends() {
    let mut table = table(&[["1", "a-name-of-some-length", ""], ["22", "db", "2023"]]);
    table.rows[1][1] = Cell::new("d b").or_plain("db").coloured(Colour::Green);
    let text = " N  Name                   Date\n 1  a-name-of-some-length\n22  db                     2023\n";
    assert_eq!(table.render(Page::Plain), text);
}

#[test]
fn wide_characters_count_two_columns() {
    let table = table(&[["1", "中文名字服务", "x"]]);
    assert_eq!(
        table.render(screen(16)),
        "\
╭─╥───────╥────╮
│N║Name   ║Date│
├─╫───────╫────┤
│1║中文名…║x   │
╰─╨───────╨────╯
"
    );
}

#[test]
fn colours_surround_the_cell_and_do_not_count() {
    let table = Table {
        columns: vec![Column::new("S")],
        rows: vec![vec![Cell::new("running").coloured(Colour::Green)]],
    };
    let text = table.render(Page::Screen {
        width: 40,
        colour: true,
    });
    assert!(text.contains("│ \x1b[32mrunning\x1b[0m │"), "{text}");
    assert!(text.contains("│ \x1b[36mS      \x1b[0m │"), "{text}");
}

#[test]
fn wrapped_cells_break_at_spaces_and_inside_words_that_are_too_long() {
    assert_eq!(wrap("one two three", 8), ["one two", "three"]);
    assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    assert_eq!(wrap("/a/very/long/path x", 8), ["/a/very/", "long/pat", "h x"]);
    assert_eq!(wrap("中文", 1), ["中", "文"]);
    assert_eq!(wrap("", 8), [""]);
}

#[test]
fn control_characters_are_shown_not_obeyed() {
    assert_eq!(
        Cell::new("a\x1b[2J\nb\u{9b}\u{202e}c").text,
        "a\\u{1b}[2J\\nb\\u{9b}\\u{202e}c"
    );
}
