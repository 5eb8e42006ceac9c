//! Names that break our rules, or are there twice, get others: the same ones each time.

use pmon3_supervisor::Name;
use pmon3_supervisor::spec::NAME_MAX_BYTES;
use std::collections::{BTreeMap, BTreeSet};

/// The names of all processes, or of all groups.
pub(super) struct Names {
    /// One for each that was given, in that order.
    pub(super) new: Vec<Name>,
    /// Where several had the same name: the new name of the first.
    by_old: BTreeMap<String, Name>,
    /// What was changed, one sentence each.
    pub(super) notes: Vec<String>,
}

impl Names {
    /// Takes the id and the name of each, in the order of their ids. Who had a good name first keeps it.
    pub(super) fn assign<'a>(what: &str, old: impl Iterator<Item = (u32, &'a str)> + Clone) -> Names {
        let mut taken = BTreeSet::new();
        let kept: Vec<Option<Name>> = old
            .clone()
            .map(|(_, text)| Name::new(text).ok().filter(|name| taken.insert(name.clone())))
            .collect();
        let mut names = Names {
            new: Vec::with_capacity(kept.len()),
            by_old: BTreeMap::new(),
            notes: Vec::new(),
        };
        for ((id, text), kept) in old.zip(kept) {
            let name = kept.unwrap_or_else(|| {
                let name = similar(text, &taken);
                taken.insert(name.clone());
                let why = match Name::new(text) {
                    Ok(_) => "another one has that name".to_owned(),
                    Err(bad) => bad.to_string(),
                };
                names
                    .notes
                    .push(format!("{what} {id}, {text:?}, is named `{name}` now: {why}"));
                name
            });
            names.by_old.entry(text.to_owned()).or_insert_with(|| name.clone());
            names.new.push(name);
        }
        names
    }

    /// The new name of the first that had this one; where nothing had it, the nearest that is permitted.
    pub(super) fn of(&self, old: &str) -> Name {
        let known = self.by_old.get(old).cloned();
        known.unwrap_or_else(|| similar(old, &BTreeSet::new()))
    }
}

/// `text` with `_` for each character that may not be in a name, cut to length, and with a number behind it until
/// nobody has it.
fn similar(text: &str, taken: &BTreeSet<Name>) -> Name {
    let permitted = |c: &char| Name::new(format!("a{c}")).is_ok();
    let mut base: String = text
        .chars()
        .map(|c| if permitted(&c) { c } else { '_' })
        .take(NAME_MAX_BYTES)
        .collect();
    if Name::new(base.as_str()).is_err() {
        // Empty, all digits, or dots.
        base.insert(0, '_');
        base.truncate(NAME_MAX_BYTES);
    }
    let mut candidate = base.clone();
    let mut number = 2_u64;
    loop {
        match Name::new(candidate) {
            Ok(name) if !taken.contains(&name) => return name,
            _ => {
                let suffix = format!("-{number}");
                candidate = base.chars().take(NAME_MAX_BYTES - suffix.len()).collect();
                candidate.push_str(&suffix);
                number += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(old: &[&str]) -> Vec<String> {
        let names = Names::assign("process", (1..).zip(old.iter().copied()));
        names.new.iter().map(Name::to_string).collect()
    }

    #[test]
    fn good_names_are_kept_and_others_get_the_nearest_that_is_free() {
        assert_eq!(assigned(&["web", "db-1"]), ["web", "db-1"]);
        assert_eq!(
            assigned(&["my app", "42", "", "..", "caf\u{e9}"]),
            ["my_app", "_42", "_", "_..", "caf_"]
        );
        assert_eq!(
            assigned(&["my app", "my_app", "my/app"]),
            ["my_app-2", "my_app", "my_app-3"]
        );
        assert_eq!(assigned(&["web", "web", "web-2"]), ["web", "web-3", "web-2"]);
    }

    #[test]
    fn long_names_are_cut_so_that_they_still_differ() {
        let long = "x".repeat(200);
        let names = assigned(&[&long, &long]);
        assert_eq!(names, ["x".repeat(128), "x".repeat(126) + "-2"]);
        assert_eq!(assigned(&[&"7".repeat(300)]), ["_".to_owned() + &"7".repeat(127)]);
    }

    #[test]
    fn each_change_is_told_and_nothing_else() {
        let names = Names::assign("process", [(1, "web"), (2, "a b"), (3, "web")].into_iter());
        assert_eq!(names.notes.len(), 2);
        assert!(
            names.notes[0].starts_with("process 2, \"a b\", is named `a_b` now: "),
            "{:?}",
            names.notes
        );
        assert_eq!(
            names.notes[1],
            "process 3, \"web\", is named `web-2` now: another one has that name"
        );
        assert_eq!(names.of("web").as_str(), "web");
        assert_eq!(names.of("a b").as_str(), "a_b");
        assert_eq!(names.of("not there").as_str(), "not_there");
    }
}
