//! stub
use super::failure::Failure;
use super::session::Session;
use clap::Args;

/// Export
#[derive(Args, Debug)]
pub(super) struct Export {}
impl Export {
    pub(super) async fn run(self, _: &mut Session) -> Result<(), Failure> {
        Ok(())
    }
}
