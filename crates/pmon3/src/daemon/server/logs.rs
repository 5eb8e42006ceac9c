//! The log of a process: read with the rights of its user, sent as it is.

use super::Api;
use super::answer::{ApiError, Body, with_type};
use super::processes::look_up;
use super::{flag, query_pairs};
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use pmon3_linux::output::{self, Follower, Lines, LogError};
use pmon3_linux::user::{self, Credentials};
use pmon3_supervisor::{Caller, Refusal, Spec};
use std::convert::Infallible;
use std::io::Read;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, watch};

/// How much is read and sent at once.
const BLOCK: usize = 64 * 1024;
/// How many blocks may wait for a slow reader; the log is not read further meanwhile.
const BLOCKS_MAX: usize = 4;

/// What is wanted of a log.
struct Wanted {
    lines: Lines,
    archives: bool,
    follow: bool,
}

/// `GET /v1/processes/{one}/log`
pub(crate) async fn read(api: &Rc<Api>, caller: &Caller, one: &str, query: &str) -> Result<Response<Body>, ApiError> {
    let wanted = parse(query)?;
    let view = look_up(api, one).await?;
    let spec = &view.spec;
    if !api.configuration.borrow().policy().may_manage(caller, spec) {
        return Err(Refusal::NotYours(spec.name.clone(), spec.user.name.clone()).into());
    }
    let owner = credentials(spec)?;
    let path = PathBuf::from(&spec.log);
    let failed = |error: LogError| {
        let status = if error.is_missing() {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::CONFLICT
        };
        ApiError::new(status, "log_unreadable", format!("the log of `{}`: {error}", spec.name))
    };
    let (blocks, body) = blocks();
    if wanted.follow {
        let follower = Follower::open(&path, &owner, wanted.lines).map_err(failed)?;
        #[expect(
            deprecated,
            reason = "the replacement is unsafe, and a follower keeps its descriptor to itself"
        )]
        let follower = AsyncFd::new(follower).map_err(|error| ApiError::internal(error.to_string()))?;
        tokio::task::spawn_local(follow(follower, blocks, api.closing.clone()));
    } else {
        let reader = output::read(&path, &owner, wanted.lines, wanted.archives).map_err(failed)?;
        for error in reader.unreadable() {
            log::warn!("{}: an archive is left out: {error}", spec.name);
        }
        // Disks wait, and archives are unpacked: not on the thread that answers everybody.
        tokio::task::spawn_blocking(move || send_all(reader, &blocks));
    }
    Ok(with_type(StatusCode::OK, "text/plain; charset=utf-8", body))
}

fn parse(query: &str) -> Result<Wanted, ApiError> {
    let mut wanted = Wanted {
        lines: Lines::All,
        archives: false,
        follow: false,
    };
    for (key, value) in query_pairs(query)? {
        match key.as_str() {
            "lines" => wanted.lines = lines(&value)?,
            "archives" => wanted.archives = flag(&key, &value)?,
            "follow" => wanted.follow = flag(&key, &value)?,
            other => {
                let error = ApiError::bad(format!("there is no query `{other}` here"));
                return Err(error.hint("`lines`, `archives` and `follow` are"));
            }
        }
    }
    Ok(wanted)
}

/// `all`; `10`: the last ten; `+5`: from the fifth on.
fn lines(text: &str) -> Result<Lines, ApiError> {
    let bad = || {
        ApiError::bad(format!(
            "lines: `{text}` is neither a number of lines, nor `+` and a number, nor `all`"
        ))
    };
    if text == "all" {
        return Ok(Lines::All);
    }
    let (digits, from) = match text.strip_prefix('+') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    let number = digits.parse().map_err(|_| bad())?;
    Ok(if from { Lines::From(number) } else { Lines::Last(number) })
}

fn credentials(spec: &Spec) -> Result<Credentials, ApiError> {
    let failed = |error: user::UserError| ApiError::internal(error.to_string());
    match user::by_uid(spec.user.uid).map_err(failed)? {
        Some(account) => user::credentials(&account).map_err(failed),
        None => Ok(Credentials {
            uid: spec.user.uid,
            gid: spec.user.gid,
            groups: vec![spec.user.gid],
        }),
    }
}

/// A body that is sent block by block.
fn blocks() -> (mpsc::Sender<Bytes>, Body) {
    struct Blocks(mpsc::Receiver<Bytes>);

    impl futures_core::Stream for Blocks {
        type Item = Result<Frame<Bytes>, Infallible>;

        fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.0
                .poll_recv(context)
                .map(|block| block.map(|bytes| Ok(Frame::data(bytes))))
        }
    }

    let (sender, receiver) = mpsc::channel(BLOCKS_MAX);
    (sender, StreamBody::new(Blocks(receiver)).boxed_unsync())
}

fn send_all(mut reader: output::Reader, blocks: &mpsc::Sender<Bytes>) {
    let mut buffer = vec![0; BLOCK];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => {
                if blocks.blocking_send(Bytes::copy_from_slice(&buffer[..length])).is_err() {
                    return; // whoever asked has hung up
                }
            }
            Err(error) => return log::warn!("a log could not be read to its end: {error}"),
        }
    }
}

async fn follow(mut follower: AsyncFd<Follower>, blocks: mpsc::Sender<Bytes>, mut closing: watch::Receiver<bool>) {
    let mut buffer = vec![0; BLOCK];
    loop {
        match follower.get_mut().read_new(&mut buffer) {
            Ok(0) => {
                let ready = tokio::select! {
                    ready = follower.readable() => ready,
                    () = blocks.closed() => return, // whoever asked has hung up
                    _ = closing.wait_for(|closing| *closing) => return,
                };
                match ready {
                    Ok(mut guard) => guard.clear_ready(),
                    Err(error) => return log::warn!("a log could not be followed further: {error}"),
                }
            }
            Ok(length) => {
                if blocks.send(Bytes::copy_from_slice(&buffer[..length])).await.is_err() {
                    return;
                }
            }
            Err(error) => return log::warn!("a log could not be followed further: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_a_count_a_start_or_all() {
        assert_eq!(lines("all").unwrap(), Lines::All);
        assert_eq!(lines("10").unwrap(), Lines::Last(10));
        assert_eq!(lines("+5").unwrap(), Lines::From(5));
        for bad in ["", "+", "-1", "x", "1x", "++1", "99999999999999999999"] {
            assert!(lines(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_unknown_query_is_refused() {
        assert!(parse("lines=3&follow=true").unwrap().follow);
        assert!(parse("line=3").is_err());
        assert!(parse("follow=perhaps").is_err());
    }
}
