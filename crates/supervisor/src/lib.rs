//! The pure core of pmon3: events in, effects out, time as a parameter.
pub mod record;
pub mod spec;
