//! Entries into a process configuration that reads back as the same entries.
//!
//! Arguments and variables are written as one text each, as the predecessor's export did and as its parser wants them.

use crate::entry::Entry;
use crate::format::Format;
use crate::words::join_words;

/// The process configuration of these processes.
pub fn render_entries(entries: &[Entry], format: Format) -> String {
    match format {
        Format::Json => json(entries),
        Format::Yaml => yaml(entries),
        Format::Toml => toml(entries),
    }
}

/// A value as all three formats can say it.
enum Written {
    /// A text, a number or a truth value.
    Scalar(String),
    /// Texts.
    List(Vec<String>),
}

/// The fields that say something.
fn fields(entry: &Entry) -> Vec<(&'static str, Written)> {
    let text = |text: &Option<String>| text.as_deref().map(|text| Written::Scalar(quoted(text)));
    let words = |words: &[String]| (!words.is_empty()).then(|| Written::Scalar(quoted(&join_words(words))));
    let list =
        |list: &[String]| (!list.is_empty()).then(|| Written::List(list.iter().map(|text| quoted(text)).collect()));
    let variables: Vec<String> = entry
        .env_vars
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let timeout = entry.stop_timeout.map(|timeout| format!("{:?}", timeout.as_secs_f64()));
    [
        ("file", Some(Written::Scalar(quoted(&entry.file)))),
        ("name", text(&entry.name)),
        ("args", words(&entry.args)),
        ("env_vars", words(&variables)),
        ("user", text(&entry.user)),
        ("log", text(&entry.log)),
        ("log_dir", text(&entry.log_dir)),
        (
            "no_auto_restart",
            entry.no_auto_restart.then(|| Written::Scalar("true".to_owned())),
        ),
        ("dependencies", list(&entry.dependencies)),
        ("groups", list(&entry.groups)),
        ("cwd", text(&entry.cwd)),
        ("stop_timeout", timeout.map(Written::Scalar)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn json(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "{\n  \"processes\": []\n}\n".to_owned();
    }
    let field = |(name, value): (&str, Written)| match value {
        Written::Scalar(text) => format!("      \"{name}\": {text}"),
        Written::List(items) => format!("      \"{name}\": [{}]", items.join(", ")),
    };
    let entry = |entry: &Entry| {
        let fields: Vec<String> = fields(entry).into_iter().map(field).collect();
        format!("    {{\n{}\n    }}", fields.join(",\n"))
    };
    let entries: Vec<String> = entries.iter().map(entry).collect();
    format!("{{\n  \"processes\": [\n{}\n  ]\n}}\n", entries.join(",\n"))
}

fn yaml(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "processes: []\n".to_owned();
    }
    let mut out = String::from("processes:\n");
    for entry in entries {
        for (index, (name, value)) in fields(entry).into_iter().enumerate() {
            out += if index == 0 { "  - " } else { "    " };
            out += &match value {
                Written::Scalar(text) => format!("{name}: {text}\n"),
                Written::List(items) => format!("{name}:\n      - {}\n", items.join("\n      - ")),
            };
        }
    }
    out
}

fn toml(entries: &[Entry]) -> String {
    let field = |(name, value): (&str, Written)| match value {
        Written::Scalar(text) => format!("  {} = {text}\n", camel(name)),
        Written::List(items) => format!("  {} = [ {} ]\n", camel(name), items.join(", ")),
    };
    let entry = |entry: &Entry| {
        format!(
            "[[Processes]]\n{}",
            fields(entry).into_iter().map(field).collect::<String>()
        )
    };
    entries.iter().map(entry).collect::<Vec<_>>().join("\n")
}

/// `log_dir` as `LogDir`.
fn camel(name: &str) -> String {
    let capital = |word: &str| {
        let (first, rest) = word.split_at_checked(1)?;
        Some(first.to_uppercase() + rest)
    };
    name.split('_').filter_map(capital).collect()
}

/// A text in double quotes, with only those escapes that JSON, YAML and TOML have in common.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            // Also what YAML takes for the end of a line or for a byte order mark, or does not allow.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                out += &format!("\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
