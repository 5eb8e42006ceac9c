//! A client over the Unix socket: one method for each operation of the API.
//!
//! Each request has a connection of its own (connecting to a Unix socket costs some 20 µs), so no answer can be taken for
//! that of another request and no idle connection has to be found dead. hyper does the framing, so every answer that is
//! right HTTP/1.1 is understood; it is in the program anyway, on the daemon's side, and its client and the one-thread
//! runtime that it wants cost about 0.1 ms, which a parser of our own would not be worth.
//!
//! All methods must run inside a tokio runtime with its I/O and time drivers on.

use crate::types::{
    ActionRequest, ErrorBody, ExecRequest, GroupRequest, GroupView, LogQuery, MembersRequest, OrderView, Outcome,
    ProcessView, VersionView,
};
use crate::{PREFIX, WARNING_HEADER};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;

/// How long an answer may take that nothing has to happen for.
const PROMPT: Duration = Duration::from_secs(30);

/// What may stand in a path segment or a query value as it is: all that a name is made of, and commas between names.
const SEGMENT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'.')
    .remove(b'_')
    .remove(b'-')
    .remove(b'@')
    .remove(b':')
    .remove(b',');

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("nothing answers at {}: {}", path.display(), plain(source))]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What connecting to it said.
        source: io::Error,
    },
    /// The daemon hung up, or died, before the answer was there.
    #[error("pmond hung up before its answer was complete: {0}")]
    Lost(String),
    /// The daemon is there but says nothing.
    #[error("pmond took the request but did not answer within {} seconds", .0.as_secs())]
    Silent(Duration),
    /// Not the API that this client speaks.
    #[error("the answer of pmond was not understood: {0}")]
    NotUnderstood(String),
    /// The daemon said no.
    #[error("{}", .0.message)]
    Refused(ErrorBody),
}

/// An answer, and what else the daemon wanted to be known.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    /// What was asked for.
    pub value: T,
    /// Warnings, one line each.
    pub warnings: Vec<String>,
}

/// What is done to all processes of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupAction {
    /// Stop, then start.
    Restart,
    /// Stop.
    Stop,
    /// Stop and forget.
    Drop,
}

type Trace = Box<dyn Fn(&str) + Send + Sync>;

