//! JSON. `serde_json` decides what is JSON and what is not; a second pass over a text that is known to be good finds
//! where everything stands.

use super::{DEEPEST, SyntaxError};
use crate::node::{Key, Mark, Node, Value};
use serde::de::IgnoredAny;

pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        let mark = Mark {
            line: error.line().max(1),
            column: error.column().max(1),
        };
        return Err(SyntaxError::at(
            mark,
            format!("is not JSON: {}", without_position(&error)),
        ));
    }
    let mut walk = Walk {
        rest: text.char_indices().peekable(),
        text,
        mark: Mark { line: 1, column: 1 },
    };
    walk.value(0)
}

/// serde_json ends its messages with ` at line 1 column 2`, which is said before them here.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

struct Walk<'a> {
    rest: std::iter::Peekable<std::str::CharIndices<'a>>,
    text: &'a str,
    mark: Mark,
}

impl Walk<'_> {
    fn next(&mut self) -> Option<(usize, char)> {
        let next = self.rest.next();
        match next {
            Some((_, '\n')) => {
                self.mark = Mark {
                    line: self.mark.line + 1,
                    column: 1,
                }
            }
            Some(_) => self.mark.column += 1,
            None => {}
        }
        next
    }

    /// The next character that is no space, and its offset, without taking it.
    fn peek(&mut self) -> Result<(usize, char), SyntaxError> {
        loop {
            match self.rest.peek().copied() {
                Some((_, c)) if c.is_ascii_whitespace() => {
                    self.next();
                }
                Some(next) => return Ok(next),
                None => return Err(SyntaxError::at(self.mark, "is not JSON: it ends too early")),
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        let (start, first) = self.peek()?;
        let mark = self.mark;
        if depth > DEEPEST {
            return Err(SyntaxError::at(
                mark,
                format!("is nested more than {DEEPEST} levels deep"),
            ));
        }
        let value = match first {
            '"' => Value::Text(self.string()?),
            '[' => self.list(depth)?,
            '{' => self.map(depth)?,
            _ => match self.literal(start) {
                "null" => Value::Null,
                other => Value::Literal(other.to_owned()),
            },
        };
        Ok(Node { mark, value })
    }

    fn list(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.next();
        let mut items = Vec::new();
        loop {
            match self.peek()?.1 {
                ']' => break,
                ',' => {
                    self.next();
                }
                _ => items.push(self.value(depth + 1)?),
            }
        }
        self.next();
        Ok(Value::List(items))
    }

    fn map(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.next();
        let mut entries = Vec::new();
        loop {
            match self.peek()?.1 {
                '}' => break,
                ',' => {
                    self.next();
                }
                _ => {
                    let mark = self.mark;
                    let key = Key {
                        mark,
                        text: self.string()?,
                    };
                    self.peek()?;
                    self.next();
                    entries.push((key, self.value(depth + 1)?));
                }
            }
        }
        self.next();
        Ok(Value::Map(entries))
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let mark = self.mark;
        let unended = || SyntaxError::at(mark, "is not JSON: a text does not end");
        let (start, _) = self.next().ok_or_else(unended)?;
        loop {
            match self.next().ok_or_else(unended)? {
                (_, '\\') => {
                    self.next();
                }
                (end, '"') => {
                    let quoted = &self.text[start..=end];
                    return serde_json::from_str(quoted)
                        .map_err(|error| SyntaxError::at(mark, format!("is not JSON: {}", without_position(&error))));
                }
                _ => {}
            }
        }
    }

    fn literal(&mut self, start: usize) -> &str {
        let mut end = start;
        while let Some(&(at, c)) = self.rest.peek() {
            if matches!(c, ',' | ']' | '}') || c.is_ascii_whitespace() {
                break;
            }
            self.next();
            end = at + c.len_utf8();
        }
        &self.text[start..end]
    }
}
