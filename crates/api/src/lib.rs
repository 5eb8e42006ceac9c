//! The wire between `pmon3` and `pmond`: HTTP/1.1 with JSON bodies on a Unix socket.
//!
//! All paths begin with [`PREFIX`]. `docs/api.md` is the same in prose, with examples for curl.
pub mod client;
pub mod report;
pub mod types;

/// The version of the API, in front of each path.
pub const PREFIX: &str = "/v1";

/// Header of an answer, any number of times: something that the caller should know although the request was done.
pub const WARNING_HEADER: &str = "pmon3-warning";

pub use types::*;
