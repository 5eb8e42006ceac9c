//! The directories of the daemon: made where they are missing, and given to whom the configuration names.

use super::configuration::Error;
use pmon3_config::{Ownership, Settings};
use pmon3_linux::user;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::Path;

/// Makes the data and the log directory.
pub(crate) fn prepare(settings: &Settings) -> Result<(), Error> {
    for (key, path, mode, ownership) in [
        ("data", &settings.data_dir, 0o700, settings.data_ownership()),
        ("logs", &settings.logs_dir, 0o755, settings.logs_ownership()),
    ] {
        DirBuilder::new()
            .recursive(true)
            .mode(mode)
            .create(path)
            .map_err(|error| format!("the directory {} cannot be made: {error}", path.display()))?;
        give(key, path, &ownership, ownership.directory_mode)?;
    }
    Ok(())
}

/// Gives the database to whom the configuration names.
pub(crate) fn give_database(path: &Path, settings: &Settings) -> Result<(), Error> {
    let ownership = settings.data_ownership();
    give("data", path, &ownership, ownership.file_mode)
}

/// What is not configured stays as it is.
fn give(key: &str, path: &Path, ownership: &Ownership, mode: Option<u32>) -> Result<(), Error> {
    let failed = |error: io::Error| format!("{key}: {} cannot be given its owner or mode: {error}", path.display());
    let uid = ownership.user.as_deref().map(|name| user_id(key, name)).transpose()?;
    let gid = ownership.group.as_deref().map(|name| group_id(key, name)).transpose()?;
    if uid.is_some() || gid.is_some() {
        chown(path, uid, gid).map_err(failed)?;
    }
    if let Some(mode) = mode {
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)?;
    }
    Ok(())
}

fn user_id(key: &str, name: &str) -> Result<u32, Error> {
    let account = user::by_name(name)?.ok_or_else(|| format!("{key}.user: there is no user `{name}`"))?;
    Ok(account.uid)
}

fn group_id(key: &str, name: &str) -> Result<u32, Error> {
    Ok(user::group_id(name)?.ok_or_else(|| format!("{key}.group: there is no group `{name}`"))?)
}
