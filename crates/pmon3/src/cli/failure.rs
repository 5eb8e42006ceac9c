//! Why a command ends without having done its work.

use pmon3_api::client::ClientError;

/// The end of a command that did not succeed; says what its exit status is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It could not be done: one line, and one with what to do about it. Exit status 1.
    Message {
        /// What is wrong, in the user's terms.
        text: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// It could not be done, and what there is to say has been said. Exit status 1.
    Told,
    /// The command line asks for what does not make sense. Exit status 2.
    Usage(String),
    /// Whoever read our output wants no more of it, like `head`: the end, but no failure. Exit status 0.
    OutputClosed,
}

impl Failure {
    pub(super) fn new(text: impl Into<String>) -> Failure {
        Failure::Message {
            text: text.into(),
            hint: None,
        }
    }

    pub(super) fn with_hint(text: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure::Message {
            text: text.into(),
            hint: Some(hint.into()),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        let text = error.to_string();
        let hint = match error {
            ClientError::Refused(body) => body.hint,
            ClientError::Lost(_) => Some("pmond's log says why; `pmon3 ls` shows what came of it".to_owned()),
            ClientError::Silent(_) => Some("pmond may be stopped or overloaded; its log may say more".to_owned()),
            ClientError::NotUnderstood(_) => {
                Some("`pmon3 version` shows whether pmond is of another version".to_owned())
            }
            ClientError::Unreachable { .. } => None,
        };
        Failure::Message {
            text: one_line(&text),
            hint: hint.map(|hint| one_line(&hint)),
        }
    }
}

/// What is said is one line, whatever it quotes.
pub(super) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim_end().chars() {
        if c.is_control() {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use pmon3_api::ErrorBody;

    #[test]
    fn a_refusal_keeps_its_hint_and_stays_one_line() {
        let body = ErrorBody {
            code: "not_found".to_owned(),
            message: "no process named `a\nb`".to_owned(),
            hint: Some("`pmon3 ls` shows all".to_owned()),
        };
        assert_eq!(
            Failure::from(ClientError::Refused(body)),
            Failure::with_hint("no process named `a\\nb`", "`pmon3 ls` shows all")
        );
    }
}
