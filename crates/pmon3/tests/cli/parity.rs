//! docs/parity.md: no row without a test, and no test that does not exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// All source files below a directory.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The names of all functions that are marked as tests.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(&Path::new(ROOT).join("crates"), &mut files);
    let mut names = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") {
                is_test = true;
            } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
                names.extend(rest.split_once('(').map(|(name, _)| name.to_owned()));
                is_test = false;
            }
        }
    }
    names
}

/// What is documented, and the tests that show it.
fn rows() -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(Path::new(ROOT).join("docs/parity.md")).unwrap();
    let mut rows = Vec::new();
    for line in text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
    {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let shown_by = cells.last().unwrap();
        if *shown_by == "shown by" {
            continue;
        }
        let names = shown_by.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        rows.push((cells[0].to_owned(), names));
    }
    rows
}

#[test]
fn every_row_of_the_parity_table_names_tests_that_exist() {
    let (tests, rows) = (tests(), rows());
    assert!(rows.len() > 100, "only {} rows", rows.len());
    let open: Vec<&String> = rows
        .iter()
        .filter(|(_, names)| names.is_empty())
        .map(|(what, _)| what)
        .collect();
    assert!(open.is_empty(), "rows without a test: {open:#?}");
    let missing: Vec<(&String, &String)> = rows
        .iter()
        .flat_map(|(what, names)| names.iter().map(move |name| (what, name)))
        .filter(|(_, name)| !tests.contains(*name))
        .collect();
    assert!(missing.is_empty(), "tests that do not exist: {missing:#?}");
}

#[test]
fn every_key_and_variable_of_the_predecessors_documentation_has_a_row() {
    let text = std::fs::read_to_string(Path::new(ROOT).join("docs/parity.md")).unwrap();
    let keys = std::fs::read_to_string(Path::new(ROOT).join("dist/config.yml")).unwrap();
    let keys = keys
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once(':'))
        .map(|(key, _)| key);
    let keys: BTreeSet<&str> = keys
        .filter(|key| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        .collect();
    let missing: Vec<&&str> = keys.iter().filter(|key| !text.contains(&format!("`{key}`"))).collect();
    assert!(
        missing.is_empty(),
        "keys of dist/config.yml without a row: {missing:#?}"
    );
}
