//! A document as a tree in which every value knows where it stands. Each format makes one, and one decoder reads it.

/// A place in a file. Both numbers count from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A value and where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) mark: Mark,
    pub(crate) value: Value,
}

/// What the three formats have in common. Scalars keep the text they were written as.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing was given.
    Null,
    /// A text, in quotes (or in a block).
    Text(String),
    /// YAML without quotes: a text, a number or a truth value, whichever is wanted.
    Plain(String),
    /// A number, a truth value or a date of JSON or TOML, which cannot be a text.
    Literal(String),
    /// Values in their order.
    List(Vec<Node>),
    /// Keys with values in their order; a key that was given twice is there twice.
    Map(Vec<(Key, Node)>),
}

/// The name of a value in a map.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) mark: Mark,
    pub(crate) text: String,
}

impl Node {
    /// Whether nothing is said: what has no value, or an empty text, has its default.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::Text(text) | Value::Plain(text) => text.is_empty(),
            Value::Literal(_) | Value::List(_) | Value::Map(_) => false,
        }
    }

    /// What was found, as the end of a sentence: `a list`, `the text "abc"`.
    pub(crate) fn found(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Text(text) => format!("the text {}", shortened(text)),
            Value::Plain(text) => shortened(text),
            Value::Literal(text) => text.clone(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        }
    }
}

/// The text in quotes and on one line, cut where it is long.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}
