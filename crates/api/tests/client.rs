//! The client against a server that says exactly these bytes.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not their helpers"
)]

use pmon3_api::client::{Client, ClientError, GroupAction};
use pmon3_api::{ActionRequest, LogQuery};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Answers the requests that come, one connection each, with these bytes; joined, it gives the requests as they came.
struct Server {
    path: PathBuf,
    thread: JoinHandle<Vec<String>>,
    _dir: tempfile::TempDir,
}

impl Server {
    fn saying(answers: &[&str]) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let answers: Vec<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
        let thread = std::thread::spawn(move || {
            let answer = |answer: String| {
                let (mut stream, _) = listener.accept().unwrap();
                let request = read_request(&mut stream);
                stream.write_all(answer.as_bytes()).unwrap();
                request
            };
            answers.into_iter().map(answer).collect()
        });
        Server {
            path,
            thread,
            _dir: dir,
        }
    }

    fn requests(self) -> Vec<String> {
        self.thread.join().unwrap()
    }
}

/// Head and body, as far as `content-length` says.
fn read_request(stream: &mut UnixStream) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let text = String::from_utf8(bytes.clone()).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |n| n.parse().unwrap()) {
                return text;
            }
        }
        let n = stream.read(&mut piece).unwrap();
        assert!(n > 0, "the client hung up after {text:?}");
        bytes.extend_from_slice(&piece[..n]);
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn with_length(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn an_answer_with_a_length_and_one_in_chunks_are_the_same() {
    let body = r#"{"queue_order":["b","a"],"dependency_order":["a","b"]}"#;
    let (left, right) = body.split_at(20);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{left}\r\n{:x};x=y\r\n{right}\r\n0\r\n\r\n",
        left.len(),
        right.len()
    );
    let server = Server::saying(&[&with_length("200 OK", body), &chunked]);
    run(async {
        let client = Client::connect(&server.path).await.unwrap();
        let first = client.order(true).await.unwrap();
        assert_eq!(first.value.queue_order, ["b", "a"]);
        assert_eq!(client.order(false).await.unwrap(), first);
    });
    let requests = server.requests();
    assert!(
        requests[0].starts_with("GET /v1/dgraph?process_config_only=true HTTP/1.1\r\n"),
        "{}",
        requests[0]
    );
    assert!(
        requests[1].starts_with("GET /v1/dgraph?process_config_only=false HTTP/1.1\r\n"),
        "{}",
        requests[1]
    );
}

#[test]
fn what_the_user_typed_stays_one_path_segment() {
    let server = Server::saying(&[&with_length(
        "200 OK",
        r#"{"ids":[],"pending":[],"problems":[],"warnings":[],"processes":[]}"#,
    )]);
    run(async {
        let client = Client::connect(&server.path).await.unwrap();
        let how = ActionRequest {
            force: true,
            wait_ms: Some(0),
            ..ActionRequest::default()
        };
        client
            .on_group("1,../a b?c#d%é", GroupAction::Stop, &how)
            .await
            .unwrap();
    });
    let request = server.requests().remove(0);
    let (line, rest) = request.split_once("\r\n").unwrap();
    assert_eq!(line, "POST /v1/groups/1,..%2Fa%20b%3Fc%23d%25%C3%A9/stop HTTP/1.1");
    assert!(
        rest.ends_with(r#"{"force":true,"process_config_only":false,"wait_ms":0}"#),
        "{rest}"
    );
}

#[test]
fn warnings_come_with_the_answer() {
    let server =
        Server::saying(&["HTTP/1.1 200 OK\r\npmon3-warning: one\r\nPmon3-Warning: two\r\ncontent-length: 2\r\n\r\n[]"]);
    let answer = run(async { Client::connect(&server.path).await.unwrap().groups().await.unwrap() });
    assert_eq!(answer.warnings, ["one", "two"]);
}

#[test]
fn a_conflict_may_be_a_refusal_or_an_outcome_with_problems() {
    let outcome = r#"{"ids":[1],"pending":[],"problems":["web: no such file"],"warnings":[],"processes":[]}"#;
    let refused = r#"{"code":"name_taken","message":"the name `web` is taken","hint":"choose another"}"#;
    let server = Server::saying(&[
        &with_length("409 Conflict", outcome),
        &with_length("409 Conflict", refused),
    ]);
    run(async {
        let client = Client::connect(&server.path).await.unwrap();
        let partly = client.kill(&ActionRequest::default()).await.unwrap();
        assert_eq!(partly.value.problems, ["web: no such file"]);
        match client.kill(&ActionRequest::default()).await {
            Err(ClientError::Refused(body)) => assert_eq!(body.hint.as_deref(), Some("choose another")),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn an_answer_that_is_cut_off_or_of_another_kind_is_an_error_that_says_so() {
    let server = Server::saying(&[
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[",
        "",
        "SSH-2.0-OpenSSH_9.2\r\n",
        &with_length("200 OK", "{}"),
        &with_length("502 Bad Gateway", "<html>"),
    ]);
    let says = run(async {
        let client = Client::connect(&server.path).await.unwrap();
        let mut says = Vec::new();
        for _ in 0..5 {
            says.push(client.groups().await.unwrap_err().to_string());
        }
        says
    });
    assert!(
        says[0].starts_with("pmond hung up before its answer was complete: "),
        "{}",
        says[0]
    );
    assert!(
        says[1].starts_with("pmond hung up before its answer was complete: "),
        "{}",
        says[1]
    );
    assert!(
        says[2].starts_with("the answer of pmond was not understood: "),
        "{}",
        says[2]
    );
    assert!(
        says[3].starts_with("the answer of pmond was not understood: "),
        "{}",
        says[3]
    );
    assert_eq!(
        says[4],
        "the answer of pmond was not understood: status 502 Bad Gateway without an explanation"
    );
}

#[test]
fn a_log_comes_in_pieces_and_its_end_is_seen() {
    let server =
        Server::saying(&["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n4\r\n two\r\n0\r\n\r\n"]);
    let bytes = run(async {
        let client = Client::connect(&server.path).await.unwrap();
        let query = LogQuery {
            lines: Some("+5".to_owned()),
            archives: true,
            follow: false,
        };
        let mut log = client.log("web", &query).await.unwrap().value;
        let mut bytes = Vec::new();
        while let Some(piece) = log.next().await.unwrap() {
            bytes.extend_from_slice(&piece);
        }
        bytes
    });
    assert_eq!(bytes, b"one two");
    let request = server.requests().remove(0);
    assert!(
        request.starts_with("GET /v1/processes/web/log?archives=true&follow=false&lines=%2B5 "),
        "{request}"
    );
}

#[test]
fn nobody_there_names_the_socket_and_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none.sock");
    let error = run(Client::connect(&path)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("nothing answers at {}: no such file or directory", path.display())
    );
}

#[test]
fn a_trace_shows_request_and_answer() {
    let server = Server::saying(&[&with_length("200 OK", "[]")]);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    run(async {
        let client = Client::connect(&server.path).await.unwrap();
        let client = client.with_trace(move |line| seen.lock().unwrap().push(line.to_owned()));
        client.processes(true).await.unwrap();
    });
    let lines = lines.lock().unwrap();
    assert_eq!(lines[0].trim_end(), "-> GET /v1/processes?usage=true");
    assert!(
        lines[1].starts_with("<- 200 OK after ") && lines[1].ends_with(" ms: []"),
        "{}",
        lines[1]
    );
}
