//! TOML.

use super::{DEEPEST, SyntaxError};
use crate::node::{Key, Mark, Node, Value};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if let Some(error) = errors.first() {
        return Err(lines.error(&table, error));
    }
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

    fn error(&self, table: &Spanned<DeTable<'_>>, error: &toml::de::Error) -> SyntaxError {
        let problem = format!("is not TOML: {}", error.message().replace('\n', ", "));
        let Some(span) = error.span() else {
            return SyntaxError { mark: None, problem };
        };
        let mark = self.mark(span.clone());
        if error.message() != "duplicate key" {
            return SyntaxError::at(mark, problem);
        }
        // The parser does not say where the first one is. It kept it, and it is the nearest before.
        let name = self.text.get(span).unwrap_or_default().trim_matches(['"', '\'']);
        let mut first = None;
        if let Ok(Value::Map(entries)) = self.table(table.get_ref(), mark, 0) {
            nearest_before(&entries, name, mark, &mut first);
        }
        let first = first.map(|first| format!(", first on line {}; remove one of them", first.line));
        SyntaxError::at(mark, format!("{name}: given twice{}", first.unwrap_or_default()))
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

/// The last key of this name before a place, anywhere below these entries.
fn nearest_before(entries: &[(Key, Node)], name: &str, before: Mark, found: &mut Option<Mark>) {
    for (key, node) in entries {
        if key.text == name && key.mark < before && found.is_none_or(|found| found < key.mark) {
            *found = Some(key.mark);
        }
        match &node.value {
            Value::Map(entries) => nearest_before(entries, name, before, found),
            Value::List(items) => {
                for item in items {
                    if let Value::Map(entries) = &item.value {
                        nearest_before(entries, name, before, found);
                    }
                }
            }
            Value::Null | Value::Text(_) | Value::Plain(_) | Value::Literal(_) => {}
        }
    }
}
