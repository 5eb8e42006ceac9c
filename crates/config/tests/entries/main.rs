//! Process configurations: what each field takes, and what is said about what is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy knows tests by their attribute, not their helpers"
)]

mod wrong;

use pmon3_config::{Entries, Entry, Format, load_entries, parse_entries, read_entries};
use std::fs;
use std::path::Path;
use std::time::Duration;

const FORMATS: [Format; 3] = [Format::Json, Format::Yaml, Format::Toml];

fn read(text: &str, format: Format) -> Result<Entries, String> {
    parse_entries(Path::new("/etc/own"), text, format).map_err(|error| error.to_string())
}

/// One process at /bin/x, called x, with one more field. Gives the text and the line and column of the field's value.
fn with(field: &str, value: &str, format: Format) -> (String, (usize, usize)) {
    match format {
        Format::Json => (
            format!("{{\"processes\": [{{\n  \"file\": \"/bin/x\",\n  \"{field}\": {value}\n}}]}}\n"),
            (3, field.len() + 7),
        ),
        Format::Yaml => (
            format!("processes:\n  - file: /bin/x\n    {field}: {value}\n"),
            (3, field.len() + 7),
        ),
        Format::Toml => (
            format!("[[processes]]\nFile = \"/bin/x\"\n{field} = {value}\n"),
            (3, field.len() + 4),
        ),
    }
}

#[track_caller]
fn entry(field: &str, value: &str, format: Format) -> Entry {
    let (text, _) = with(field, value, format);
    let read = read(&text, format).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(read.warnings, [""; 0], "{text}");
    read.entries.into_iter().next().unwrap()
}

