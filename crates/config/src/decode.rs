//! Located values into typed ones. The problem that is given back is the end of a sentence about the place:
//! `found …, wanted …`.

use crate::node::{Node, Value, shortened};
use crate::words::{assignment, assignments, words};
use std::collections::BTreeMap;
use std::time::Duration;

/// What was found and what is wanted instead.
pub(crate) type Problem = String;

pub(crate) fn wanted(node: &Node, what: &str) -> Problem {
    format!("found {}, wanted {what}", node.found())
}

/// A text that a program or the system can be given: nothing after a NUL would arrive.
fn without_nul(text: &str) -> Result<String, Problem> {
    if text.contains('\0') {
        return Err(format!(
            "found a NUL character in {}, wanted a text without",
            shortened(text)
        ));
    }
    Ok(text.to_owned())
}

pub(crate) fn text(node: &Node) -> Result<String, Problem> {
    match &node.value {
        Value::Text(text) | Value::Plain(text) => without_nul(text),
        _ => Err(wanted(node, "a text")),
    }
}

/// Any scalar, as it was written: an argument `8080` is a text however the format calls it.
fn as_written(node: &Node, what: &str) -> Result<String, Problem> {
    match &node.value {
        Value::Text(text) | Value::Plain(text) | Value::Literal(text) => without_nul(text),
        _ => Err(wanted(node, what)),
    }
}

/// `yes`, `no`, `on` and `off` are YAML 1.1's, which the predecessor's parser took where a truth value is wanted.
pub(crate) fn truth(node: &Node) -> Result<bool, Problem> {
    let wanted = || wanted(node, "true or false");
    let (Value::Plain(text) | Value::Literal(text)) = &node.value else {
        return Err(wanted());
    };
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Ok(true),
        "false" | "no" | "off" => Ok(false),
        _ => Err(wanted()),
    }
}

/// A whole number between two bounds, `unit` behind them in the message.
pub(crate) fn whole(node: &Node, min: u64, max: u64, unit: &str) -> Result<u64, Problem> {
    let wanted = || wanted(node, &format!("a whole number from {min} to {max}{unit}"));
    let (Value::Plain(text) | Value::Literal(text)) = &node.value else {
        return Err(wanted());
    };
    let number = text.parse::<u64>().map_err(|_| wanted())?;
    if (min..=max).contains(&number) {
        Ok(number)
    } else {
        Err(wanted())
    }
}

/// Seconds, with a fraction or without.
pub(crate) fn seconds(node: &Node, max: u64) -> Result<Duration, Problem> {
    let wanted = || wanted(node, &format!("a number from 0 to {max} (seconds)"));
    let (Value::Plain(text) | Value::Literal(text)) = &node.value else {
        return Err(wanted());
    };
    let number = text.parse::<f64>().map_err(|_| wanted())?;
    if !(0.0..=max as f64).contains(&number) {
        return Err(wanted());
    }
    Duration::try_from_secs_f64(number).map_err(|_| wanted())
}

/// One word of a few.
pub(crate) fn one_of<T: Copy>(node: &Node, words: &[(&str, T)]) -> Result<T, Problem> {
    let wanted = || {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let (last, others) = names.split_last().unwrap_or((&"", &[]));
        wanted(node, &format!("{} or {last}", others.join(", ")))
    };
    let (Value::Plain(text) | Value::Text(text)) = &node.value else {
        return Err(wanted());
    };
    words
        .iter()
        .find(|(name, _)| text.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value)
        .ok_or_else(wanted)
}

/// Words: one text that is split as a shell would, or a list.
pub(crate) fn word_list(node: &Node) -> Result<Vec<String>, Problem> {
    match &node.value {
        Value::List(items) => items.iter().map(|item| as_written(item, "a list of texts")).collect(),
        _ => {
            let text = as_written(node, "a text or a list of texts")?;
            words(&text).map_err(|bad| format!("found {}: {bad}", node.found()))
        }
    }
}

/// A list, or one alone.
pub(crate) fn list(node: &Node, item: fn(&Node) -> Result<String, Problem>) -> Result<Vec<String>, Problem> {
    match &node.value {
        Value::List(items) => items.iter().map(item).collect(),
        // The predecessor's export writes an empty text for none.
        Value::Text(text) if text.is_empty() => Ok(Vec::new()),
        Value::Text(_) | Value::Plain(_) => Ok(vec![item(node)?]),
        Value::Null | Value::Literal(_) | Value::Map(_) => Err(wanted(node, "a list of names")),
    }
}

/// Variables: one text of `NAME=value` words, a list of such, or a map.
pub(crate) fn variables(node: &Node) -> Result<BTreeMap<String, String>, Problem> {
    const WANTED: &str = "NAME=value words, a list of them, or a map";
    match &node.value {
        Value::Map(entries) => {
            let mut lines = BTreeMap::new();
            let mut variables = BTreeMap::new();
            for (key, value) in entries {
                if let Some(first) = lines.insert(&key.text, key.mark.line) {
                    let (name, second) = (shortened(&key.text), key.mark.line);
                    return Err(format!(
                        "found {name} twice, on line {first} and on line {second}; remove one of them"
                    ));
                }
                variables.insert(name(&key.text)?, as_written(value, "a text")?);
            }
            Ok(variables)
        }
        Value::List(items) => items
            .iter()
            .map(|item| assignment(&as_written(item, WANTED)?).map_err(|bad| format!("found {}: {bad}", item.found())))
            .collect(),
        _ => assignments(&as_written(node, WANTED)?).map_err(|bad| format!("found {}: {bad}", node.found())),
    }
}

fn name(text: &str) -> Result<String, Problem> {
    if text.is_empty() || text.contains(['=', '\0']) {
        return Err(format!(
            "found the name {}, wanted the name of a variable",
            shortened(text)
        ));
    }
    Ok(text.to_owned())
}
