//! What goes back over the wire: bodies, and errors as `{code, message, hint}`.

use super::super::mailbox::Gone;
use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use pmon3_api::ErrorBody;
use pmon3_supervisor::Refusal;
use std::convert::Infallible;

/// The body of every answer: bytes at once, or a stream that goes on.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Bytes that are all there.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// Why a request was not carried out. Nothing was changed.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) body: Box<ErrorBody>,
    /// The field of a process that it is about, where it is about one.
    pub(crate) field: Option<&'static str>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> ApiError {
        let body = ErrorBody {
            code: code.to_owned(),
            message: message.into(),
            hint: None,
        };
        ApiError {
            status,
            body: Box::new(body),
            field: None,
        }
    }

    /// The caller's words are wrong.
    pub(crate) fn bad(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// Something that should not fail did.
    pub(crate) fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// It is about this field of a process.
    pub(crate) fn about(mut self, field: &'static str) -> ApiError {
        self.field = Some(field);
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> ApiError {
        self.body.hint = Some(hint.into());
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        json(self.status, &*self.body)
    }
}

impl From<Gone> for ApiError {
    fn from(_: Gone) -> ApiError {
        Refusal::Closing.into()
    }
}

impl From<tokio::sync::oneshot::error::RecvError> for ApiError {
    fn from(_: tokio::sync::oneshot::error::RecvError) -> ApiError {
        Refusal::Closing.into()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        let (status, code) = match &refusal {
            Refusal::NoSuchProcess(..) | Refusal::NoSuchGroup(..) => (StatusCode::NOT_FOUND, "not_found"),
            Refusal::NameTaken(..) | Refusal::NamedTwice(..) | Refusal::GroupExists(..) => {
                (StatusCode::CONFLICT, "name_taken")
            }
            Refusal::DependencyCycle(..) => (StatusCode::CONFLICT, "dependency_cycle"),
            Refusal::NotYours(..) | Refusal::MayNotRunAs(..) => (StatusCode::FORBIDDEN, "permission_denied"),
            Refusal::StoreFailed(..) => (StatusCode::SERVICE_UNAVAILABLE, "store_failed"),
            Refusal::Closing => (StatusCode::SERVICE_UNAVAILABLE, "closing"),
        };
        let error = ApiError::new(status, code, refusal.to_string());
        match &refusal {
            Refusal::NoSuchProcess(_, Some(near)) => error.hint(format!("did you mean `{near}`? `pmon3 ls` shows all")),
            Refusal::NoSuchProcess(_, None) => error.hint("`pmon3 ls` shows all processes"),
            Refusal::NoSuchGroup(_, Some(near)) => {
                error.hint(format!("did you mean `{near}`? `pmon3 group ls` shows all"))
            }
            Refusal::NoSuchGroup(_, None) => error.hint("`pmon3 group ls` shows all groups"),
            Refusal::NameTaken(name, _) => {
                error.hint(format!("choose another with --name, or `pmon3 del {name}` first"))
            }
            Refusal::DependencyCycle(_) => error.hint("take one of these dependencies away"),
            Refusal::NotYours(..) => error.hint("ask its user, a member of the admin group, or root"),
            Refusal::MayNotRunAs(_) => error.hint("leave --user away, or ask root"),
            Refusal::StoreFailed(_) => error.hint("what runs is still supervised; try again when the disk is well"),
            Refusal::NamedTwice(_) | Refusal::GroupExists(_) | Refusal::Closing => error,
        }
    }
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, value: &impl serde::Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(bytes) => with_type(status, "application/json", full(bytes)),
        Err(error) => with_type(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain; charset=utf-8",
            full(format!("the answer cannot be put into JSON: {error}")),
        ),
    }
}

/// An answer of some type.
pub(crate) fn with_type(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}
