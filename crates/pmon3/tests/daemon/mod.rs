//! What `pmond` does, seen from outside.

mod api;
mod authorization;
mod auto_start;
mod bad_input;
mod crash;
mod exec_ls_desc;
mod hygiene;
mod logs;
mod persistence;
mod real_programs;
mod shutdown;
mod spawn_errors;
mod supervision;
mod tree;