/// Speaks to one daemon.
pub struct Client {
    path: PathBuf,
    /// The connection by which [`Client::connect`] found the daemon: the first request uses it.
    first: Mutex<Option<UnixStream>>,
    trace: Option<Trace>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Finds out whether a daemon listens on this socket.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], with what connect(2) said: `NotFound` and `ConnectionRefused` mean that there is none.
    pub async fn connect(path: &Path) -> Result<Client, ClientError> {
        let stream = open(path).await?;
        Ok(Client {
            path: path.to_owned(),
            first: Mutex::new(Some(stream)),
            trace: None,
        })
    }

    /// Has each request and each answer told to `trace`, with timings.
    #[must_use]
    pub fn with_trace(mut self, trace: impl Fn(&str) + Send + Sync + 'static) -> Client {
        self.trace = Some(Box::new(trace));
        self
    }

    /// The socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All processes, by id; `usage`: with CPU and memory.
    ///
    /// # Errors
    /// Any [`ClientError`], as for all requests.
    pub async fn processes(&self, usage: bool) -> Result<Answer<Vec<ProcessView>>, ClientError> {
        self.get(&format!("/processes?usage={usage}")).await
    }

    /// One process, by id or name.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn process(&self, one: &str) -> Result<Answer<ProcessView>, ClientError> {
        self.get(&format!("/processes/{}", segment(one))).await
    }

    /// Starts a new process.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn exec(&self, request: &ExecRequest) -> Result<Answer<Outcome>, ClientError> {
        self.change(Method::POST, "/processes", request).await
    }

    /// Stops, then starts these; just starts those that do not run.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn restart(&self, which: &str, how: &ActionRequest) -> Result<Answer<Outcome>, ClientError> {
        self.change(Method::POST, &format!("/processes/{}/restart", segment(which)), how)
            .await
    }

    /// Stops these.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn stop(&self, which: &str, how: &ActionRequest) -> Result<Answer<Outcome>, ClientError> {
        self.change(Method::POST, &format!("/processes/{}/stop", segment(which)), how)
            .await
    }

    /// Stops and forgets these, and removes their logs.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn delete(&self, which: &str, how: &ActionRequest) -> Result<Answer<Outcome>, ClientError> {
        self.change(Method::DELETE, &format!("/processes/{}", segment(which)), how)
            .await
    }

    /// Sets the restart counter of these, or of all, to 0.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn reset(&self, which: Option<&str>) -> Result<Answer<Outcome>, ClientError> {
        let path = match which {
            Some(which) => format!("/processes/{}/reset", segment(which)),
            None => "/reset".to_owned(),
        };
        self.change(Method::POST, &path, &ActionRequest::default()).await
    }

    /// Stops all.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn kill(&self, how: &ActionRequest) -> Result<Answer<Outcome>, ClientError> {
        self.change(Method::POST, "/kill", how).await
    }

    /// Stops and forgets all, and removes their logs.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn drop_all(&self, how: &ActionRequest) -> Result<Answer<Outcome>, ClientError> {
        self.change(Method::POST, "/drop", how).await
    }

    /// Applies the process configuration and starts what does not run.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn init(&self, how: &ActionRequest) -> Result<Answer<Outcome>, ClientError> {
        self.change(Method::POST, "/init", how).await
    }

    /// In which order processes would be started.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn order(&self, process_config_only: bool) -> Result<Answer<OrderView>, ClientError> {
        self.get(&format!("/dgraph?process_config_only={process_config_only}"))
            .await
    }

    /// Which daemon this is.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn version(&self) -> Result<Answer<VersionView>, ClientError> {
        self.get("/version").await
    }

    /// All groups.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn groups(&self) -> Result<Answer<Vec<GroupView>>, ClientError> {
        self.get("/groups").await
    }

    /// One group, by id or name.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn group(&self, one: &str) -> Result<Answer<GroupView>, ClientError> {
        self.get(&format!("/groups/{}", segment(one))).await
    }

    /// A new, empty group.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn create_group(&self, name: &str) -> Result<Answer<GroupView>, ClientError> {
        self.change(Method::POST, "/groups", &GroupRequest { name: name.to_owned() })
            .await
    }

    /// Forgets these groups; their processes stay. Answers with all groups that are left.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn delete_groups(&self, which: &str) -> Result<Answer<Vec<GroupView>>, ClientError> {
        self.change(
            Method::DELETE,
            &format!("/groups/{}", segment(which)),
            &ActionRequest::default(),
        )
        .await
    }

    /// Puts these processes into these groups. Answers with all groups afterwards.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn assign(&self, which: &str, processes: &str) -> Result<Answer<Vec<GroupView>>, ClientError> {
        let members = MembersRequest {
            processes: processes.to_owned(),
        };
        self.change(Method::POST, &format!("/groups/{}/assign", segment(which)), &members)
            .await
    }

    /// Takes these processes out of these groups. Answers with all groups afterwards.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn remove(&self, which: &str, processes: &str) -> Result<Answer<Vec<GroupView>>, ClientError> {
        let members = MembersRequest {
            processes: processes.to_owned(),
        };
        self.change(Method::POST, &format!("/groups/{}/remove", segment(which)), &members)
            .await
    }

    /// Does this to all processes of these groups.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn on_group(
        &self,
        which: &str,
        action: GroupAction,
        how: &ActionRequest,
    ) -> Result<Answer<Outcome>, ClientError> {
        let verb = match action {
            GroupAction::Restart => "restart",
            GroupAction::Stop => "stop",
            GroupAction::Drop => "drop",
        };
        self.change(Method::POST, &format!("/groups/{}/{verb}", segment(which)), how)
            .await
    }

    /// The bytes of a log, as they come. Dropping the stream hangs up.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn log(&self, one: &str, query: &LogQuery) -> Result<Answer<Stream>, ClientError> {
        let mut path = format!(
            "/processes/{}/log?archives={}&follow={}",
            segment(one),
            query.archives,
            query.follow
        );
        if let Some(lines) = &query.lines {
            path.push_str("&lines=");
            path.push_str(&segment(lines));
        }
        let asked = Instant::now();
        let answer = within(Some(PROMPT), self.send(Method::GET, &path, Bytes::new())).await?;
        let warnings = warnings(&answer);
        let status = answer.status();
        if status != StatusCode::OK {
            let body = collect(answer).await?;
            self.trace_answer(status, asked, &body);
            return Err(refusal(status, &body));
        }
        self.trace_answer(status, asked, b"(the log)");
        Ok(Answer {
            value: Stream {
                body: answer.into_body(),
            },
            warnings,
        })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, ClientError> {
        self.request(Method::GET, path, Bytes::new(), Some(PROMPT)).await
    }

    async fn change<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<Answer<T>, ClientError> {
        let body = serde_json::to_vec(body).map_err(|e| ClientError::NotUnderstood(e.to_string()))?;
        // How long it takes is up to what has to happen: the daemon bounds it, as the request says.
        self.request(method, path, body.into(), None).await
    }

    async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        limit: Option<Duration>,
    ) -> Result<Answer<T>, ClientError> {
        let asked = Instant::now();
        let (status, warnings, body) = within(limit, async {
            let answer = self.send(method, path, body).await?;
            Ok((answer.status(), warnings(&answer), collect(answer).await?))
        })
        .await?;
        self.trace_answer(status, asked, &body);
        Ok(Answer {
            value: understand(status, &body)?,
            warnings,
        })
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, ClientError> {
        if let Some(trace) = &self.trace {
            trace(&format!(
                "-> {method} {PREFIX}{path} {}",
                String::from_utf8_lossy(&body)
            ));
        }
        let first = self.first.lock().ok().and_then(|mut first| first.take());
        let stream = match first {
            Some(stream) => stream,
            None => open(&self.path).await?,
        };
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| lost(&e))?;
        // Ends by itself: when the answer is complete, or when its body is dropped.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{PREFIX}{path}"))
            .header(header::HOST, "pmond")
            .header(header::CONNECTION, "close");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(body))
            .map_err(|e| ClientError::NotUnderstood(e.to_string()))?;
        sender.send_request(request).await.map_err(|e| lost(&e))
    }

    fn trace_answer(&self, status: StatusCode, asked: Instant, body: &[u8]) {
        if let Some(trace) = &self.trace {
            let took = asked.elapsed().as_secs_f64() * 1000.0;
            trace(&format!(
                "<- {status} after {took:.2} ms: {}",
                String::from_utf8_lossy(body)
            ));
        }
    }
}

