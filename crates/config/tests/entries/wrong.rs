//! What is said about what is wrong.

use super::{FORMATS, entry, read, with};
use pmon3_config::Format;

#[test]
fn a_wrong_value_is_an_error_with_its_place_the_process_and_the_field() {
    // What no format takes, and what only some do not.
    let lists = ["{a: 1}", r#"{"a": 1}"#, "{a = 1}"];
    for (field, values) in [
        ("file", &["[]", "\"\"", "\"relative/path\"", "\"/dir/\""][..]),
        ("name", &["[]", "\"../a\"", "\"a b\"", "\"7\"", "[\"a\"]", "\"..\""]),
        ("args", &["\"'open\"", "[[\"a\"]]", "\"a\\\\\""]),
        ("env_vars", &["\"A\"", "[\"A\"]", "[[\"A=1\"]]", "\"'A=1\"", "[\"=1\"]"]),
        ("user", &["[]"]),
        ("log", &["[]", "\"relative.log\""]),
        ("log_dir", &["[]", "\"relative\""]),
        ("no_auto_restart", &["\"true\"", "[]", "2", "\"perhaps\""]),
        ("dependencies", &["[[\"a\"]]", "[\"a b\"]", "[\"\"]"]),
        ("groups", &["[[\"a\"]]", "[\"a/b\"]", "[\"1\"]"]),
        ("cwd", &["[]", "\"srv\""]),
        ("stop_timeout", &["\"soon\"", "-1", "86401", "[]", "1e300"]),
    ] {
        for format in FORMATS {
            let map = lists[[Format::Yaml, Format::Json, Format::Toml]
                .iter()
                .position(|f| *f == format)
                .unwrap()];
            let maps = if field == "env_vars" { &[][..] } else { &[map][..] };
            for value in values.iter().chain(maps) {
                let (text, (line, column)) = match field {
                    "file" => instead_of_the_file(value, format),
                    _ => with(field, value, format),
                };
                let said = read(&text, format).expect_err(&text);
                let inside = value.starts_with("[[") || value.starts_with("[\"");
                let place = if inside {
                    format!("/etc/own:{line}:")
                } else {
                    format!("/etc/own:{line}:{column}: ")
                };
                assert!(said.starts_with(&place), "{format:?} {field} {value}: {said}");
                assert!(said.contains("process 1"), "{said}");
                assert!(
                    said.contains(&format!("{field}: found ")),
                    "{format:?} {field} {value}: {said}"
                );
                assert!(!said.contains('\n'), "one line: {said}");
            }
        }
    }
}

fn instead_of_the_file(value: &str, format: Format) -> (String, (usize, usize)) {
    match format {
        Format::Json => (format!("{{\"processes\": [\n{{\"file\": {value}}}]}}"), (2, 10)),
        Format::Yaml => (format!("processes:\n- file: {value}\n"), (2, 9)),
        Format::Toml => (format!("[[processes]]\nfile = {value}\n"), (2, 8)),
    }
}

#[test]
fn json_and_toml_want_texts_where_yaml_takes_what_is_written() {
    for format in [Format::Json, Format::Toml] {
        for field in ["name", "user", "log", "cwd"] {
            let (text, (line, column)) = with(field, "7", format);
            let said = read(&text, format).expect_err(&text);
            assert!(
                said.starts_with(&format!("/etc/own:{line}:{column}: ")) && said.contains("found 7"),
                "{said}"
            );
        }
    }
    assert_eq!(entry("user", "1000", Format::Yaml).user.as_deref(), Some("1000"));
    assert_eq!(entry("name", "1.10", Format::Yaml).name.as_deref(), Some("1.10"));
}

#[test]
fn an_unknown_field_is_a_warning_with_its_place_the_process_and_the_nearest_field() {
    for (format, field, value) in [
        (Format::Json, "no_autorestart", "true"),
        (Format::Yaml, "no_autorestart", "true"),
        (Format::Toml, "NoAutRestart", "true"),
    ] {
        let (text, _) = with(field, value, format);
        let read = read(&text, format).unwrap();
        let [warning] = &read.warnings[..] else {
            panic!("{:?}", read.warnings)
        };
        assert!(
            warning.starts_with("/etc/own:3:") && warning.contains("process 1: unknown field"),
            "{warning}"
        );
        assert!(
            warning.contains(field) && warning.ends_with("no_auto_restart"),
            "{warning}"
        );
    }
    let read = read("proceses: []\n", Format::Yaml).unwrap();
    assert!(
        read.warnings[0].starts_with("/etc/own:1:1: unknown field proceses"),
        "{:?}",
        read.warnings
    );
}

#[test]
fn a_field_that_is_given_twice_is_an_error_with_both_lines() {
    for (format, text) in [
        (
            Format::Json,
            "{\"processes\": [{\n\"file\": \"/bin/x\",\n\"user\": \"a\",\n\n\"user\": \"b\"}]}",
        ),
        (Format::Yaml, "processes:\n- file: /bin/x\n  user: a\n\n  user: b\n"),
        (
            Format::Toml,
            "[[Processes]]\nFile = \"/bin/x\"\nUser = \"a\"\n\nUser = \"b\"\n",
        ),
        (
            Format::Toml,
            "[[Processes]]\nFile = \"/bin/x\"\nUser = \"a\"\n\nuser = \"b\"\n",
        ),
        (Format::Toml, "[[Processes]]\nUser = \"z\"\nFile = \"/bin/z\"\n"),
    ] {
        match read(text, format) {
            Ok(_) => assert!(text.contains("/bin/z"), "{text}"),
            Err(said) => {
                let said = said.to_lowercase();
                assert!(
                    said.starts_with("/etc/own:5:") && said.contains("user: given twice, first on line 3"),
                    "{said}"
                );
            }
        }
    }
    let said = read("processes: []\nprocesses: []\n", Format::Yaml).unwrap_err();
    assert!(
        said.starts_with("/etc/own:2:1: processes: given twice, first on line 1"),
        "{said}"
    );
}

#[test]
fn a_variable_that_is_given_twice_in_a_map_is_an_error_with_both_lines() {
    for (format, map) in [
        (Format::Json, "{\"A\": \"1\",\n\"A\": \"2\"}"),
        (Format::Yaml, "{A: 1,\n      A: 2}"),
    ] {
        let said = read(&with("env_vars", map, format).0, format).unwrap_err();
        assert!(
            said.starts_with("/etc/own:3:") && said.contains("env_vars: found \"A\" twice, on line 3 and on line 4"),
            "{said}"
        );
    }
    let text = "[[processes]]\nfile = \"/bin/x\"\n[processes.env_vars]\nA = \"1\"\nA = \"2\"\n";
    let said = read(text, Format::Toml).unwrap_err();
    assert!(
        said.starts_with("/etc/own:5:") && said.contains("first on line 4"),
        "{said}"
    );
}

#[test]
fn two_processes_of_one_name_are_an_error_with_both_lines() {
    for (first, second) in [
        ("name: a, file: /bin/x", "name: a, file: /bin/y"),
        ("file: /bin/a", "file: /opt/a"),
        ("name: a, file: /bin/x", "file: /bin/a"),
    ] {
        let said = read(&format!("processes:\n- {{{first}}}\n- {{{second}}}\n"), Format::Yaml).unwrap_err();
        assert!(
            said.starts_with("/etc/own:3:") && said.contains("line 2 is a") && said.contains("name"),
            "{said}"
        );
    }
}

#[test]
fn a_process_without_a_file_is_an_error() {
    for (format, text) in [
        (Format::Json, "{\"processes\": [\n{\"name\": \"a\"}]}"),
        (Format::Yaml, "processes:\n- name: a\n"),
        (Format::Toml, "\n[[Processes]]\nName = \"a\"\n"),
    ] {
        let said = read(text, format).unwrap_err();
        assert!(
            said.starts_with("/etc/own:2:") && said.contains("process 1 (a): file: "),
            "{said}"
        );
    }
}

#[test]
fn a_file_whose_base_name_is_no_name_wants_one() {
    let said = read("processes:\n- file: /srv/my program\n", Format::Yaml).unwrap_err();
    assert!(
        said.starts_with("/etc/own:2:") && said.contains("my program") && said.contains("give it a name"),
        "{said}"
    );
    assert!(read("processes:\n- file: /srv/my program\n  name: mine\n", Format::Yaml).is_ok());
}

#[test]
fn a_text_with_a_nul_is_refused() {
    for format in [Format::Json, Format::Yaml] {
        for field in ["args", "env_vars", "user", "cwd"] {
            let (text, _) = with(field, r#""/A=\u0000""#, format);
            let said = read(&text, format).expect_err(&text);
            assert!(said.contains("/etc/own:3:") && said.contains(field), "{said}");
        }
    }
}

#[test]
fn broken_syntax_is_an_error_with_line_and_column() {
    for (format, text, place, said) in [
        (Format::Json, "{\"processes\": [\n{,]}", "2:2", "JSON"),
        (Format::Json, "{\"processes\": [", "1:15", "JSON"),
        (Format::Json, "{} x", "1:4", "JSON"),
        (Format::Yaml, "processes:\n- file: [\n", "2:10", "YAML"),
        (Format::Yaml, "processes:\n\t- file: x\n", "2:", "YAML"),
        (Format::Yaml, "a: 1\n---\nb: 2\n", "3:1", "document"),
        (Format::Yaml, "a: *nobody\n", "1:4", "YAML"),
        (Format::Yaml, "a: !ruby/object {}\nprocesses: !x 5\n", "2:", "tag"),
        (Format::Toml, "[[Processes]]\nFile = /bin/x\n", "2:8", "TOML"),
        (Format::Toml, "[[Processes\n", "1:", "TOML"),
    ] {
        let error = read(text, format).expect_err(text);
        assert!(
            error.starts_with(&format!("/etc/own:{place}")) && error.contains(said),
            "{text}: {error}"
        );
        assert!(!error.contains('\n'), "one line: {error}");
    }
}

#[test]
fn what_is_no_list_of_maps_is_an_error() {
    for (format, text, place) in [
        (Format::Json, "[]", "1:1"),
        (Format::Json, "{\"processes\": {}}", "1:15"),
        (Format::Json, "{\"processes\": [7]}", "1:16"),
        (Format::Yaml, "processes: text\n", "1:12"),
        (Format::Yaml, "processes:\n- text\n", "2:3"),
        (Format::Toml, "processes = 7\n", "1:13"),
    ] {
        let error = read(text, format).expect_err(text);
        assert!(
            error.starts_with(&format!("/etc/own:{place}: ")) && error.contains("wanted a "),
            "{text}: {error}"
        );
    }
}
