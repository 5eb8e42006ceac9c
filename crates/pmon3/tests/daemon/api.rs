//! The HTTP API: the examples of docs/api.md as they stand there, and requests that are wrong on purpose.

use crate::world::http::{raw, request};
use crate::world::{World, fixture, kernel, run, until};
use serde_json::json;
use std::io::Write;
use std::os::unix::net::UnixStream;

/// The examples of docs/api.md: each command of a `console` block, with the lines that are shown as its answer.
fn examples() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md")).unwrap();
    let mut examples: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    let mut continued = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
            continued = false;
        } else if inside {
            if let Some(command) = line.strip_prefix("$ ") {
                examples.push((command.to_owned(), String::new()));
                continued = command.ends_with('\\');
            } else if let Some((command, answer)) = examples.last_mut() {
                let part = if continued { command } else { answer };
                part.push('\n');
                part.push_str(line);
                continued = continued && line.ends_with('\\');
            }
        }
    }
    examples
}

#[test]
fn the_examples_of_the_documentation_work_as_they_stand() {
    let Some(_) = crate::world::program("curl") else { return };
    let world = World::new();
    world.script("server", "#!/bin/sh\necho listening\nexec sleep 1000\n");
    let examples = examples();
    assert!(examples.len() >= 15, "only {} examples were found", examples.len());
    for (command, shown) in examples {
        let mut shell = world.prepare("/bin/sh");
        shell
            .args(["-c", &command])
            .env("SOCKET", world.socket())
            .env("DIR", world.path(""));
        let output = run::to_end(&mut shell).succeeds();
        // What is shown is the answer with the parts that differ left out: `…` stands for anything.
        let mut rest = output.stdout.as_str();
        for part in shown.trim().split('…') {
            let at = rest
                .find(part)
                .unwrap_or_else(|| panic!("{command}\nshown: {shown}\nfound: {}", output.stdout));
            rest = &rest[at + part.len()..];
        }
    }
}