fn expected(change: impl FnOnce(&mut Entry)) -> Entry {
    let mut entry = Entry {
        file: "/bin/x".to_owned(),
        ..Entry::default()
    };
    change(&mut entry);
    entry
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn every_field_is_taken_in_every_format() {
    for format in FORMATS {
        for (field, value, wanted) in [
            ("name", r#""y""#, expected(|entry| entry.name = Some("y".to_owned()))),
            (
                "args",
                r#""-a 'b c'""#,
                expected(|entry| entry.args = texts(&["-a", "b c"])),
            ),
            (
                "args",
                r#"["-a", "b c", ""]"#,
                expected(|entry| entry.args = texts(&["-a", "b c", ""])),
            ),
            (
                "env_vars",
                r#""A=1 B='x y'""#,
                expected(|entry| entry.env_vars = [("A".into(), "1".into()), ("B".into(), "x y".into())].into()),
            ),
            (
                "env_vars",
                r#"["A=1", "B=x y"]"#,
                expected(|entry| entry.env_vars = [("A".into(), "1".into()), ("B".into(), "x y".into())].into()),
            ),
            (
                "user",
                r#""joe""#,
                expected(|entry| entry.user = Some("joe".to_owned())),
            ),
            (
                "log",
                r#""/l/x.log""#,
                expected(|entry| entry.log = Some("/l/x.log".to_owned())),
            ),
            (
                "log_dir",
                r#""/l/""#,
                expected(|entry| entry.log_dir = Some("/l/".to_owned())),
            ),
            (
                "no_auto_restart",
                "true",
                expected(|entry| entry.no_auto_restart = true),
            ),
            (
                "dependencies",
                r#"["a", "b"]"#,
                expected(|entry| entry.dependencies = texts(&["a", "b"])),
            ),
            ("groups", r#"["g"]"#, expected(|entry| entry.groups = texts(&["g"]))),
            (
                "cwd",
                r#""/srv""#,
                expected(|entry| entry.cwd = Some("/srv".to_owned())),
            ),
            (
                "stop_timeout",
                "2.5",
                expected(|entry| entry.stop_timeout = Some(Duration::from_millis(2500))),
            ),
            (
                "stop_timeout",
                "3",
                expected(|entry| entry.stop_timeout = Some(Duration::from_secs(3))),
            ),
        ] {
            assert_eq!(entry(field, value, format), wanted, "{format:?} {field}");
        }
    }
}

#[test]
fn variables_may_be_a_map_whose_scalars_are_taken_as_they_are_written() {
    let wanted = [("MODE", "0080"), ("ON", "true"), ("RATE", "1.10"), ("TEXT", "a b")];
    let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let yaml = "{MODE: 0080, ON: true, RATE: 1.10, TEXT: a b}";
    assert_eq!(entry("env_vars", yaml, Format::Yaml).env_vars, wanted);
    // A number with a zero before it is none in the other two.
    let json = r#"{"MODE": "0080", "ON": true, "RATE": 1.10, "TEXT": "a b"}"#;
    assert_eq!(entry("env_vars", json, Format::Json).env_vars, wanted);
    let toml = r#"{MODE = "0080", ON = true, RATE = 1.10, TEXT = "a b"}"#;
    assert_eq!(entry("EnvVars", toml, Format::Toml).env_vars, wanted);
    let table = "[[Processes]]\nFile = \"/bin/x\"\n[Processes.EnvVars]\nMODE = \"0080\"\nON = true\nRATE = 1.10\nTEXT = \"a b\"\n";
    assert_eq!(read(table, Format::Toml).unwrap().entries[0].env_vars, wanted);
}

#[test]
fn numbers_among_arguments_are_taken_as_they_are_written() {
    for format in FORMATS {
        assert_eq!(
            entry("args", r#"["-p", 5555, 1.50, true]"#, format).args,
            ["-p", "5555", "1.50", "true"]
        );
    }
    assert_eq!(entry("args", "5555", Format::Yaml).args, ["5555"]);
}

#[test]
fn toml_keys_are_matched_without_regard_to_case_and_underscores() {
    for key in ["NoAutoRestart", "no_auto_restart", "noautorestart", "NO_AUTO_RESTART"] {
        assert!(entry(key, "true", Format::Toml).no_auto_restart, "{key}");
    }
}

#[test]
fn a_name_alone_is_a_list_of_one() {
    assert_eq!(entry("dependencies", "a", Format::Yaml).dependencies, ["a"]);
    assert_eq!(entry("groups", "\"g\"", Format::Json).groups, ["g"]);
}

#[test]
fn fields_without_a_value_say_nothing() {
    for field in [
        "name",
        "args",
        "env_vars",
        "user",
        "log",
        "log_dir",
        "no_auto_restart",
        "dependencies",
        "groups",
        "cwd",
    ] {
        for (value, format) in [("null", Format::Json), ("", Format::Yaml), ("~", Format::Yaml)] {
            assert_eq!(entry(field, value, format), expected(|_| ()), "{field}");
        }
    }
    for field in [
        "name",
        "args",
        "env_vars",
        "user",
        "log",
        "log_dir",
        "dependencies",
        "groups",
        "cwd",
    ] {
        for format in FORMATS {
            assert_eq!(entry(field, "\"\"", format), expected(|_| ()), "{field}");
        }
    }
}

#[test]
fn yaml_anchors_aliases_and_merges_work() {
    let text = "\
defaults: &d
  user: joe
  env_vars: {A: 1}
processes:
  - <<: *d
    file: /bin/a
  - <<: [*d]
    file: /bin/b
    user: ann
";
    let read = read(text, Format::Yaml).unwrap();
    let users: Vec<_> = read
        .entries
        .iter()
        .map(|entry| entry.user.as_deref().unwrap())
        .collect();
    assert_eq!(users, ["joe", "ann"]);
    assert!(read.entries.iter().all(|entry| entry.env_vars["A"] == "1"));
    assert_eq!(read.warnings.len(), 1, "the key `defaults`: {:?}", read.warnings);
}

#[test]
fn json_escapes_are_understood() {
    let text = r#"{"processes": [{"file": "\/bin\/x", "args": ["\u00e9\ud83d\ude00\"\\\n\t"]}]}"#;
    assert_eq!(read(text, Format::Json).unwrap().entries[0].args, ["é😀\"\\\n\t"]);
}

#[test]
fn nothing_in_a_file_is_no_process() {
    for format in FORMATS {
        assert!(read("", format).unwrap().entries.is_empty());
        assert!(read(" \n", format).unwrap().entries.is_empty());
    }
    assert!(read("processes:\n", Format::Yaml).unwrap().entries.is_empty());
    assert!(read("{\"processes\": null}", Format::Json).unwrap().entries.is_empty());
}

#[test]
fn the_format_is_told_by_the_extension() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.json", "{\"processes\": [{\"file\": \"/bin/x\"}]}"),
        ("a.JSON", "{\"processes\": [{\"file\": \"/bin/x\"}]}"),
        ("a.yaml", "processes: [{file: /bin/x}]"),
        ("a.yml", "processes: [{file: /bin/x}]"),
        ("a.conf", "processes: [{file: /bin/x}]"),
        ("a", "processes: [{file: /bin/x}]"),
        ("a.toml", "[[processes]]\nfile = \"/bin/x\""),
    ] {
        let file = dir.path().join(name);
        fs::write(&file, text).unwrap();
        assert_eq!(read_entries(&file).unwrap(), [expected(|_| ())], "{name}");
    }
    let said = read_entries(&dir.path().join("none.json")).unwrap_err().to_string();
    assert!(said.contains("none.json") && said.contains("does not exist"), "{said}");
}

#[test]
fn the_place_of_a_field_can_be_named_later() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("p.yaml");
    fs::write(
        &file,
        "processes:\n- file: /bin/a\n- name: web\n  file: /bin/b\n  user: nobody-here\n",
    )
    .unwrap();
    let read = load_entries(&file).unwrap();
    let file = file.display();
    assert_eq!(read.place(1, "user"), format!("{file}:5:3: process 2 (web): user"));
    assert_eq!(read.place(0, "user"), format!("{file}:2:3: process 1 (a): user"));
    assert_eq!(read.place(9, "user"), format!("{file}: process 10: user"));
}
