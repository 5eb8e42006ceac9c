//! YAML. Scalars without quotes stay as they are written; what they mean depends on the key (as it did for the
//! predecessor's parser), so that `name: 1.10` is the text `1.10`.

use super::{DEEPEST, MOST_REPEATED, Size, SyntaxError};
use crate::node::{Key, Mark, Node, Value};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use std::collections::{BTreeSet, HashMap};

pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut build = Build {
        events: Parser::new_from_str(text),
        anchors: HashMap::new(),
        repeated: Size::default(),
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
    anchors: HashMap<usize, Anchored>,
    /// What aliases have repeated so far.
    repeated: Size,
}

/// What an alias can name.
struct Anchored {
    node: Node,
    size: Size,
    /// How many levels are below it.
    height: usize,
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

    /// Takes what an alias, or the keeping of an anchor, repeats off the budget.
    fn repeat(&mut self, size: Size, mark: Mark) -> Result<(), SyntaxError> {
        self.repeated = self.repeated.plus(size);
        if self.repeated.is_within(MOST_REPEATED) {
            Ok(())
        } else {
            Err(SyntaxError::at(mark, "its aliases (*name) make it far too large"))
        }
    }

    fn node(&mut self, event: Event<'a>, mark: Mark, depth: usize) -> Result<Node, SyntaxError> {
        within_depth(depth, mark)?;
        let (value, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, mark, depth),
            Event::Scalar(text, style, anchor, tag) => (scalar(&text, style, tag.as_deref(), mark)?, anchor),
            Event::SequenceStart(anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.map(depth)?, anchor),
            _ => return Err(SyntaxError::at(mark, "is not YAML: it ends too early")),
        };
        let node = Node { mark, value };
        if anchor > 0 {
            let (size, height) = measure(&node);
            self.repeat(size, mark)?;
            let node = node.clone();
            self.anchors.insert(anchor, Anchored { node, size, height });
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, mark: Mark, depth: usize) -> Result<Node, SyntaxError> {
        let Some(Anchored { size, height, .. }) = self.anchors.get(&anchor) else {
            return Err(SyntaxError::at(mark, "an alias (*name) inside of what it names"));
        };
        within_depth(depth + height, mark)?;
        self.repeat(*size, mark)?;
        match self.anchors.get(&anchor) {
            Some(anchored) => Ok(anchored.node.clone()),
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
        let mut known: BTreeSet<String> = match merged.is_empty() {
            true => BTreeSet::new(),
            false => entries.iter().map(|(key, _)| key.text.clone()).collect(),
        };
        for node in merged {
            merge(&mut entries, &mut known, node)?;
        }
        Ok(Value::Map(entries))
    }
}

fn within_depth(depth: usize, mark: Mark) -> Result<(), SyntaxError> {
    if depth > DEEPEST {
        return Err(SyntaxError::at(
            mark,
            format!("is nested more than {DEEPEST} levels deep"),
        ));
    }
    Ok(())
}

/// How much a value holds, and how many levels are below it. It is within [`DEEPEST`].
fn measure(node: &Node) -> (Size, usize) {
    let mut size = Size { nodes: 1, bytes: 0 };
    let mut height = 0;
    let mut add = |below: &Node| {
        let (part, levels) = measure(below);
        size = size.plus(part);
        height = height.max(levels + 1);
    };
    match &node.value {
        Value::Null => {}
        Value::Text(text) | Value::Plain(text) | Value::Literal(text) => size.bytes = text.len(),
        Value::List(items) => items.iter().for_each(add),
        Value::Map(entries) => {
            entries.iter().for_each(|(_, value)| add(value));
            let keys = entries.iter().map(|(key, _)| key.text.len()).sum();
            size = size.plus(Size { nodes: 0, bytes: keys });
        }
    }
    (size, height)
}

/// `<<: *other` adds the entries of another map that the map itself does not have.
fn merge(entries: &mut Vec<(Key, Node)>, known: &mut BTreeSet<String>, from: Node) -> Result<(), SyntaxError> {
    match from.value {
        Value::Map(others) => {
            for (key, node) in others {
                if known.insert(key.text.clone()) {
                    entries.push((key, node));
                }
            }
            Ok(())
        }
        Value::List(nodes) => nodes.into_iter().try_for_each(|node| merge(entries, known, node)),
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