#[test]
fn every_refusal_has_a_code_a_message_and_the_right_status() {
    let world = World::new();
    world.exec("web", "hold");
    let file = fixture().display().to_string();
    let exec = |more: serde_json::Value| {
        let mut body = json!({"file": file, "args": ["hold"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    for (method, path, body, status, code) in [
        ("GET", "/v1/processes/nobody", String::new(), 404, "not_found"),
        ("GET", "/v1/no-such-thing", String::new(), 404, "not_found"),
        ("GET", "/", String::new(), 404, "not_found"),
        ("GET", "/v2/processes", String::new(), 404, "not_found"),
        ("POST", "/v1/processes/nobody/stop", "{}".into(), 404, "not_found"),
        ("PATCH", "/v1/processes", "{}".into(), 405, "method_not_allowed"),
        ("POST", "/v1/processes", "{".into(), 400, "bad_request"),
        ("POST", "/v1/processes", "[]".into(), 400, "bad_request"),
        ("POST", "/v1/processes", "{}".into(), 400, "bad_request"),
        (
            "POST",
            "/v1/processes",
            exec(json!({"no_such_field": 1})),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/v1/processes",
            exec(json!({"name": "../x"})),
            400,
            "bad_request",
        ),
        ("POST", "/v1/processes", exec(json!({"name": 7})), 400, "bad_request"),
        (
            "POST",
            "/v1/processes",
            exec(json!({"name": "a", "cwd": "relative"})),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/v1/processes",
            exec(json!({"name": "a", "args": ["a\u{0}b"]})),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/v1/processes",
            exec(json!({"name": "a", "env_vars": {"A=B": "1"}})),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/v1/processes",
            exec(json!({"name": "a", "stop_timeout": -1})),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/v1/processes",
            exec(json!({"name": "a", "stop_timeout": 1e300})),
            400,
            "bad_request",
        ),
        ("POST", "/v1/processes", exec(json!({"name": "web"})), 409, "name_taken"),
        (
            "POST",
            "/v1/processes",
            exec(json!({"name": "a", "dependencies": ["a"]})),
            400,
            "bad_request",
        ),
        (
            "POST",
            "/v1/processes/web/stop",
            "{\"force\": \"yes\"}".into(),
            400,
            "bad_request",
        ),
        (
            "GET",
            "/v1/processes/web/log?lines=many",
            String::new(),
            400,
            "bad_request",
        ),
        (
            "GET",
            "/v1/processes/web/log?no_such=1",
            String::new(),
            400,
            "bad_request",
        ),
        ("GET", "/v1/processes/%ff", String::new(), 400, "bad_request"),
    ] {
        let response = request(&world.socket(), method, path, &body);
        assert_eq!(response.status, status, "{method} {path} {body}: {response:?}");
        let error = response.json();
        assert_eq!(error["code"], json!(code), "{method} {path} {body}: {response:?}");
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert!(
            response.headers.contains("content-type: application/json"),
            "{response:?}"
        );
    }
    assert_eq!(world.names(), ["web"]);
    assert!(!world.daemon_log().contains("panicked"), "{}", world.daemon_log());
}

#[test]
fn a_body_beyond_the_limit_is_refused_before_it_is_read() {
    let world = World::new();
    let response = raw(
        &world.socket(),
        b"POST /v1/processes HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 99999999999\r\n\r\n",
    );
    assert_eq!(response.status, 413, "{response:?}");
    assert_eq!(response.json()["code"], json!("too_large"));
    let chunk = "a".repeat(64 * 1024);
    let mut body =
        b"POST /v1/processes HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..200 {
        body.extend(format!("{:x}\r\n{chunk}\r\n", chunk.len()).as_bytes());
    }
    body.extend(b"0\r\n\r\n");
    assert_eq!(raw(&world.socket(), &body).status, 413);
    world.pmon3(&["ls"]);
}

#[test]
fn what_is_no_http_gets_400_or_a_closed_door() {
    let world = World::new();
    for garbage in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/\xff HTTP/1.1\r\n\r\n",
    ] {
        assert_eq!(raw(&world.socket(), garbage).status, 400);
    }
    let many = format!(
        "GET /v1/processes HTTP/1.1\r\nHost: x\r\n{}\r\n",
        "X: y\r\n".repeat(10_000)
    );
    assert!((400..500).contains(&raw(&world.socket(), many.as_bytes()).status));
    world.pmon3(&["ls"]);
}

#[test]
fn callers_that_connect_and_say_nothing_do_not_keep_others_out() {
    let world = World::new();
    // Far more than the daemon holds open for one user at a time.
    let mut silent = Vec::new();
    for _ in 0..600 {
        if let Ok(stream) = UnixStream::connect(world.socket()) {
            silent.push(stream);
        }
    }
    if let Some(first) = silent.first_mut() {
        let _ = first.write_all(b"GET /v1/proc");
    }
    drop(silent.split_off(silent.len().min(16)));
    world.pmon3(&["ls"]);
}

#[test]
fn a_caller_that_hangs_up_does_not_take_back_what_was_asked() {
    let world = World::with("stop_timeout: 600\n");
    let gate = world.gate("gate");
    // It ends only when its gate is opened: the caller has hung up by then.
    let slow = world.trapping("slow", &format!("cat {gate}"));
    world.pmon3(&["exec", &slow]);
    until("it is ready", || world.read("logs/slow.log") == "ready\n");
    let mut stream = UnixStream::connect(world.socket()).unwrap();
    stream
        .write_all(b"POST /v1/processes/slow/stop HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    until("the request has arrived", || {
        world.daemon_log().contains("asks: stop slow")
    });
    drop(stream);
    assert!(kernel::is_alive(world.pid("slow")));
    world.open_gate("gate");
    world.until_status("slow", "stopped");
}

#[test]
fn an_answer_says_what_is_still_under_way() {
    let world = World::with("stop_timeout: 600\n");
    let deaf = world.script(
        "deaf",
        "#!/bin/sh\ntrap '' TERM\necho ready\nwhile :; do sleep 1000; done\n",
    );
    world.pmon3(&["exec", &deaf]);
    until("it is deaf", || world.read("logs/deaf.log") == "ready\n");
    let response = request(&world.socket(), "POST", "/v1/processes/deaf/stop", r#"{"wait_ms": 20}"#);
    assert_eq!(response.status, 202, "{response:?}");
    assert!(
        response.json()["pending"][0].as_str().unwrap().contains("deaf"),
        "{response:?}"
    );
    world.pmon3(&["stop", "--force", "deaf"]);
}
