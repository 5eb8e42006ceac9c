//! Entries into a process configuration that reads back as the same entries.

use crate::entry::Entry;
use crate::format::Format;
use serde_json::{Map, Value as Json, json};

/// The process configuration of these processes.
pub fn render_entries(entries: &[Entry], format: Format) -> String {
    match format {
        Format::Json => json(entries),
        Format::Yaml => yaml(entries),
        Format::Toml => toml(entries),
    }
}

/// The fields that say something, in the order of the documentation.
fn fields(entry: &Entry) -> Vec<(&'static str, Json)> {
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    let list = |list: &Vec<String>| (!list.is_empty()).then(|| json!(list));
    [
        ("file", Some(json!(entry.file))),
        ("name", text(&entry.name)),
        ("args", list(&entry.args)),
        ("env_vars", (!entry.env_vars.is_empty()).then(|| json!(entry.env_vars))),
        ("user", text(&entry.user)),
        ("log", text(&entry.log)),
        ("log_dir", text(&entry.log_dir)),
        ("no_auto_restart", entry.no_auto_restart.then_some(Json::Bool(true))),
        ("dependencies", list(&entry.dependencies)),
        ("groups", list(&entry.groups)),
        ("cwd", text(&entry.cwd)),
        (
            "stop_timeout",
            entry.stop_timeout.map(|timeout| json!(timeout.as_secs_f64())),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn json(entries: &[Entry]) -> String {
    // Without serde_json's order-keeping feature a map would sort the fields; the text is put together by hand.
    let entries: Vec<String> = entries
        .iter()
        .map(|entry| {
            let fields: Vec<String> = fields(entry)
                .iter()
                .map(|(name, value)| format!("      \"{name}\": {value}"))
                .collect();
            format!("    {{\n{}\n    }}", fields.join(",\n"))
        })
        .collect();
    if entries.is_empty() {
        return "{\n  \"processes\": []\n}\n".to_owned();
    }
    format!("{{\n  \"processes\": [\n{}\n  ]\n}}\n", entries.join(",\n"))
}

fn yaml(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "processes: []\n".to_owned();
    }
    let mut out = String::from("processes:\n");
    for entry in entries {
        for (index, (name, value)) in fields(entry).iter().enumerate() {
            out += if index == 0 { "  - " } else { "    " };
            out += name;
            out += ":";
            yaml_value(&mut out, value);
        }
    }
    out
}

fn yaml_value(out: &mut String, value: &Json) {
    match value {
        Json::Array(items) => {
            *out += "\n";
            for item in items {
                *out += &format!("      - {}\n", quoted(item));
            }
        }
        Json::Object(map) => {
            *out += "\n";
            for (name, value) in map {
                *out += &format!("      {}: {}\n", quoted(&json!(name)), quoted(value));
            }
        }
        scalar => *out += &format!(" {}\n", quoted(scalar)),
    }
}

fn toml(entries: &[Entry]) -> String {
    let mut out = String::new();
    for entry in entries {
        if !out.is_empty() {
            out += "\n";
        }
        out += "[[Processes]]\n";
        for (name, value) in fields(entry) {
            out += &format!("  {} = {}\n", camel(name), toml_value(&value));
        }
    }
    out
}

fn toml_value(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[ {} ]", items.iter().map(quoted).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => format!("{{ {} }}", toml_pairs(map).join(", ")),
        scalar => quoted(scalar),
    }
}

fn toml_pairs(map: &Map<String, Json>) -> Vec<String> {
    map.iter()
        .map(|(name, value)| format!("{} = {}", quoted(&json!(name)), quoted(value)))
        .collect()
}

/// `log_dir` as `LogDir`.
fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            word.split_at_checked(1)
                .map(|(first, rest)| first.to_uppercase() + rest)
                .unwrap_or_default()
        })
        .collect()
}

/// A scalar in a form that all three formats share: numbers and truth values as they are, texts in double quotes, with
/// the escapes that JSON, YAML and TOML have in common.
fn quoted(value: &Json) -> String {
    let Json::String(text) = value else {
        return value.to_string();
    };
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            // Control characters, and those that YAML takes for line breaks or a byte order mark.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                out += &format!("\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
