//! What `pmon3` does and prints.

mod completion;
mod configuration;
mod debugging;
mod event_scripts;
mod export;
mod groups;
mod installation;
mod order;
mod parity;
mod predecessor;
mod process_configuration;
mod snapshots;
mod topn;
