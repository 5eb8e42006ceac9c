//! Which files beside a log are its archives, and in which order they were written.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::{LogError, parent, with_rights};
use crate::user::Credentials;

/// How an archive was compressed, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    /// One that we cannot read, but know as an archive.
    Other,
}

const COMPRESSIONS: [(&[u8], Compression); 6] = [
    (b".gz", Compression::Gzip),
    (b".bz2", Compression::Other),
    (b".xz", Compression::Other),
    (b".zst", Compression::Other),
    (b".lz4", Compression::Other),
    (b".Z", Compression::Other),
];

/// When an archive was made, as its name tells it. Sorts from the oldest to the newest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    /// `web.log-20240131`, `web.log-20240131-1706659200`: by date. Before the numbered ones, as a new scheme of rotation leaves
    /// the files of an old one behind, and numbers are what ours and logrotate's default count with.
    Dated(Vec<u64>),
    /// `web.log.1` is the newest of these.
    Numbered(Reverse<u64>),
}

/// One archive of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Archive {
    pub(super) path: PathBuf,
    pub(super) compression: Compression,
}

/// The archives of the log at `path`, oldest first: `web.log-20240131.gz`, …, `web.log.2.gz`, `web.log.1`, as rotation and
/// `logrotate(8)` leave them. Looked for in the log's directory with the rights of `owner`.
pub fn archives(path: &Path, owner: &Credentials) -> Result<Vec<PathBuf>, LogError> {
    let found = with_rights(owner, path, || list(path))?;
    Ok(found.into_iter().map(|archive| archive.path).collect())
}

/// [`archives`] with the rights of the calling thread.
pub(super) fn list(path: &Path) -> Result<Vec<Archive>, LogError> {
    let Some(base) = path.file_name() else {
        return Ok(Vec::new());
    };
    let directory = parent(path);
    let failed = |source| LogError::io("list the directory", directory, source);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if let Some((age, stem, compression)) = parse(base, &name) {
            // Not the entry's own path: that would put "./" before a path without a directory.
            found.push((
                age,
                stem,
                Archive {
                    path: path.with_file_name(&name),
                    compression,
                },
            ));
        }
    }
    // The path settles the order of names that mean the same, e.g. `.1` and `.01`.
    found.sort_by(|a, b| (&a.0, &a.2.path).cmp(&(&b.0, &b.2.path)));
    // One is being compressed, or that was interrupted: the original is whole, the other one may not be.
    let plain: BTreeSet<OsString> = found
        .iter()
        .filter(|(.., a)| a.compression == Compression::None)
        .map(|(_, stem, _)| stem.clone())
        .collect();
    found.retain(|(_, stem, archive)| archive.compression == Compression::None || !plain.contains(stem));
    Ok(found.into_iter().map(|(.., archive)| archive).collect())
}

/// Whether any archive has this name, the half compressed included.
pub(super) fn is_archive(base: &OsStr, name: &OsStr) -> bool {
    parse(base, name).is_some()
}

/// Age, name without compression, and compression of an archive of the log called `base`; `None` for all other names.
fn parse(base: &OsStr, name: &OsStr) -> Option<(Age, OsString, Compression)> {
    let name = name.as_bytes();
    let (stem, compression) = COMPRESSIONS
        .iter()
        .find_map(|(ending, compression)| Some((name.strip_suffix(*ending)?, *compression)))
        .unwrap_or((name, Compression::None));
    let suffix = std::str::from_utf8(stem.strip_prefix(base.as_bytes())?).ok()?;
    let (separator, stamp) = (suffix.get(..1)?, suffix.get(1..)?);
    let numbers = stamp.split('-').map(number).collect::<Option<Vec<u64>>>()?;
    let date = stamp.split('-').next()?.len() >= 8;
    let age = match (separator, numbers.as_slice()) {
        ("-" | ".", _) if date => Age::Dated(numbers),
        (".", &[n]) => Age::Numbered(Reverse(n)),
        _ => return None,
    };
    Some((age, OsString::from_vec(stem.to_vec()), compression))
}

/// Digits only: `parse` alone would take a sign, too.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::super::testing::{myself, temporary};
    use super::*;

    fn found_among(names: &[&str]) -> Vec<String> {
        let (dir, log) = temporary();
        for name in names {
            File::create(dir.path().join(name)).unwrap();
        }
        let found = archives(&log, &myself()).unwrap();
        found
            .iter()
            .map(|path| path.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn numbered_archives_are_ordered_by_number_not_by_letter() {
        let names = ["web.log", "web.log.1", "web.log.10.gz", "web.log.2.gz", "web.log.9"];
        assert_eq!(
            found_among(&names),
            ["web.log.10.gz", "web.log.9", "web.log.2.gz", "web.log.1"]
        );
    }

    #[test]
    fn dated_archives_come_first_and_in_order_of_time() {
        let names = [
            "web.log.1",
            "web.log-20240201",
            "web.log-20240131-1706659300.gz",
            "web.log-20240131-1706659200",
            "web.log.20231231",
        ];
        let expected = [
            "web.log.20231231",
            "web.log-20240131-1706659200",
            "web.log-20240131-1706659300.gz",
            "web.log-20240201",
            "web.log.1",
        ];
        assert_eq!(found_among(&names), expected);
    }

    #[test]
    fn files_of_others_are_no_archives() {
        let names = [
            "web.log",
            "web.log.old",
            "web.log.1.log",
            "web.log.",
            "web.log-",
            "web.log-2",
            "web.log.+1",
            "web.log.1-2",
            "web.log2",
            "xweb.log.1",
            "web.log.1.gz.part",
            "web",
        ];
        assert_eq!(found_among(&names), [""; 0]);
    }

    #[test]
    fn half_compressed_archive_is_passed_over_for_its_original() {
        assert_eq!(
            found_among(&["web.log.1", "web.log.1.gz", "web.log.2.gz"]),
            ["web.log.2.gz", "web.log.1"]
        );
        assert!(is_archive(OsStr::new("web.log"), OsStr::new("web.log.1.gz")));
    }

    #[test]
    fn directory_that_cannot_be_listed_is_named() {
        let error = archives(Path::new("/nonexistent/web.log"), &myself()).unwrap_err();
        assert!(error.is_missing());
        assert!(
            error
                .to_string()
                .starts_with("cannot list the directory /nonexistent: "),
            "{error}"
        );
    }
}
