//! The API: HTTP/1.1 with JSON on the Unix socket. `docs/api.md` is the same in prose.
//!
//! One thread, one `tokio` runtime. A request becomes a letter to the owner; whoever asked waits here.

mod answer;
mod groups;
mod logs;
mod processes;
mod usage;

use self::answer::{Body, json};
use self::processes::{act_on, deed, members, these};
use super::configuration::Configuration;
use super::mailbox::Mailbox;
use super::specs::Makings;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use pmon3_api::{PREFIX, VersionView};
use pmon3_supervisor::{Caller, Which};
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::sync::watch::Receiver;

/// The largest body of a request.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How many connections are served at a time; further ones wait in the socket's queue.
const CONNECTIONS_MAX: usize = 512;
/// How many of these one user may have, root and the daemon's own user apart.
const CONNECTIONS_PER_UID_MAX: u32 = 32;
/// How long a caller may take for the head of a request, and a connection may idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an answer that is under way may take when the daemon closes.
const CLOSING_PATIENCE: Duration = Duration::from_secs(5);
/// How long a caller may take for the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What every request may use. It lives on the thread of the API alone.
pub(crate) struct Api {
    pub(crate) mailbox: Mailbox,
    pub(crate) configuration: RefCell<Configuration>,
    pub(crate) version: VersionView,
    /// What new processes are made from, beside the request.
    pub(crate) makings: Makings,
    pub(crate) usage: RefCell<usage::Meter>,
    /// Requests and answers are shown in the log from level info on: `XIPC_DEBUG=true`.
    traces: bool,
    /// Turns true when the daemon is about to end.
    pub(crate) closing: Receiver<bool>,
    /// Connections of each user.
    guests: RefCell<std::collections::BTreeMap<u32, u32>>,
}

impl Api {
    pub(crate) fn new(
        mailbox: Mailbox,
        configuration: Configuration,
        version: VersionView,
        makings: Makings,
        usage: usage::Meter,
        closing: Receiver<bool>,
    ) -> Api {
        Api {
            mailbox,
            configuration: RefCell::new(configuration),
            version,
            makings,
            usage: RefCell::new(usage),
            guests: RefCell::default(),
            traces: std::env::var("XIPC_DEBUG")
                .is_ok_and(|value| !matches!(value.to_lowercase().as_str(), "" | "0" | "false")),
            closing,
        }
    }
}

pub(crate) use self::answer::ApiError;
pub(crate) use self::processes::{exit_fields, rfc3339};
pub(crate) use self::usage::Meter;

/// Serves until the daemon closes; what is under way then gets its answer.
pub(crate) async fn serve(api: Rc<Api>, listener: UnixListener) {
    let mut closing = api.closing.clone();
    let places = std::sync::Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let served = tokio::task::LocalSet::new();
    let accepting = async {
        loop {
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // No descriptors or no memory, for now. The next connection that ends, or a moment, mends it.
                    log::warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let api = api.clone();
            tokio::task::spawn_local(async move {
                serve_connection(api, stream).await;
                drop(place);
            });
        }
    };
    served
        .run_until(async {
            tokio::select! {
                () = accepting => {}
                _ = closing.wait_for(|closing| *closing) => {}
            }
        })
        .await;
    drop(listener);
    // Whoever has a request under way gets its answer; idle connections end by themselves, see below.
    served.await;
}

