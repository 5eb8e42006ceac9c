//! Files, environment and defaults into settings and process entries.
//!
//! Each format makes one tree of located values (`node`), and one decoder reads it, so that a message can always name file,
//! line, key, what was found and what is wanted. Two tables say all there is: `settings/table.rs` has a line for each key (its
//! names in both generations of files, its variables, its type and range, what it is for; loading, `pmon3 config show` and
//! dist/config.yml follow it), `entry.rs` one for each field of a process.

mod decode;
mod entries;
mod entry;
mod environment;
mod error;
mod format;
mod nearest;
mod node;
mod render;
mod settings;
mod words;

pub use entries::{Entries, load_entries, parse_entries, read_entries};
pub use entry::Entry;
pub use environment::Environment;
pub use error::ConfigError;
pub use format::Format;
pub use render::render_entries;
pub use settings::{
    Loaded, LogLevel, Origin, Ownership, ProcessTree, Settings, Shown, load, load_file, salvage_socket, sample_config,
};
pub use words::{BadWords, assignments, join_words, words};
