//! The smallest client that can send a wrong request, too.

use super::BOUND;
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Response {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON: {error}\n{self:?}"))
    }
}

/// What became of a request to a daemon that may be killed at any moment.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// Nobody was there.
    NotSent,
    /// It may have been carried out or not.
    Unanswered,
    Answered(Response),
}

/// One request to such a daemon.
pub(crate) fn attempt(socket: &Path, method: &str, path: &str, body: &str) -> Attempt {
    let Ok(mut stream) = UnixStream::connect(socket) else {
        return Attempt::NotSent;
    };
    let answer = (|| {
        stream.set_read_timeout(Some(BOUND)).ok()?;
        stream.write_all(bytes(method, path, body).as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8(answer).ok()?;
        let (headers, body) = answer.split_once("\r\n\r\n")?;
        let length = headers
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let is_whole = length.is_none_or(|length: usize| length == body.len());
        is_whole.then(|| parse(headers, body))
    })();
    answer.map_or(Attempt::Unanswered, Attempt::Answered)
}

/// Sends these bytes as they are and reads the answer until the daemon hangs up.
#[track_caller]
pub(crate) fn raw(socket: &Path, request: &[u8]) -> Response {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    // A daemon that refuses a request early may close the connection before all of it is sent.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        panic!("no HTTP answer ({read:?}): {answer:?}");
    };
    parse(head, body)
}

fn parse(head: &str, body: &str) -> Response {
    let (status_line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = status_line
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap();
    Response {
        status,
        headers: headers.to_lowercase(),
        body: unchunked(headers, body),
    }
}

/// One request with a JSON body (or none).
#[track_caller]
pub(crate) fn request(socket: &Path, method: &str, path: &str, body: &str) -> Response {
    raw(socket, bytes(method, path, body).as_bytes())
}

fn bytes(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: pmon3\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn unchunked(headers: &str, body: &str) -> String {
    if !headers.to_lowercase().contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let mut rest = body;
    let mut whole = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        whole.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    whole
}
