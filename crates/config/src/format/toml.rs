//! TOML.

use super::{DEEPEST, SyntaxError};
use crate::node::{Key, Mark, Node, Value, mark_at};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let table = DeTable::parse(text).map_err(|error| {
        let problem = format!("is not TOML: {}", error.message().replace('\n', ", "));
        SyntaxError {
            mark: error.span().map(|span| mark_at(text, span.start)),
            problem,
        }
    })?;
    let lines = Lines::of(text);
    let mark = lines.mark(table.span());
    Ok(Node {
        mark,
        value: lines.table(table.get_ref(), mark, 0)?,
    })
}

/// Where the lines of a text begin, so that each place is found without reading from the start.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Lines<'a> {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Lines { text, starts }
    }

    fn mark(&self, span: Range<usize>) -> Mark {
        let line = self.starts.partition_point(|start| *start <= span.start);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self
            .text
            .get(start..span.start)
            .map_or(0, |before| before.chars().count())
            + 1;
        Mark {
            line: line.max(1),
            column,
        }
    }

    fn node(&self, value: &Spanned<DeValue<'_>>, depth: usize) -> Result<Node, SyntaxError> {
        let mark = self.mark(value.span());
        let written = || self.text.get(value.span()).unwrap_or_default().to_owned();
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
                Value::Literal(written())
            }
            DeValue::Array(items) => Value::List(
                items
                    .iter()
                    .map(|item| self.node(item, depth + 1))
                    .collect::<Result<_, _>>()?,
            ),
            DeValue::Table(table) => self.table(table, mark, depth)?,
        };
        Ok(Node { mark, value })
    }

    fn table(&self, table: &DeTable<'_>, mark: Mark, depth: usize) -> Result<Value, SyntaxError> {
        if depth > DEEPEST {
            return Err(SyntaxError::at(
                mark,
                format!("is nested more than {DEEPEST} levels deep"),
            ));
        }
        let mut entries = table
            .iter()
            .map(|(key, value)| {
                let key = Key {
                    mark: self.mark(key.span()),
                    text: key.get_ref().to_string(),
                };
                Ok((key, self.node(value, depth + 1)?))
            })
            .collect::<Result<Vec<_>, SyntaxError>>()?;
        // The parser sorts them by name.
        entries.sort_by_key(|(key, _)| key.mark);
        Ok(Value::Map(entries))
    }
}
