use std::fs::{self, OpenOptions};
use std::io::Write;

use flate2::Compression as Level;
use flate2::write::GzEncoder;

use super::super::testing::{myself, of_stranger, stranger, temporary};
use super::*;

fn text(path: &Path, lines: Lines, with_archives: bool) -> String {
    let mut text = String::new();
    read(path, &myself(), lines, with_archives)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

fn write_gzip(path: &Path, text: &str) {
    let mut encoder = GzEncoder::new(File::create(path).unwrap(), Level::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap();
}

/// What `tail` means, said plainly.
fn expected(text: &str, lines: Lines) -> String {
    let all: Vec<&str> = text.split_inclusive('\n').collect();
    let first = match lines {
        Lines::All => 0,
        Lines::Last(n) => all.len().saturating_sub(usize::try_from(n).unwrap_or(usize::MAX)),
        Lines::From(n) => usize::try_from(n)
            .unwrap_or(usize::MAX)
            .saturating_sub(1)
            .min(all.len()),
    };
    all[first..].concat()
}

const CHOICES: [Lines; 12] = [
    Lines::All,
    Lines::Last(0),
    Lines::Last(1),
    Lines::Last(2),
    Lines::Last(3),
    Lines::Last(1000),
    Lines::Last(u64::MAX),
    Lines::From(0),
    Lines::From(1),
    Lines::From(2),
    Lines::From(4),
    Lines::From(u64::MAX),
];

#[test]
fn chosen_lines_are_those_that_tail_would_show() {
    let (_dir, log) = temporary();
    let long = "x".repeat(3 * BLOCK + 1);
    let edge = format!("{}\nend\n", "y".repeat(BLOCK - 5));
    let contents = [
        "",
        "\n",
        "\n\n\n",
        "a",
        "a\n",
        "a\nb",
        "a\nb\nc\n",
        &format!("a\n{long}\n{long}\nb"),
        &long,
        &edge,
    ];
    for content in contents {
        fs::write(&log, content).unwrap();
        for lines in CHOICES {
            let shown = text(&log, lines, false);
            assert!(
                shown == expected(content, lines),
                "{lines:?} of {} bytes",
                content.len()
            );
            let file = File::open(&log).unwrap();
            let start = usize::try_from(start_of(&file, content.len() as u64, lines).unwrap()).unwrap();
            assert!(
                content[start..] == expected(content, lines),
                "{lines:?} of {} bytes",
                content.len()
            );
        }
    }
}

#[test]
fn archives_and_log_are_one_text() {
    // Also cut in the middle of a line, and empty in between.
    let parts = ["1\n2\n", "3\n4", "5\n", "", "6\n7\n8"];
    for gzipped in 0..16 {
        for last in ["6\n7\n8", "6\n", ""] {
            let (dir, log) = temporary();
            let mut whole = String::new();
            for (index, part) in parts[..4].iter().enumerate() {
                let name = format!("web.log.{}", 4 - index);
                whole.push_str(part);
                if gzipped >> index & 1 == 1 {
                    write_gzip(&dir.path().join(name + ".gz"), part);
                } else {
                    fs::write(dir.path().join(name), part).unwrap();
                }
            }
            fs::write(&log, last).unwrap();
            whole.push_str(last);
            for lines in (0..10)
                .map(Lines::Last)
                .chain((0..10).map(Lines::From))
                .chain([Lines::All])
            {
                assert_eq!(
                    text(&log, lines, true),
                    expected(&whole, lines),
                    "{lines:?} {gzipped:b} {last:?}"
                );
            }
        }
    }
}

#[test]
fn only_the_end_of_a_large_log_is_read() {
    let (_dir, log) = temporary();
    // A hole of a terabyte: reading it would take minutes.
    let mut file = File::create(&log).unwrap();
    file.set_len(1 << 40).unwrap();
    file.seek(io::SeekFrom::End(0)).unwrap();
    file.write_all(b"\nlast\n").unwrap();
    assert_eq!(text(&log, Lines::Last(1), false), "last\n");
}

#[test]
fn log_that_grows_meanwhile_has_an_end() {
    let (_dir, log) = temporary();
    fs::write(&log, "one\n").unwrap();
    let mut reader = read(&log, &myself(), Lines::All, false).unwrap();
    OpenOptions::new()
        .append(true)
        .open(&log)
        .unwrap()
        .write_all(b"two\n")
        .unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "one\n");
}

#[test]
fn log_that_was_truncated_meanwhile_just_ends() {
    let (_dir, log) = temporary();
    fs::write(&log, "one\ntwo\n").unwrap();
    let mut reader = read(&log, &myself(), Lines::Last(2), false).unwrap();
    OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
    assert_eq!(reader.read(&mut [0; 10]).unwrap(), 0);
}

#[test]
fn archives_are_shown_when_the_log_is_gone() {
    let (dir, log) = temporary();
    assert!(read(&log, &myself(), Lines::All, true).unwrap_err().is_missing());
    fs::write(dir.path().join("web.log.1"), "old\n").unwrap();
    assert_eq!(text(&log, Lines::All, true), "old\n");
    let error = read(&log, &myself(), Lines::All, false).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot open {}: No such file", log.display())),
        "{error}"
    );
}

#[test]
fn log_under_two_names_is_shown_once() {
    let (dir, log) = temporary();
    fs::write(&log, "text\n").unwrap();
    fs::hard_link(&log, dir.path().join("web.log.1")).unwrap();
    assert_eq!(text(&log, Lines::All, true), "text\n");
}

#[test]
fn archives_that_cannot_be_read_are_left_out_and_named() {
    let Some((dir, log)) = of_stranger("archives_that_cannot_be_read_are_left_out_and_named") else {
        return;
    };
    for name in ["web.log", "web.log.1", "web.log.2.xz"] {
        fs::write(dir.path().join(name), format!("{name}\n")).unwrap();
    }
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(dir.path().join("web.log.1"), private).unwrap();
    let mut reader = read(&log, &stranger(), Lines::All, true).unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "web.log\n");
    let reasons: Vec<String> = reader.unreadable().iter().map(ToString::to_string).collect();
    assert!(
        reasons[0].ends_with("web.log.2.xz: only gzip is understood"),
        "{reasons:?}"
    );
    assert!(reasons[1].contains("web.log.1: Permission denied"), "{reasons:?}");
}

#[test]
fn damaged_archive_is_named() {
    let (dir, log) = temporary();
    fs::write(&log, "text\n").unwrap();
    fs::write(dir.path().join("web.log.1.gz"), "this is not gzip").unwrap();
    let mut reader = read(&log, &myself(), Lines::All, true).unwrap();
    let error = reader.read_to_string(&mut String::new()).unwrap_err();
    assert!(
        error.to_string().contains("web.log.1.gz cannot be decompressed"),
        "{error}"
    );
    let error = read(&log, &myself(), Lines::Last(9), true).unwrap_err();
    assert!(
        error.to_string().contains("web.log.1.gz cannot be decompressed"),
        "{error}"
    );
}
