//! A daemon of root takes no orders from files that others can write.

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Why a file is not trusted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Untrusted {
    file: PathBuf,
    /// The file itself, or a directory on the way to it.
    path: PathBuf,
    mode: u32,
    uid: u32,
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Untrusted { file, path, mode, uid } = self;
        write!(f, "{} is refused: others than root can write ", file.display())?;
        if file == path {
            write!(f, "it")?;
        } else {
            write!(f, "{}", path.display())?;
        }
        write!(
            f,
            " (mode {mode:04o}, owner uid {uid}); `chown root` and `chmod go-w` it"
        )
    }
}

impl std::error::Error for Untrusted {}

/// Whether a file, and each directory on the way to it, can be changed by root alone. A missing file is trusted.
pub(crate) fn check(file: &Path) -> Result<(), Untrusted> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let Ok(real) = file.canonicalize() else { return Ok(()) };
    for (depth, path) in real.ancestors().enumerate() {
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) => continue,
        };
        let (mode, uid) = (metadata.mode() & 0o7777, metadata.uid());
        if !is_roots_alone(&metadata, depth > 0) {
            let path = if depth == 0 { file.to_owned() } else { path.to_owned() };
            return Err(Untrusted {
                file: file.to_owned(),
                path,
                mode,
                uid,
            });
        }
    }
    Ok(())
}

fn is_roots_alone(metadata: &Metadata, is_directory: bool) -> bool {
    let mode = metadata.mode();
    // In a sticky directory only the owner of a file can replace it, and that was looked at.
    let sticky = is_directory && mode & 0o1000 != 0;
    let group_writes = mode & 0o020 != 0 && metadata.gid() != 0;
    let others_write = mode & 0o002 != 0;
    metadata.uid() == 0 && (sticky || !(group_writes || others_write))
}