/// The body of an answer that comes in pieces.
#[derive(Debug)]
pub struct Stream {
    body: Incoming,
}

impl Stream {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`ClientError::Lost`] if the daemon hangs up in the middle.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(|e| lost(&e))?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

async fn open(path: &Path) -> Result<UnixStream, ClientError> {
    UnixStream::connect(path)
        .await
        .map_err(|source| ClientError::Unreachable {
            path: path.to_owned(),
            source,
        })
}

async fn collect(answer: Response<Incoming>) -> Result<Bytes, ClientError> {
    Ok(answer.into_body().collect().await.map_err(|e| lost(&e))?.to_bytes())
}

async fn within<T>(
    limit: Option<Duration>,
    answer: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, answer)
            .await
            .map_err(|_| ClientError::Silent(limit))?,
        None => answer.await,
    }
}

/// An answer with a status below 400 is a `T`; so is a 409 to a change of which a part could not be done.
fn understand<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, ClientError> {
    let partly = status == StatusCode::CONFLICT && serde_json::from_slice::<ErrorBody>(body).is_err();
    if status.is_success() || partly {
        return serde_json::from_slice(body).map_err(|e| ClientError::NotUnderstood(e.to_string()));
    }
    Err(refusal(status, body))
}

fn refusal(status: StatusCode, body: &[u8]) -> ClientError {
    match serde_json::from_slice(body) {
        Ok(refusal) => ClientError::Refused(refusal),
        Err(_) => ClientError::NotUnderstood(format!("status {status} without an explanation")),
    }
}

fn warnings(answer: &Response<Incoming>) -> Vec<String> {
    let all = answer.headers().get_all(WARNING_HEADER);
    all.iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect()
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, &SEGMENT).to_string()
}

fn lost(error: &hyper::Error) -> ClientError {
    let text = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    if error.is_parse() {
        ClientError::NotUnderstood(text)
    } else {
        ClientError::Lost(text)
    }
}

/// `no such file`, not `No such file or directory (os error 2)`.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}