async fn serve_connection(api: Rc<Api>, stream: UnixStream) {
    let mut closing = api.closing.clone();
    let caller = match pmon3_linux::peer::of(&stream) {
        Ok(mut peer) => {
            // The supplementary groups alone: the effective one need not be among them.
            peer.groups.push(peer.gid);
            Caller {
                uid: peer.uid,
                gids: peer.groups,
            }
        }
        Err(error) => {
            log::warn!("a connection was closed: the kernel does not say whose it is: {error}");
            return;
        }
    };
    let Some(_guest) = Guest::enter(&api, &caller) else {
        log::warn!(
            "a connection of uid {} was closed: it has {CONNECTIONS_PER_UID_MAX} already",
            caller.uid
        );
        return;
    };
    let service = hyper::service::service_fn(|request| {
        let (api, caller) = (api.clone(), caller.clone());
        async move { Ok::<_, Infallible>(respond(api, caller, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = closing.wait_for(|closing| *closing) => {
            connection.as_mut().graceful_shutdown();
            // Whoever reads slower than that, or has not said what they want, is left behind.
            let Ok(result) = tokio::time::timeout(CLOSING_PATIENCE, connection).await else { return };
            result
        }
    };
    if let Err(error) = result {
        log::debug!("a connection of uid {} ended: {error}", caller.uid);
    }
}

/// One place at the table of a user; given back when dropped.
struct Guest {
    api: Rc<Api>,
    uid: u32,
}

impl Guest {
    fn enter(api: &Rc<Api>, caller: &Caller) -> Option<Guest> {
        let mut guests = api.guests.borrow_mut();
        let count = guests.entry(caller.uid).or_default();
        let is_master = caller.uid == 0 || caller.uid == api.makings.owner_uid();
        if *count >= CONNECTIONS_PER_UID_MAX && !is_master {
            return None;
        }
        *count += 1;
        Some(Guest {
            api: api.clone(),
            uid: caller.uid,
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.api.guests.borrow_mut();
        if let Some(count) = guests.get_mut(&self.uid) {
            *count -= 1;
            if *count == 0 {
                guests.remove(&self.uid);
            }
        }
    }
}

/// One request, one answer. Also the place where warnings are put upon it and refusals are written down.
async fn respond(api: Rc<Api>, caller: Caller, request: Request<Incoming>) -> Response<Body> {
    let began = tokio::time::Instant::now();
    let line = format!("{} {}", request.method(), request.uri());
    // Changes of the configuration take effect with the next command.
    let warnings = api.configuration.borrow_mut().refresh(&api.mailbox);
    let uid = caller.uid;
    let mut response = match route(&api, caller, request).await {
        Ok(response) => response,
        Err(error) => {
            if error.status == StatusCode::FORBIDDEN {
                log::warn!("uid {uid} was refused `{line}`: {}", error.body.message);
            }
            error.into_response()
        }
    };
    for warning in warnings {
        let text: String = warning
            .chars()
            .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
            .collect();
        if let Ok(value) = header::HeaderValue::from_str(&text) {
            response.headers_mut().append("pmon3-warning", value);
        }
    }
    let level = if api.traces {
        log::Level::Info
    } else {
        log::Level::Debug
    };
    log::log!(
        level,
        "uid {uid}: {line}: {} in {:?}",
        response.status().as_u16(),
        began.elapsed()
    );
    response
}

/// All operations there are.
async fn route(api: &Rc<Api>, caller: Caller, request: Request<Incoming>) -> Result<Response<Body>, ApiError> {
    let (head, body) = request.into_parts();
    let path = decode_path(head.uri.path())?;
    let query = head.uri.query().unwrap_or("").to_owned();
    let segments: Vec<&str> = path.iter().map(String::as_str).collect();
    let (get, post, delete) = (
        head.method == Method::GET,
        head.method == Method::POST,
        head.method == Method::DELETE,
    );
    match segments.as_slice() {
        ["version"] if get => Ok(json(StatusCode::OK, &api.version)),
        ["processes"] if get => processes::list(api, &caller, &query).await,
        ["processes"] if post => processes::exec(api, caller, read(body).await?).await,
        ["processes", one] if get => processes::one(api, &caller, one).await,
        ["processes", which] if delete => act_on(api, caller, these(which)?, deed::delete, read(body).await?).await,
        ["processes", one, "log"] if get => logs::read(api, &caller, one, &query).await,
        ["processes", which, "restart"] if post => {
            act_on(api, caller, these(which)?, deed::restart, read(body).await?).await
        }
        ["processes", which, "stop"] if post => act_on(api, caller, these(which)?, deed::stop, read(body).await?).await,
        ["processes", which, "reset"] if post => {
            act_on(api, caller, these(which)?, deed::reset, read(body).await?).await
        }
        ["kill"] if post => act_on(api, caller, Which::All, deed::stop, read(body).await?).await,
        ["drop"] if post => act_on(api, caller, Which::All, deed::delete, read(body).await?).await,
        ["reset"] if post => act_on(api, caller, Which::All, deed::reset, read(body).await?).await,
        ["init"] if post => processes::init(api, caller, read(body).await?).await,
        ["dgraph"] if get => processes::order(api, &query).await,
        ["groups"] if get => groups::list(api).await,
        ["groups"] if post => groups::create(api, caller, read(body).await?).await,
        ["groups", one] if get => groups::one(api, one).await,
        ["groups", which] if delete => groups::delete(api, caller, which).await,
        ["groups", which, "assign"] if post => groups::assign(api, caller, which, read(body).await?).await,
        ["groups", which, "remove"] if post => groups::remove(api, caller, which, read(body).await?).await,
        ["groups", which, "restart"] if post => {
            act_on(api, caller, members(which)?, deed::restart, read(body).await?).await
        }
        ["groups", which, "stop"] if post => act_on(api, caller, members(which)?, deed::stop, read(body).await?).await,
        ["groups", which, "drop"] if post => {
            act_on(api, caller, members(which)?, deed::delete, read(body).await?).await
        }
        ["version" | "processes" | "kill" | "drop" | "reset" | "init" | "dgraph" | "groups"]
        | ["processes", _]
        | ["processes", _, "log" | "restart" | "stop" | "reset"]
        | ["groups", _]
        | ["groups", _, "assign" | "remove" | "restart" | "stop" | "drop"] => Err(ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            format!("{} is not for {}", head.method, head.uri.path()),
        )),
        _ => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("there is nothing at {}", head.uri.path()),
        )
        .hint("docs/api.md lists all paths; each begins with /v1")),
    }
}

/// The segments behind the version, percent-decoded.
fn decode_path(path: &str) -> Result<Vec<String>, ApiError> {
    let rest = path
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_prefix('/'))
        .ok_or_else(|| {
            ApiError::new(
                StatusCode::NOT_FOUND,
                "not_found",
                format!("there is nothing at {path}"),
            )
            .hint("each path begins with /v1")
        })?;
    rest.split('/').map(|segment| decode(segment, false)).collect()
}

/// Percent-decoding (RFC 3986, 2.1); in a query `+` is a blank (the rule of HTML forms).
pub(crate) fn decode(text: &str, is_form: bool) -> Result<String, ApiError> {
    let bad = || ApiError::bad(format!("`{text}` in the address is not percent-encoded UTF-8"));
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next().ok_or_else(bad)?, rest.next().ok_or_else(bad)?];
                let digits = std::str::from_utf8(&digits).map_err(|_| bad())?;
                if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(bad());
                }
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
            }
            b'+' if is_form => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

