//! `config check` and `config show`, and commands where the configuration is broken.

use super::{Ended, Fake, surroundings};
use crate::cli::table::Page;
use std::path::PathBuf;

/// Runs a command where these are the files; `{}` in the arguments is their directory, and is cut from what is said.
fn run_with(files: &[(&str, &str)], vars: &[(&str, &str)], args: &[&str]) -> Ended {
    let fake = Fake::none();
    let dir = fake.dir.path().to_str().unwrap().to_owned();
    for (name, text) in files {
        std::fs::write(fake.dir.path().join(name), text).unwrap();
    }
    let mut all = fake.around().vars;
    all.remove("PMON3_SOCKET");
    all.insert("PMON3_PROCESS_CONF".to_owned(), format!("{dir}/process.config.json"));
    all.extend(vars.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    let args: Vec<String> = args.iter().map(|arg| arg.replace("{}", &dir)).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut ended = fake.run_in(surroundings(all, PathBuf::from("/bin/false")), Page::Plain, &args);
    for text in [&mut ended.out, &mut ended.err] {
        *text = text.replace(&format!("{dir}/"), "");
    }
    ended
}

const RIGHT: (&str, &str) = ("config.yml", "log_level: info\nrestart_delay: 250\n");
const PROCESSES: (&str, &str) = (
    "process.config.json",
    r#"{"processes": [{"file": "/bin/true"}, {"file": "/bin/false"}]}"#,
);

#[test]
fn the_files_in_use_are_checked() {
    let ended = run_with(&[RIGHT, PROCESSES], &[], &["config", "check"]).done();
    assert_eq!(
        ended.out,
        "config.yml: right\nprocess.config.json: right, processes: 2\n"
    );
    let ended = run_with(&[], &[], &["config", "check"]).done();
    assert_eq!(
        ended.out,
        "config.yml: not there, defaults hold\nprocess.config.json: not there, no processes\n"
    );
}

#[test]
fn a_file_of_either_kind_is_checked_as_what_it_is() {
    let yaml = ("mine.yaml", "processes:\n- file: /bin/true\n");
    let toml = ("mine.toml", "[[Processes]]\nFile = \"/bin/true\"\n");
    for (file, said) in [
        ("{}/config.yml", "config.yml: right\n"),
        ("{}/process.config.json", "process.config.json: right, processes: 2\n"),
        ("{}/mine.yaml", "mine.yaml: right, processes: 1\n"),
        ("{}/mine.toml", "mine.toml: right, processes: 1\n"),
    ] {
        let ended = run_with(&[RIGHT, PROCESSES, yaml, toml], &[], &["config", "check", file]).done();
        assert_eq!(ended.out, said);
    }
}

#[test]
fn what_is_wrong_is_named_with_file_and_line_and_ends_with_status_1() {
    for (file, begins, names) in [
        (
            ("bad.yml", "log_level: info\nrestart_delay: soon\n"),
            "error: bad.yml:2:",
            "restart_delay",
        ),
        (
            ("bad.json", "{\"processes\": [\n{\"name\": \"x\"}]}"),
            "error: bad.json:2:",
            "file",
        ),
        (("bad.yaml", "processes:\n- file: [1]\n"), "error: bad.yaml:2:", "file"),
    ] {
        let ended = run_with(&[file], &[], &["config", "check", &format!("{{}}/{}", file.0)]);
        assert_eq!((ended.status, ended.out.as_str()), (1, ""));
        assert!(
            ended.err.starts_with(begins) && ended.err.contains(names),
            "{}",
            ended.err
        );
    }
    let ended = run_with(&[], &[], &["config", "check", "{}/none.yml"]);
    assert_eq!(
        (ended.status, ended.err.as_str()),
        (1, "error: none.yml does not exist\n")
    );
}

#[test]
fn unknown_keys_are_warnings() {
    let ended = run_with(&[("config.yml", "log_levle: info\n")], &[], &["config", "check"]);
    assert_eq!(ended.status, 0);
    assert!(
        ended.err.starts_with("warning: config.yml:1:") && ended.err.contains("log_level"),
        "{}",
        ended.err
    );
}

#[test]
fn each_value_is_shown_with_where_it_comes_from() {
    let vars = [("PMON3_AUTO_START", "false"), ("CONFIGOR_LOGLEVEL", "warn")];
    let ended = run_with(&[RIGHT], &vars, &["config", "show"]).done();
    let line = |key: &str| {
        let lines = ended
            .out
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines.into_iter().find(|words| words[0] == key).unwrap().join(" ")
    };
    assert_eq!(line("Key"), "Key Value Origin");
    assert_eq!(line("restart_delay"), "restart_delay 250 config.yml:2");
    assert_eq!(
        line("auto_start"),
        "auto_start false environment variable PMON3_AUTO_START"
    );
    assert_eq!(
        line("log_level"),
        "log_level warn environment variable CONFIGOR_LOGLEVEL"
    );
    assert_eq!(line("restart_delay_max"), "restart_delay_max 10000 default");
    assert_eq!(line("mq_user"), "mq_user - default");
    let json = run_with(&[RIGHT], &[], &["config", "show", "--json"]).done().out;
    let shown: serde_json::Value = serde_json::from_str(&json).unwrap();
    let delay = shown
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["key"] == "restart_delay")
        .unwrap();
    assert_eq!(
        delay,
        &serde_json::json!({"key": "restart_delay", "value": "250", "origin": "config.yml:2"})
    );
}

#[test]
fn with_a_broken_configuration_and_no_daemon_the_fault_is_named() {
    let broken = ("config.yml", "socket: /nowhere/s\nlog_level: loud\n");
    for args in [["ls"].as_slice(), &["exec", "/bin/true"]] {
        let ended = run_with(&[broken], &[], args);
        assert_eq!(ended.status, 1);
        let begins = "error: pmond must be running, and the configuration is broken: config.yml:2:";
        assert!(
            ended.err.starts_with(begins) && ended.err.contains("loud"),
            "{}",
            ended.err
        );
    }
}

#[test]
fn with_a_broken_configuration_a_daemon_is_found_all_the_same() {
    let fake = Fake::new([super::ok(&[super::sample(1, "web")])]);
    let socket = fake.dir.path().join("s");
    let config = format!("socket: {}\nlog_level: loud\n", socket.display());
    std::fs::write(fake.dir.path().join("config.yml"), config).unwrap();
    let mut vars = fake.around().vars;
    vars.remove("PMON3_SOCKET");
    let ended = fake
        .run_in(surroundings(vars, PathBuf::from("/bin/false")), Page::Plain, &["ls"])
        .done();
    assert!(ended.out.contains("web"), "{}", ended.out);
}
