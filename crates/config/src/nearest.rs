//! What somebody may have meant.

/// How much of two names must be the same for one to be taken for a mistake for the other.
const ALIKE: f64 = 0.6;

/// The known name that is most like `name`, if one is like it at all. Case, `_`, `-` and `.` make no difference.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| {
        // What all variables have in common says nothing.
        let text = text.trim_start_matches("PMON3_").trim_start_matches("CONFIGOR_");
        text.to_lowercase().replace(['-', '_', '.'], "")
    };
    let same_prefix = |other: &str| name.starts_with("CONFIGOR_") == other.starts_with("CONFIGOR_");
    let wanted = plain(name);
    known
        .into_iter()
        .filter(|other| same_prefix(other))
        .map(|other| (strsim::normalized_damerau_levenshtein(&wanted, &plain(other)), other))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, other)| other)
}
