//! What `pmon3` prints.

mod snapshots;
