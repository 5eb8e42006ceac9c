//! Files that are too large, too deep, or no text at all; and any file that was good before somebody touched it.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not their helpers"
)]

use pmon3_config::{Environment, Format, load, parse_entries, read_entries};
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::path::Path;

const DOCUMENTED: [(Format, &str); 3] = [
    (Format::Json, include_str!("documentation/process.config.json")),
    (Format::Yaml, include_str!("documentation/process.config.yaml")),
    (Format::Toml, include_str!("documentation/process.config.toml")),
];
const NESTED: &str = "logs: {directory: /l, file_mode: 0640}\nwait:\n  cmd_exec_response: 5\nevent_handling: {process_restart: [a, b]}\n";

fn said(file: &Path) -> [String; 2] {
    let settings = load(&Environment::new(false, [("PMON3_CONF", file)])).map(|_| ());
    let entries = read_entries(file).map(|_| ());
    [settings.unwrap_err().to_string(), entries.unwrap_err().to_string()]
}

#[test]
fn what_cannot_be_read_as_text_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("large"), "#".repeat(1024 * 1024 + 1)).unwrap();
    fs::write(at("binary"), b"a: 1\nb: \xff\xfe\n").unwrap();
    fs::create_dir(at("directory")).unwrap();
    mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    for (name, why) in [
        ("large", "1 MiB"),
        ("binary", "UTF-8 (line 2)"),
        ("directory", "not a file"),
        ("pipe", "not a file"),
    ] {
        for said in said(&at(name)) {
            assert!(
                said.starts_with(&at(name).display().to_string()) && said.contains(why),
                "{said}"
            );
        }
    }
    fs::write(at("fits"), "#".repeat(1024 * 1024)).unwrap();
    assert!(read_entries(&at("fits")).unwrap().is_empty());
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    let (open, close) = ("[".repeat(100), "]".repeat(100));
    for (format, text) in [
        (Format::Json, format!("{{\"processes\": {open}{close}}}")),
        (Format::Yaml, format!("processes: {open}{close}")),
        (Format::Toml, format!("processes = {open}{close}")),
    ] {
        let said = parse_entries(Path::new("deep"), &text, format).unwrap_err().to_string();
        assert!(said.starts_with("deep"), "{said}");
    }
    // As deep as a file within the limit of size can go.
    for (format, text) in [
        (Format::Json, "[".repeat(1_000_000)),
        (Format::Yaml, "[".repeat(1_000_000)),
        (Format::Yaml, "- ".repeat(500_000)),
        (Format::Toml, "a = ".to_owned() + &"[".repeat(1_000_000)),
        (Format::Toml, "a.".repeat(400_000) + "a = 1"),
    ] {
        assert!(
            parse_entries(Path::new("deep"), &text, format).is_err(),
            "{}",
            &text[..20]
        );
    }
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        text += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    let said = parse_entries(Path::new("laughs"), &text, Format::Yaml)
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("laughs:") && said.contains("aliases"), "{said}");
    let said = parse_entries(Path::new("self"), "a: &a [*a]\n", Format::Yaml)
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("self:1:"), "{said}");
}

#[test]
fn aliases_of_deep_values_are_as_deep_as_what_they_name() {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for level in 1..2_000 {
        let (open, close) = ("[".repeat(28), "]".repeat(28));
        text += &format!("a{level}: &a{level} {open}*a{}{close}\n", level - 1);
    }
    let said = parse_entries(Path::new("chain"), &text, Format::Yaml)
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("chain:4:") && said.contains("levels deep"), "{said}");
}

#[test]
fn aliases_of_long_texts_are_refused_before_they_are_many() {
    let aliases = vec!["*a"; 90_000].join(", ");
    let text = format!("a: &a \"{}\"\nb: [{aliases}]\n", "x".repeat(500_000));
    let said = parse_entries(Path::new("bomb"), &text, Format::Yaml)
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("bomb:2:") && said.contains("aliases"), "{said}");
}

#[test]
fn a_merge_of_many_keys_takes_no_more_than_a_moment() {
    let keys = |letter: &str| (0..30_000).map(|n| format!("{letter}{n}: 1, ")).collect::<String>();
    let text = format!("a: &a {{{}}}\nb: {{<<: *a, {}}}\n", keys("a"), keys("b"));
    let began = std::time::Instant::now();
    assert!(parse_entries(Path::new("merge"), &text, Format::Yaml).is_ok());
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text_in_any_format() {
    let dir = tempfile::tempdir().unwrap();
    for (name, (_, text)) in ["p.json", "p.yaml", "p.toml"].into_iter().zip(DOCUMENTED) {
        let file = dir.path().join(name);
        fs::write(&file, format!("\u{feff}{text}")).unwrap();
        assert_eq!(read_entries(&file).unwrap().len(), 3, "{name}");
    }
}

/// A change of a file: at a place, as a share of its length, so many characters are replaced by these.
fn change() -> impl Strategy<Value = (f64, usize, String)> {
    let odd = prop::sample::select(vec![
        "\"",
        "'",
        "\\",
        "\n",
        "\t",
        " ",
        ":",
        "-",
        "[",
        "]",
        "{",
        "}",
        "#",
        "&a",
        "*a",
        "<<: ",
        "!",
        "|",
        ">",
        "=",
        ",",
        ".",
        "\u{0}",
        "\r",
        "null",
        "true",
        "1e999",
        "-",
        "0x",
        "\u{feff}",
        "é",
        "processes",
        "[[",
        "]]",
    ]);
    let text = prop_oneof![odd.prop_map(str::to_owned), ".{0,4}"];
    (0.0..1.0_f64, 0..6_usize, text)
}

fn mutated(text: &str, changes: &[(f64, usize, String)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (share, length, put) in changes {
        let at = (share * chars.len() as f64) as usize;
        let end = (at + length).min(chars.len());
        chars.splice(at..end, put.chars());
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_process_configuration_is_an_error_of_one_line_or_right(changes in prop::collection::vec(change(), 1..5)) {
        for (format, text) in DOCUMENTED {
            let text = mutated(text, &changes);
            match parse_entries(Path::new("p"), &text, format) {
                Ok(read) => prop_assert!(read.entries.iter().all(|entry| !entry.file.is_empty())),
                Err(error) => {
                    let (line, column) = error.position().unwrap_or((1, 1));
                    prop_assert!(line >= 1 && column >= 1 && line <= text.lines().count().max(1), "{error}");
                    prop_assert!(!error.to_string().contains('\n'), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_mutated_config_yml_is_an_error_of_one_line_or_right(changes in prop::collection::vec(change(), 1..5)) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.yml");
        let environment = Environment::new(true, [("PMON3_CONF", &file)]);
        let shipped = pmon3_config::sample_config();
        for text in [include_str!("documentation/config.yml"), NESTED, &shipped] {
            fs::write(&file, mutated(text, &changes)).unwrap();
            match load(&environment) {
                Ok(loaded) => prop_assert!(loaded.settings.data_dir.is_absolute()),
                Err(error) => {
                    prop_assert_eq!(error.file(), Some(file.as_path()));
                    prop_assert!(!error.to_string().contains('\n'), "{}", error);
                }
            }
        }
    }
}
