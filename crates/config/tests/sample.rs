//! The config.yml that is shipped.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not their helpers"
)]

use pmon3_config::{Environment, Loaded, Origin, Settings, load, sample_config};
use std::fs;
use std::path::Path;

fn root() -> Environment {
    Environment::new(true, [("", ""); 0])
}

fn loaded(text: &str) -> Loaded {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.yml");
    fs::write(&file, text).unwrap();
    load(&Environment::new(true, [("PMON3_CONF", file)])).unwrap()
}

#[test]
fn the_shipped_config_yml_is_made_from_the_keys() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist/config.yml");
    let text = fs::read_to_string(&shipped).unwrap_or_default();
    assert!(
        text == sample_config(),
        "{} is not what the keys make: cargo run -p pmon3-config --example config_yml > dist/config.yml",
        shipped.display()
    );
}

#[test]
fn the_shipped_config_yml_says_the_defaults_and_nothing_is_to_be_said_about_it() {
    let loaded = loaded(&sample_config());
    assert_eq!(loaded.settings, Settings::defaults(&root()));
    assert_eq!([loaded.warnings, loaded.notes], [[""; 0], [""; 0]]);
}

#[test]
fn the_shipped_config_yml_has_every_key_once() {
    // Without the marks before keys, and with a value where there is none.
    let text: String = sample_config()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if key.contains(':') && !key.starts_with(' ') => key.to_owned() + "\n",
            Some(key) if key.starts_with("  ") => key.to_owned() + "\n",
            _ => line.to_owned() + "\n",
        })
        .collect();
    let filled = text.replace("mode:\n", "mode: 0700\n");
    let filled = filled
        .replace("_dir:\n", "_dir: /d\n")
        .replace("_file:\n", "_file: /f\n");
    let filled = ["user", "group", "suffix", "exec"].iter().fold(filled, |text, ending| {
        text.replace(&format!("{ending}:\n"), &format!("{ending}: x\n"))
    });
    let loaded = loaded(&filled);
    assert_eq!(loaded.warnings, [""; 0], "{filled}");
    for shown in loaded.shown() {
        assert!(matches!(shown.origin, Origin::File(..)), "{} is not in it", shown.key);
    }
}
