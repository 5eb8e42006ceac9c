//! What pmond remembers: processes and groups, in one SQLite file.
//!
//! [`Store::open`] takes the file up, [`Store::load`] reads all of it once, [`Store::save`] writes changes, all of one
//! call or none of them. There is no other SQL in the house.
//!
//! **What is not ours, or not whole, is left alone.** A file that is cut short, damaged, of another application, of a
//! newer pmond, locked or unreadable is refused with a [`StoreError`] that names it, and not one byte of it is written:
//! `file.rs` looks at it before SQLite does, and until [`Store::load`] has read every value SQLite may not even move
//! its write-ahead log home. A file is never started anew where there was one.
//!
//! **A file is whole or absent.** A new one is built under another name, put on disk, and then renamed
//! (`create.rs`), so that a crash cannot leave half a file, and an empty one can only be damage.
//!
//! A database of the predecessor is taken over at the first start (`predecessor/`); its file is kept.
//!
//! The one writer is the daemon that holds the lock of the data directory: the caller sees to that. Others may read
//! the file meanwhile (`sqlite3 data.db .dump`).

mod create;
mod error;
mod file;
mod predecessor;
mod row;
mod schema;
mod store;

pub use error::StoreError;
pub use store::{Loaded, Store};
