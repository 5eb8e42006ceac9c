//! A look at the file before SQLite gets it: what it is, and whether it is whole. Nothing here writes.

use crate::error::StoreError;
use crate::schema::{APPLICATION_ID, VERSION};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What stands where the database belongs.
#[derive(Debug)]
pub(crate) enum Look {
    /// Nothing.
    Absent,
    /// A file of ours, of this format or an older one.
    Ours,
    /// A SQLite file that does not say whose it is.
    Unmarked {
        /// It is written through a write-ahead log.
        log: bool,
    },
}

/// The header of a SQLite file: <https://sqlite.org/fileformat2.html#the_database_header>.
const HEADER_BYTES: usize = 100;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Looks at the file. `path` has no symbolic link at its end: see [`resolve`].
pub(crate) fn look(path: &Path) -> Result<Look, StoreError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return absent(path),
        Err(error) => return Err(StoreError::io(path, error)),
    };
    let length = file.metadata().map_err(|e| StoreError::io(path, e))?.len();
    let mut header = Vec::with_capacity(HEADER_BYTES);
    file.by_ref()
        .take(HEADER_BYTES as u64)
        .read_to_end(&mut header)
        .map_err(|e| StoreError::io(path, e))?;
    let Ok(header) = <[u8; HEADER_BYTES]>::try_from(header.as_slice()) else {
        return Err(too_short(path, &header));
    };
    if !header.starts_with(MAGIC) {
        return Err(foreign(path, "it is not a SQLite file"));
    }
    whole(path, &header, length)?;
    let look = whose(path, &header)?;
    // SQLite would open it for reading only, say nothing, and make its files beside it.
    match OpenOptions::new().write(true).open(path) {
        Ok(_) => Ok(look),
        Err(error) => Err(StoreError::ReadOnly {
            path: path.to_owned(),
            detail: error.to_string(),
        }),
    }
}

/// Follows symbolic links, so that the files beside the database are looked for where SQLite puts them. A link that
/// leads nowhere is an error (its disk may not be mounted), and so is anything that is not a regular file.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(_) => {
            let real = fs::canonicalize(path).map_err(|e| StoreError::io(path, e))?;
            let metadata = fs::metadata(&real).map_err(|e| StoreError::io(path, e))?;
            if metadata.is_file() {
                Ok(real)
            } else {
                Err(foreign(path, "it is not a regular file"))
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(StoreError::io(path, error)),
    }
}

/// The file beside the database whose name ends with `suffix`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether SQLite left unfinished business there: a write-ahead log or a rollback journal with something in it.
pub(crate) fn journal_of(path: &Path) -> Option<PathBuf> {
    ["-wal", "-journal"]
        .into_iter()
        .map(|suffix| beside(path, suffix))
        .find(|file| fs::metadata(file).is_ok_and(|m| m.len() > 0))
}

fn absent(path: &Path) -> Result<Look, StoreError> {
    match journal_of(path) {
        None => Ok(Look::Absent),
        Some(journal) => Err(StoreError::Truncated {
            path: path.to_owned(),
            detail: format!("it is missing, though its journal {} is there", journal.display()),
        }),
    }
}

fn too_short(path: &Path, content: &[u8]) -> StoreError {
    let common = content.len().min(MAGIC.len());
    if content[..common] == MAGIC[..common] {
        StoreError::Truncated {
            path: path.to_owned(),
            detail: format!("{} bytes are left", content.len()),
        }
    } else {
        foreign(path, "it is not a SQLite file")
    }
}

fn foreign(path: &Path, detail: impl Into<String>) -> StoreError {
    StoreError::Foreign {
        path: path.to_owned(),
        detail: detail.into(),
    }
}

fn damaged(path: &Path, detail: impl Into<String>) -> StoreError {
    StoreError::Damaged {
        path: path.to_owned(),
        detail: detail.into(),
    }
}

fn field(header: &[u8; HEADER_BYTES], at: usize) -> u32 {
    header[at..at + 4].iter().fold(0, |n, byte| n << 8 | u32::from(*byte))
}

/// Refuses a file that is shorter than its header says. With a journal beside it the header may be behind or ahead of
/// the pages, and SQLite, which reads both, has to judge.
fn whole(path: &Path, header: &[u8; HEADER_BYTES], length: u64) -> Result<(), StoreError> {
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65536,
        n => u64::from(n),
    };
    if page < 512 || !page.is_power_of_two() {
        return Err(damaged(path, format!("its header says that pages have {page} bytes")));
    }
    if journal_of(path).is_some() {
        return Ok(());
    }
    // The number of pages counts only if the same program wrote it that wrote last.
    let counted = field(header, 24) == field(header, 92);
    let pages = u64::from(field(header, 28));
    if !length.is_multiple_of(page) || (counted && pages * page > length) {
        let wanted = if counted {
            format!(" of {}", pages * page)
        } else {
            String::new()
        };
        return Err(StoreError::Truncated {
            path: path.to_owned(),
            detail: format!("{length} bytes{wanted} are left"),
        });
    }
    Ok(())
}

fn whose(path: &Path, header: &[u8; HEADER_BYTES]) -> Result<Look, StoreError> {
    let version = field(header, 60);
    match field(header, 68) {
        APPLICATION_ID => {}
        0 => {
            return Ok(Look::Unmarked {
                log: header[18] == 2 || header[19] == 2,
            });
        }
        other => return Err(foreign(path, format!("its application id is {other:#010x}"))),
    }
    if version > VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found: version,
            known: VERSION,
        });
    }
    if version == 0 || !has_our_constants(header) {
        return Err(damaged(path, "its header was changed"));
    }
    Ok(Look::Ours)
}

/// The fields whose value is the same in each file that we make. SQLite would take some other values for an order: to
/// read texts as UTF-16, to move pages about, to leave room at the end of pages.
fn has_our_constants(header: &[u8; HEADER_BYTES]) -> bool {
    let journal_modes = matches!(header[18..20], [1, 1] | [2, 2]);
    let payload = header[20..24] == [0, 64, 32, 32];
    let schema_format = field(header, 44) == 4;
    let utf8 = field(header, 56) == 1;
    let no_cache_size = field(header, 48) == 0;
    let no_auto_vacuum = field(header, 52) == 0 && field(header, 64) == 0;
    let reserved = header[72..92].iter().all(|byte| *byte == 0);
    journal_modes && payload && schema_format && utf8 && no_cache_size && no_auto_vacuum && reserved
}
