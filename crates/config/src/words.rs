//! Text into words as a POSIX shell splits it, and back.

use std::collections::BTreeMap;

/// Why a text cannot be split.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWords {
    /// A quote is not closed.
    #[error("the quote {0} is not closed")]
    OpenQuote(char),
    /// A backslash has nothing to stand before.
    #[error("a backslash stands at the end")]
    LoneBackslash,
    /// A word that should set a variable does not.
    #[error("{0:?} is not NAME=value")]
    NotAnAssignment(String),
}

/// The words of `text`, split as a POSIX shell splits them: quotes and backslashes work, nothing is expanded. `#` is a
/// character like any other, since there is nobody to comment for.
///
/// # Errors
/// An unclosed quote, or a backslash at the end.
pub fn words(text: &str) -> Result<Vec<String>, BadWords> {
    let mut words = Vec::new();
    // `None` between words: `''` is a word, and nothing at all is none.
    let mut word: Option<String> = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => single_quoted(&mut rest, word.get_or_insert_default())?,
            '"' => double_quoted(&mut rest, word.get_or_insert_default())?,
            '\\' => match rest.next().ok_or(BadWords::LoneBackslash)? {
                '\n' => {}
                escaped => word.get_or_insert_default().push(escaped),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn single_quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), BadWords> {
    loop {
        match rest.next().ok_or(BadWords::OpenQuote('\''))? {
            '\'' => return Ok(()),
            c => word.push(c),
        }
    }
}

fn double_quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), BadWords> {
    let open = BadWords::OpenQuote('"');
    loop {
        match rest.next().ok_or(open.clone())? {
            '"' => return Ok(()),
            '\\' => match rest.next().ok_or(open.clone())? {
                '\n' => {}
                c @ ('"' | '\\' | '$' | '`') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

/// The variables that `text` sets: words of the form `NAME=value`. The last of two with one name counts.
///
/// # Errors
/// A text that cannot be split, or a word without a name or without `=`.
pub fn assignments(text: &str) -> Result<BTreeMap<String, String>, BadWords> {
    words(text)?.iter().map(|word| assignment(word)).collect()
}

/// Name and value of one `NAME=value`.
pub(crate) fn assignment(word: &str) -> Result<(String, String), BadWords> {
    match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(BadWords::NotAnAssignment(word.to_owned())),
    }
}

/// One text that [`words`] (or a POSIX shell) splits into just these words again.
pub fn join_words(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
