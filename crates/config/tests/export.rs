//! What is exported and read again is the same.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not their helpers"
)]

use pmon3_config::{Entry, Format, assignments, join_words, parse_entries, render_entries, words};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use std::path::Path;
use std::time::Duration;

const FORMATS: [Format; 3] = [Format::Json, Format::Yaml, Format::Toml];

/// Any text that a program can be given, with more than a fair share of what breaks sloppy writers.
fn text() -> impl Strategy<Value = String> {
    let hard = prop::sample::select(vec![
        '"', '\'', '\\', ' ', '\n', '\t', '\r', '#', ':', '-', '$', '`', '=', '{', '[', ',', '&', '*', '!', '|', '>',
        '%', '@', '~', '\u{1}', '\u{7f}', '\u{85}', '\u{a0}', '\u{2028}', '\u{2029}', '\u{feff}', '\u{ffff}', 'é',
        '日', '🦀',
    ]);
    let any = any::<char>().prop_filter("programs cannot be given a NUL", |c| *c != '\0');
    vec(prop_oneof![hard, any, prop::char::range('a', 'z')], 0..12).prop_map(|chars| chars.into_iter().collect())
}

fn path() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("/{text}x"))
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9._@:-]{0,20}x"
}

fn entry() -> impl Strategy<Value = Entry> {
    let user = option::of(text().prop_map(|text| text + "u"));
    let seconds = (0..86_400_u64, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos));
    let variable = "[^=\0]{1,8}".prop_filter("a name", |name| !name.is_empty());
    let program = (path(), name(), vec(text(), 0..4), btree_map(variable, text(), 0..4));
    let places = (user, option::of(path()), option::of(path()), option::of(path()));
    let rest = (any::<bool>(), vec(name(), 0..3), vec(name(), 0..3), option::of(seconds));
    (program, places, rest).prop_map(|(program, places, rest)| Entry {
        file: program.0,
        name: Some(program.1),
        args: program.2,
        env_vars: program.3,
        user: places.0,
        log: places.1,
        log_dir: places.2,
        cwd: places.3,
        no_auto_restart: rest.0,
        dependencies: rest.1,
        groups: rest.2,
        stop_timeout: rest.3,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_export_reads_back_as_the_same_entries_in_every_format(mut entries in vec(entry(), 0..4)) {
        for (index, entry) in entries.iter_mut().enumerate() {
            entry.name = entry.name.take().map(|name| format!("{name}{index}"));
        }
        for format in FORMATS {
            let written = render_entries(&entries, format);
            let read = parse_entries(Path::new("export"), &written, format);
            let read = read.map_err(|error| TestCaseError::fail(format!("{error}\n{written}")))?;
            prop_assert_eq!(&read.entries, &entries, "{:?}:\n{}", format, written);
            prop_assert_eq!(read.warnings, [""; 0]);
        }
    }

    #[test]
    fn joined_words_split_into_the_same_words(list in vec(text(), 0..6)) {
        prop_assert_eq!(words(&join_words(&list)).unwrap(), list);
    }

    #[test]
    fn splitting_never_panics(text in ".*") {
        let _ = words(&text);
        let _ = assignments(&text);
    }
}

#[test]
fn an_export_looks_like_the_documentation() {
    let entry = Entry {
        file: "/usr/local/bin/happac".to_owned(),
        name: Some("happac1".to_owned()),
        args: ["-h", "host", "-p", "5555"].map(str::to_owned).to_vec(),
        env_vars: [
            ("A".to_owned(), "b c".to_owned()),
            ("NODE_ENV".to_owned(), "prod".to_owned()),
        ]
        .into(),
        log_dir: Some("/var/log/custom/".to_owned()),
        no_auto_restart: true,
        groups: vec!["happac".to_owned()],
        stop_timeout: Some(Duration::from_millis(2500)),
        ..Entry::default()
    };
    let expected = [
        r#"{
  "processes": [
    {
      "file": "/usr/local/bin/happac",
      "name": "happac1",
      "args": "-h host -p 5555",
      "env_vars": "'A=b c' NODE_ENV=prod",
      "log_dir": "/var/log/custom/",
      "no_auto_restart": true,
      "groups": ["happac"],
      "stop_timeout": 2.5
    }
  ]
}
"#,
        r#"processes:
  - file: "/usr/local/bin/happac"
    name: "happac1"
    args: "-h host -p 5555"
    env_vars: "'A=b c' NODE_ENV=prod"
    log_dir: "/var/log/custom/"
    no_auto_restart: true
    groups:
      - "happac"
    stop_timeout: 2.5
"#,
        r#"[[Processes]]
  File = "/usr/local/bin/happac"
  Name = "happac1"
  Args = "-h host -p 5555"
  EnvVars = "'A=b c' NODE_ENV=prod"
  LogDir = "/var/log/custom/"
  NoAutoRestart = true
  Groups = [ "happac" ]
  StopTimeout = 2.5
"#,
    ];
    for (format, expected) in FORMATS.into_iter().zip(expected) {
        assert_eq!(render_entries(std::slice::from_ref(&entry), format), expected);
    }
}

#[test]
fn nothing_exported_is_a_configuration_of_nothing() {
    for format in FORMATS {
        let written = render_entries(&[], format);
        let read = parse_entries(Path::new("export"), &written, format).unwrap();
        assert!(read.entries.is_empty() && read.warnings.is_empty(), "{written}");
    }
}

#[test]
fn words_are_split_as_a_posix_shell_splits_them() {
    for (text, expected) in [
        ("", &[][..]),
        ("  a\tb\n c ", &["a", "b", "c"]),
        ("'a b' c", &["a b", "c"]),
        (r#""a b"c'd e'"#, &["a bcd e"]),
        (r"a\ b \'", &["a b", "'"]),
        (r#"'\' "\"" "\a""#, &["\\", "\"", "\\a"]),
        ("'' \"\"", &["", ""]),
        ("$HOME `x` *.c #tag", &["$HOME", "`x`", "*.c", "#tag"]),
        ("a\\\nb", &["ab"]),
        ("ä 日本", &["ä", "日本"]),
        ("a\rb\u{b}c\u{a0}d", &["a\rb\u{b}c\u{a0}d"]),
    ] {
        assert_eq!(words(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn words_that_are_not_finished_are_refused() {
    for (text, said) in [
        ("'a", "quote '"),
        ("a \"b", "quote \""),
        ("a\\", "backslash"),
        ("\"a\\", "quote \""),
    ] {
        let error = words(text).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn assignments_want_a_name_and_a_value() {
    let read = assignments("A=1 B='x y' EMPTY= C=a=b A=2").unwrap();
    let read: Vec<_> = read
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(read, [("A", "2"), ("B", "x y"), ("C", "a=b"), ("EMPTY", "")]);
    for text in ["A", "=x", "A=1 B"] {
        assert!(assignments(text).is_err(), "{text}");
    }
}
