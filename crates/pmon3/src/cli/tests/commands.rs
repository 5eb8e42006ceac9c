//! What each command asks the daemon for, and what it makes of the answer.

use super::{Ended, Fake, answer, came_true, ok, sample, stopped};
use pmon3_api::{GroupView, OrderView, Outcome, ProcessView, VersionView};

fn quiet(args: &[&str]) -> Ended {
    Fake::new([came_true(&[sample(1, "web")])]).run(args)
}

/// The one request that this command line makes.
#[track_caller]
fn asks(args: &[&str]) -> String {
    let mut ended = quiet(args).done();
    assert_eq!(
        ended.out.lines().nth(1).map(|line| line.contains("web")),
        Some(true),
        "the list is printed: {}",
        ended.out
    );
    ended.requests.remove(0)
}

#[test]
fn changes_are_asked_for_as_the_arguments_say() {
    let body = |force: bool, more: &str| format!(r#"{{"force":{force},"process_config_only":false{more}}}"#);
    let plain = body(false, "");
    for (args, request) in [
        (vec!["stop", "web"], format!("POST /v1/processes/web/stop {plain}")),
        (
            vec!["stop", "1,web", "--force"],
            format!("POST /v1/processes/1,web/stop {}", body(true, "")),
        ),
        (
            vec!["stop", "-f", "web", "--no-wait"],
            format!("POST /v1/processes/web/stop {}", body(true, r#","wait_ms":0"#)),
        ),
        (
            vec!["restart", "web", "--wait", "50"],
            format!("POST /v1/processes/web/restart {}", body(false, r#","wait_ms":50"#)),
        ),
        (vec!["start", "web"], format!("POST /v1/processes/web/restart {plain}")),
        (vec!["del", "web"], format!("DELETE /v1/processes/web {plain}")),
        (
            vec!["delete", "web", "--force"],
            format!("DELETE /v1/processes/web {}", body(true, "")),
        ),
        (vec!["kill"], format!("POST /v1/kill {plain}")),
        (vec!["kill", "--force"], format!("POST /v1/kill {}", body(true, ""))),
        (vec!["drop", "-f"], format!("POST /v1/drop {}", body(true, ""))),
        (vec!["reset"], format!("POST /v1/reset {plain}")),
        (vec!["reset", "web"], format!("POST /v1/processes/web/reset {plain}")),
        (vec!["reset", "-p", "3"], format!("POST /v1/processes/3/reset {plain}")),
        (vec!["init"], format!("POST /v1/init {plain}")),
        (
            vec!["init", "--process-config-only"],
            r#"POST /v1/init {"force":false,"process_config_only":true}"#.to_owned(),
        ),
        (
            vec!["init", "--blocking"],
            format!("POST /v1/init {}", body(false, r#","wait_ms":604800000"#)),
        ),
        (
            vec!["group", "restart", "a,b"],
            format!("POST /v1/groups/a,b/restart {plain}"),
        ),
        (
            vec!["group", "stop", "a", "-f"],
            format!("POST /v1/groups/a/stop {}", body(true, "")),
        ),
        (vec!["groups", "drop", "a"], format!("POST /v1/groups/a/drop {plain}")),
    ] {
        assert_eq!(asks(&args), request, "{args:?}");
    }
}

#[test]
fn exec_says_all_that_only_the_caller_knows() {
    let here = std::env::current_dir().unwrap().into_os_string().into_string().unwrap();
    let request = asks(&[
        "exec",
        "./bin/../server",
        "--name",
        "web",
        "--args",
        "-port=8080 -t 'two words'",
        "--env-vars",
        "A=1 B='x y'",
        "--user",
        "joe",
        "--log",
        "logs/web.log",
        "-n",
        "--dependencies",
        "db",
        "--dependencies",
        "cache,queue",
        "-g",
        "g1",
        "--groups",
        "g2",
        "--stop-timeout",
        "2.5",
        "--no-wait",
        "--",
        "-v",
        "--json",
    ]);
    let body: serde_json::Value = serde_json::from_str(request.strip_prefix("POST /v1/processes ").unwrap()).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "file": format!("{here}/bin/../server"),
            "argv0": "./bin/../server",
            "name": "web",
            "args": ["-port=8080", "-t", "two words", "-v", "--json"],
            "env_vars": {"A": "1", "B": "x y"},
            "cwd": here,
            "user": "joe",
            "log": format!("{here}/logs/web.log"),
            "no_auto_restart": true,
            "dependencies": ["db", "cache", "queue"],
            "groups": ["g1", "g2"],
            "stop_timeout": 2.5,
            "wait_ms": 0,
        })
    );
}

#[test]
fn exec_of_a_bare_name_looks_into_the_path() {
    let request = asks(&["run", "sh", "--log-dir", "/var/log/custom", "--cwd", "/srv"]);
    let body: serde_json::Value = serde_json::from_str(request.strip_prefix("POST /v1/processes ").unwrap()).unwrap();
    assert_eq!(
        (&body["file"], &body["argv0"], &body["cwd"]),
        (&"/bin/sh".into(), &"sh".into(), &"/srv".into())
    );
    assert_eq!(body["log_dir"], "/var/log/custom");
    let ended = Fake::none().run(&["exec", "no-such-program"]);
    assert_eq!(ended.status, 1);
    assert_eq!(
        ended.err,
        "error: no program named `no-such-program` in your PATH\nhint: give its path: `pmon3 exec /path/to/program`\n"
    );
    let ended = Fake::none().run(&["exec", "Cargo.toml"]);
    assert!(
        ended
            .err
            .ends_with("\nhint: for the file here, say `pmon3 exec ./Cargo.toml`\n"),
        "{}",
        ended.err
    );
}

#[test]
fn words_that_cannot_be_split_are_wrong_usage() {
    for args in [["--args", "'open"], ["--env-vars", "NO_VALUE"]] {
        let ended = Fake::none().run(&["exec", "/bin/true", args[0], args[1]]);
        assert_eq!(ended.status, 2, "{}", ended.err);
        assert!(
            ended.err.starts_with(&format!("error: {}: ", args[0])) && ended.err.lines().count() == 1,
            "{}",
            ended.err
        );
    }
}

#[test]
fn what_is_under_way_and_what_went_wrong_stand_before_the_list() {
    let outcome = Outcome {
        ids: vec![1, 2],
        pending: vec!["web: still stopping (SIGTERM was sent 2 s ago)".to_owned()],
        problems: vec!["db: cannot start /srv/db: no such file".to_owned()],
        warnings: vec!["web depends on `cache`, which is not known".to_owned()],
        processes: vec![sample(1, "web"), stopped(2, "db")],
    };
    let body = serde_json::to_string(&outcome).unwrap();
    let ended = Fake::new([answer("409 Conflict", &body)]).run(&["restart", "web,db"]);
    assert_eq!(ended.status, 1);
    assert_eq!(
        ended.err,
        "warning: web depends on `cache`, which is not known\nweb: still stopping (SIGTERM was sent 2 s ago)\n\
         error: db: cannot start /srv/db: no such file\n"
    );
    assert_eq!(ended.out.lines().count(), 3, "{}", ended.out);
    let ended = Fake::new([answer(
        "202 Accepted",
        &body.replace(r#"["db: cannot start /srv/db: no such file"]"#, "[]"),
    )])
    .run(&["stop", "web", "--json"]);
    assert_eq!(ended.status, 0, "what is under way is no failure");
    assert!(ended.out.starts_with("[\n"), "{}", ended.out);
}

#[test]
fn a_refusal_is_one_line_and_a_hint() {
    let body =
        r#"{"code":"not_found","message":"no process named `wbe`","hint":"did you mean `web`? `pmon3 ls` shows all"}"#;
    let ended = Fake::new([answer("404 Not Found", body)]).run(&["stop", "wbe"]);
    assert_eq!((ended.status, ended.out.as_str()), (1, ""));
    assert_eq!(
        ended.err,
        "error: no process named `wbe`\nhint: did you mean `web`? `pmon3 ls` shows all\n"
    );
}

#[test]
fn warnings_of_the_daemon_go_to_stderr() {
    let ended =
        Fake::new(["HTTP/1.1 200 OK\r\npmon3-warning: config.yml:3: wrong\r\ncontent-length: 2\r\n\r\n[]".to_owned()])
            .run(&["ls", "--json"]);
    assert_eq!(
        (ended.status, ended.out.as_str(), ended.err.as_str()),
        (0, "[]\n", "warning: config.yml:3: wrong\n")
    );
}

#[test]
fn without_a_daemon_commands_that_start_no_work_say_so() {
    for args in [
        vec!["ls"],
        vec!["desc", "1"],
        vec!["stop", "1"],
        vec!["del", "1"],
        vec!["kill"],
        vec!["drop"],
        vec!["reset"],
        vec!["log", "1"],
        vec!["logf", "1"],
        vec!["export"],
        vec!["dgraph"],
        vec!["group", "ls"],
        vec!["group", "stop", "g"],
        vec!["topn"],
    ] {
        let ended = Fake::none().run(&args);
        assert_eq!((ended.status, ended.out.as_str()), (1, ""), "{args:?}");
        assert!(
            ended
                .err
                .starts_with("error: pmond must be running\nhint: nothing answers at /"),
            "{args:?}: {}",
            ended.err
        );
        assert_eq!(ended.err.lines().count(), 2);
    }
}

#[test]
fn version_tells_of_both_programs() {
    let daemon = VersionView {
        version: "2.0.1".to_owned(),
        commit: "abc".to_owned(),
        pid: 77,
        tree: "cgroup".to_owned(),
        tree_detail: "/sys/fs/cgroup/pmon3-0123".to_owned(),
    };
    let out = Fake::new([ok(&daemon)]).run(&["version"]).done().out;
    let (first, second) = out.split_once('\n').unwrap();
    assert!(
        first.starts_with(concat!("pmon3 ", env!("CARGO_PKG_VERSION"), " (commit ")),
        "{first}"
    );
    assert_eq!(
        second,
        "pmond 2.0.1 (commit abc, pid 77, cgroup: /sys/fs/cgroup/pmon3-0123)\n"
    );
    let json: serde_json::Value =
        serde_json::from_str(&Fake::new([ok(&daemon)]).run(&["version", "--json"]).done().out).unwrap();
    assert_eq!(
        (&json["daemon_version"], &json["tree"]),
        (&"2.0.1".into(), &"cgroup".into())
    );
    let json: serde_json::Value = serde_json::from_str(&Fake::none().run(&["version", "--json"]).done().out).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json["daemon_version"], serde_json::Value::Null);
}

#[test]
fn dgraph_shows_both_orders() {
    let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    let order = OrderView {
        queue_order: names(["a", "b"]),
        dependency_order: names(["b", "a"]),
    };
    let ended = Fake::new([ok(&order)]).run(&["order"]).done();
    assert_eq!(
        ended.out,
        "Queue Order\n\t0: a\n\t1: b\nDependency Graph Order\n\t0: b\n\t1: a\n"
    );
    assert_eq!(ended.requests, ["GET /v1/dgraph?process_config_only=false"]);
    let ended = Fake::new([ok(&order)])
        .run(&["dgraph", "--process-config-only", "--json"])
        .done();
    assert_eq!(serde_json::from_str::<OrderView>(&ended.out).unwrap(), order);
    assert_eq!(ended.requests, ["GET /v1/dgraph?process_config_only=true"]);
}

#[test]
fn groups_are_made_filled_emptied_and_forgotten() {
    let group = GroupView {
        id: 1,
        name: "g".to_owned(),
        processes: Vec::new(),
    };
    let created = Fake::new([ok(&group)]).run(&["group", "create", "g"]).done();
    assert_eq!(created.requests, [r#"POST /v1/groups {"name":"g"}"#]);
    for (args, request) in [
        (
            vec!["group", "assign", "g", "3,4"],
            r#"POST /v1/groups/g/assign {"processes":"3,4"}"#,
        ),
        (
            vec!["group", "remove", "g,h", "web"],
            r#"POST /v1/groups/g,h/remove {"processes":"web"}"#,
        ),
        (
            vec!["group", "del", "g"],
            r#"DELETE /v1/groups/g {"force":false,"process_config_only":false}"#,
        ),
    ] {
        let ended = Fake::new([ok(&[&group])]).run(&args).done();
        assert_eq!(ended.requests, [request]);
        assert_eq!(
            ended.out, "ID  Name  Processes\n 1  g     -\n",
            "the groups are listed afterwards"
        );
    }
}

fn log_of(text: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{text}\r\n0\r\n\r\n",
        text.len()
    )
}

#[test]
fn logs_are_passed_on_byte_for_byte() {
    for (args, query) in [
        (vec!["log", "web"], "archives=false&follow=false"),
        (vec!["log", "web", "-n", "3"], "archives=false&follow=false&lines=3"),
        (vec!["log", "web", "-n", "+5"], "archives=false&follow=false&lines=%2B5"),
        (vec!["log", "-a", "web"], "archives=true&follow=false"),
        (
            vec!["log", "--all", "--lines=7", "web"],
            "archives=true&follow=false&lines=7",
        ),
        (vec!["logf", "web"], "archives=false&follow=true&lines=10"),
        (vec!["logf", "web", "-n", "0"], "archives=false&follow=true&lines=0"),
    ] {
        let ended = Fake::new([log_of("one\r\n\x1b[1mtwo")]).run(&args).done();
        assert_eq!(ended.out, "one\r\n\x1b[1mtwo");
        assert_eq!(ended.requests, [format!("GET /v1/processes/web/log?{query}")]);
    }
}

#[test]
fn several_logs_come_under_their_names() {
    let ended = Fake::new([log_of("one\n"), log_of("two\n")])
        .run(&["log", "web,2"])
        .done();
    assert_eq!(ended.out, "==> web <==\none\n\n==> 2 <==\ntwo\n");
    let ended = Fake::new([log_of("one\n"), log_of("two\n")])
        .run(&["logf", "web,2"])
        .done();
    assert!(
        ended.out.contains("==> web <==\none\n") && ended.out.contains("==> 2 <==\ntwo\n"),
        "{}",
        ended.out
    );
}

#[test]
fn a_log_that_may_not_be_read_is_an_error_not_a_log() {
    let body = r#"{"code":"permission_denied","message":"permission denied: process `web` runs as user root"}"#;
    let ended = Fake::new([answer("403 Forbidden", body)]).run(&["logf", "web"]);
    assert_eq!((ended.status, ended.out.as_str()), (1, ""));
    assert_eq!(ended.err, "error: permission denied: process `web` runs as user root\n");
}

#[test]
fn completion_scripts_come_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = Fake::none().run(&["completion", shell]).done();
        assert!(
            ended.out.contains("PMON3_COMPLETE") && ended.out.contains("pmon3"),
            "{shell}: {}",
            ended.out
        );
    }
    assert_eq!(Fake::none().run(&["completion", "tcsh"]).status, 2);
}

#[test]
fn manual_pages_come_for_every_command() {
    let dir = tempfile::tempdir().unwrap();
    Fake::none().run(&["man", dir.path().to_str().unwrap()]).done();
    for page in [
        "pmon3.1",
        "pmon3-exec.1",
        "pmon3-group.1",
        "pmon3-group-assign.1",
        "pmon3-config-check.1",
    ] {
        let text = std::fs::read_to_string(dir.path().join(page)).unwrap();
        assert!(
            !text.contains("EXTRA") && text.contains(".SH SYNOPSIS") && text.contains(".SH EXAMPLES"),
            "{page}: {text}"
        );
    }
}

#[test]
fn an_export_is_a_process_configuration_of_what_was_asked_for() {
    let web = ProcessView {
        args: vec!["-t".to_owned(), "two words".to_owned()],
        env_vars: [("A".to_owned(), "1".to_owned())].into(),
        dependencies: vec!["db".to_owned()],
        auto_restart: false,
        stop_timeout: Some(2.5),
        ..sample(1, "web")
    };
    let processes = [web, sample(2, "db")];
    let json = Fake::new([ok(&processes)])
        .run(&["export", "--order", "name"])
        .done()
        .out;
    let exported: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        exported,
        serde_json::json!({"processes": [
            {"file": "/srv/db", "name": "db", "user": "joe", "log": "/var/log/pmond/db.log", "cwd": "/srv"},
            {"file": "/srv/web", "name": "web", "args": "-t 'two words'", "env_vars": "A=1", "user": "joe",
             "log": "/var/log/pmond/web.log", "no_auto_restart": true, "dependencies": ["db"], "cwd": "/srv",
             "stop_timeout": 2.5},
        ]})
    );
    let by_id = Fake::new([ok(&processes)]).run(&["export"]).done().out;
    assert!(by_id.find("\"web\"") < by_id.find("\"db\""), "{by_id}");
    for args in [["-f", "toml"].as_slice(), &["--format=toml"], &["toml"]] {
        let toml = Fake::new([ok(&processes)])
            .run(&[&["export"], args].concat())
            .done()
            .out;
        assert!(
            toml.starts_with("[[Processes]]\n  File = \"/srv/web\"\n  Name = \"web\"\n"),
            "{toml}"
        );
    }
    let yaml = Fake::new([ok(&processes)]).run(&["export", "-f", "yaml"]).done().out;
    assert!(yaml.starts_with("processes:\n  - file: \"/srv/web\"\n"), "{yaml}");
}

#[test]
fn what_may_not_be_seen_is_left_out_of_an_export_and_named() {
    let hidden = ProcessView {
        user: "root".to_owned(),
        withheld: true,
        ..sample(1, "web")
    };
    let ended = Fake::new([ok(&[hidden, sample(2, "db")])]).run(&["export"]);
    assert_eq!(ended.status, 0);
    assert_eq!(
        ended.err,
        "warning: `web` is left out: it runs as root, and you may not see its arguments\n"
    );
    assert!(!ended.out.contains("web") && ended.out.contains("db"), "{}", ended.out);
}
