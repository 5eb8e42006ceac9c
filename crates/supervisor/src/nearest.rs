//! What somebody may have meant who mistyped a name.

use crate::spec::Name;

/// The name that is nearest to this one, if any is near enough to be worth a question.
pub(crate) fn nearest<'a>(to: &Name, names: impl Iterator<Item = &'a Name>) -> Option<&'a Name> {
    let far = to.as_str().len() / 3 + 1;
    let candidates = names.filter(|name| name.as_str().len().abs_diff(to.as_str().len()) <= far);
    let measured = candidates.map(|name| (distance(to.as_str().as_bytes(), name.as_str().as_bytes()), name));
    measured
        .filter(|(distance, _)| *distance <= far)
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be added, left out, changed or swapped with their neighbour to make one of the other.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i];
        for j in 1..=b.len() {
            let change = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::name;

    fn nearest_of(to: &str, names: &[&str]) -> Option<String> {
        let names: Vec<Name> = names.iter().map(|text| name(text)).collect();
        nearest(&name(to), names.iter()).map(Name::to_string)
    }

    #[test]
    fn a_name_with_a_slip_of_the_finger_is_recognised() {
        assert_eq!(nearest_of("wbe", &["db", "web", "worker"]).as_deref(), Some("web"));
        assert_eq!(nearest_of("worke", &["db", "web", "worker"]).as_deref(), Some("worker"));
        assert_eq!(
            nearest_of("metabase_api", &["metabase-api", "metabase"]).as_deref(),
            Some("metabase-api")
        );
    }

    #[test]
    fn a_name_that_is_like_none_suggests_none() {
        assert_eq!(nearest_of("nginx", &["db", "web", "worker"]), None);
        assert_eq!(nearest_of("x", &[]), None);
    }
}