/// The pairs of a query.
pub(crate) fn query_pairs(query: &str) -> Result<Vec<(String, String)>, ApiError> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, "true"));
            Ok((decode(key, true)?, decode(value, true)?))
        })
        .collect()
}

/// A yes or no of a query.
pub(crate) fn flag(key: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(ApiError::bad(format!("{key}: `{other}` is neither `true` nor `false`"))),
    }
}

/// Reads the body as JSON; an empty one is `{}`.
async fn read<T: DeserializeOwned>(body: Incoming) -> Result<T, ApiError> {
    let too_large = || {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("the body of a request may have at most {BODY_BYTES_MAX} bytes"),
        )
    };
    // What is announced as too large is not waited for.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, BODY_BYTES_MAX).collect())
        .await
        .map_err(|_| {
            ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "bad_request",
                "the body did not come in time",
            )
        })?;
    let bytes: Bytes = match collected {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => return Err(too_large()),
        Err(error) => return Err(ApiError::bad(format!("the body could not be read: {error}"))),
    };
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    serde_json::from_slice(text).map_err(|error| ApiError::bad(format!("the body is not what is wanted here: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_after_they_are_split() {
        assert_eq!(
            decode_path("/v1/processes/a%2Fb/log").unwrap(),
            ["processes", "a/b", "log"]
        );
        assert!(decode_path("/v2/processes").is_err());
        assert!(decode_path("/v1").is_err());
        for bad in ["/v1/%", "/v1/%4", "/v1/%zz", "/v1/%+1", "/v1/%ff"] {
            assert_eq!(decode_path(bad).unwrap_err().status, StatusCode::BAD_REQUEST, "{bad}");
        }
    }

    #[test]
    fn a_query_has_pairs_and_bare_keys() {
        let pairs = query_pairs("lines=%2B5&follow&x=a+b").unwrap();
        let expected = [("lines", "+5"), ("follow", "true"), ("x", "a b")];
        assert_eq!(pairs, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
}
