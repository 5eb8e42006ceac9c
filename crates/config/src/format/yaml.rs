//! YAML. Scalars without quotes stay as they are written; what they mean depends on the key (as it did for the
//! predecessor's parser), so that `name: 1.10` is the text `1.10`.

use super::{DEEPEST, MOST_NODES, SyntaxError};
use crate::node::{Key, Mark, Node, Value};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use std::collections::HashMap;

pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut build = Build {
        events: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut document = None;
    loop {
        let (event, mark) = build.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            _ if document.is_some() => return Err(SyntaxError::at(mark, "a second document: only one is wanted")),
            event => document = Some(build.node(event, mark, 0)?),
        }
    }
    Ok(document.unwrap_or(Node {
        mark: Mark { line: 1, column: 1 },
        value: Value::Null,
    }))
}

struct Build<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

fn mark_of(marker: &Marker) -> Mark {
    Mark {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}

impl<'a> Build<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Mark), SyntaxError> {
        match self.events.next() {
            Some(Ok((event, span))) => Ok((event, mark_of(&span.start))),
            Some(Err(error)) => Err(SyntaxError::at(
                mark_of(error.marker()),
                format!("is not YAML: {}", error.info()),
            )),
            None => Ok((Event::StreamEnd, Mark { line: 1, column: 1 })),
        }
    }

    fn count(&mut self, nodes: usize, mark: Mark) -> Result<(), SyntaxError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST_NODES {
            return Err(SyntaxError::at(mark, "its aliases (*name) make it far too large"));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, mark: Mark, depth: usize) -> Result<Node, SyntaxError> {
        if depth > DEEPEST {
            return Err(SyntaxError::at(
                mark,
                format!("is nested more than {DEEPEST} levels deep"),
            ));
        }
        let before = self.nodes;
        self.count(1, mark)?;
        let (value, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, mark),
            Event::Scalar(text, style, anchor, tag) => (scalar(&text, style, tag.as_deref(), mark)?, anchor),
            Event::SequenceStart(anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(depth)?, anchor),
            _ => return Err(SyntaxError::at(mark, "is not YAML: it ends too early")),
        };
        let node = Node { mark, value };
        if anchor > 0 {
            let size = self.nodes - before;
            self.count(size, mark)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, mark: Mark) -> Result<Node, SyntaxError> {
        let Some((_, size)) = self.anchors.get(&anchor) else {
            return Err(SyntaxError::at(mark, "an alias (*name) inside of what it names"));
        };
        self.count(*size, mark)?;
        match self.anchors.get(&anchor) {
            Some((node, _)) => Ok(node.clone()),
            None => Err(SyntaxError::at(mark, "an alias (*name) of nothing")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, mark) => items.push(self.node(event, mark, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let (event, mark) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = match self.node(event, mark, depth + 1)?.value {
                Value::Plain(text) | Value::Text(text) => Key { mark, text },
                _ => return Err(SyntaxError::at(mark, "a key that is no text")),
            };
            let (event, mark) = self.next()?;
            let node = self.node(event, mark, depth + 1)?;
            if key.text == "<<" {
                merged.push(node);
            } else {
                entries.push((key, node));
            }
        }
        for node in merged {
            merge(&mut entries, node)?;
        }
        Ok(Value::Map(entries))
    }
}

/// `<<: *other` adds the entries of another map that the map itself does not have.
fn merge(entries: &mut Vec<(Key, Node)>, from: Node) -> Result<(), SyntaxError> {
    match from.value {
        Value::Map(others) => {
            for (key, node) in others {
                if !entries.iter().any(|(known, _)| known.text == key.text) {
                    entries.push((key, node));
                }
            }
            Ok(())
        }
        Value::List(nodes) => nodes.into_iter().try_for_each(|node| merge(entries, node)),
        _ => Err(SyntaxError::at(from.mark, "<< wants a map or a list of maps")),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, mark: Mark) -> Result<Value, SyntaxError> {
    let tag = match tag {
        Some(tag) if tag.is_yaml_core_schema() => Some(tag.suffix.as_str()),
        Some(tag) if tag.handle == "!" && tag.suffix.is_empty() => Some("str"),
        Some(tag) => return Err(SyntaxError::at(mark, format!("the tag {tag} means nothing here"))),
        None => None,
    };
    let is_null = matches!(text, "" | "~" | "null" | "Null" | "NULL");
    Ok(match (tag, style) {
        (Some("str"), _) => Value::Text(text.to_owned()),
        (Some("null"), _) => Value::Null,
        (None, ScalarStyle::Plain) if is_null => Value::Null,
        (Some(_), _) | (None, ScalarStyle::Plain) => Value::Plain(text.to_owned()),
        (None, _) => Value::Text(text.to_owned()),
    })
}
