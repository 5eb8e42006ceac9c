//! The config.yml that is shipped, made from the table of keys.

use super::Settings;
use super::key::{Key, Kind};
use super::table::KEYS;
use crate::environment::Environment;

const HEAD: &str = "\
# The configuration of pmon3, each key with its default for root's pmond. A key that is left out, or that has no value,
# has its default; an unknown key is a warning, a wrong value an error that names file, line and key.
#
# Each key can also be set by an environment variable: PMON3_ and its name in capitals (PMON3_LOG_LEVEL=debug).
# Changes take effect with the next command, and on SIGHUP. `pmon3 config check` looks at this file, `pmon3 config show`
# tells where each value comes from.
";

/// A config.yml with every key, its default (root's) and what it is for. `dist/config.yml` is this text.
pub fn sample_config() -> String {
    let root = Environment::new(true, [("", ""); 0]);
    let defaults = Settings::defaults(&root);
    let mut out = HEAD.to_owned();
    let mut sections: Vec<&str> = Vec::new();
    let mut said = "";
    for key in KEYS {
        let path: Vec<&str> = key.name.split('.').collect();
        let (name, parents) = path.split_last().unwrap_or((&key.name, &[]));
        // What has no effect stands there as a comment: who reads old files finds it, and nobody gets a note about it.
        let mark = if key.is_unused() { "#" } else { "" };
        if sections != parents {
            sections = parents.to_vec();
            if let Some(section) = parents.last() {
                out += if mark.is_empty() { "\n" } else { "" };
                out += &format!("{mark}{section}:");
                out += if mark.is_empty() { "" } else { "\n" };
            }
        }
        let indent = "  ".repeat(parents.len());
        let value = key.show(&defaults);
        let value = if value.is_empty() { value } else { format!(" {value}") };
        if std::mem::replace(&mut said, key.doc) != key.doc {
            out += &format!("\n{}", comment(key, &indent));
        }
        out += &format!("{mark}{indent}{name}:{value}\n");
    }
    out
}

fn comment(key: &Key, indent: &str) -> String {
    let range = match &key.kind {
        Kind::Count(_, min, max) => format!(" ({min} to {max})"),
        Kind::Milliseconds(_, min, max) => format!(" ({min} to {max})"),
        Kind::Seconds(_, max) => format!(" (0 to {max})"),
        Kind::Fraction(_, max) => format!(" (0 to {max}, with a fraction or without)"),
        _ => String::new(),
    };
    wrapped(&format!("{}{range}", key.doc), indent)
}

/// The text as comment lines of at most 120 characters.
fn wrapped(text: &str, indent: &str) -> String {
    const WIDTH: usize = 120;
    let start = format!("{indent}#");
    let mut lines = Vec::new();
    let mut line = start.clone();
    for word in text.split(' ') {
        if line.len() + 1 + word.len() > WIDTH {
            lines.push(std::mem::replace(&mut line, start.clone()));
        }
        line = format!("{line} {word}");
    }
    lines.push(line);
    lines.join("\n") + "\n"
}
