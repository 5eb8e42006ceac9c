//! stub
use super::failure::Failure;
use super::session::Session;
use clap::Args;

/// Look at the configuration
#[derive(Args, Debug)]
pub(super) struct Config {}
impl Config {
    pub(super) fn run(self, _: &mut Session) -> Result<(), Failure> {
        Ok(())
    }
}
