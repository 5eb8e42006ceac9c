//! `pmon3 export`: what is supervised, as a process configuration.

use super::failure::Failure;
use super::session::Session;
use clap::{Args, ValueEnum};
use pmon3_api::ProcessView;
use pmon3_config::{Entry, Format, render_entries};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  pmon3 export > process.config.json
  pmon3 export -f yaml --order name
  pmon3 export toml";

/// Print all processes as a process configuration
///
/// What is printed, applied by `pmon3 init`, makes the same processes again.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Export {
    /// The format [default: json]
    #[arg(value_enum, value_name = "FORMAT", hide_possible_values = true)]
    form: Option<Form>,
    /// The same as an option
    #[arg(long, short, value_enum, value_name = "FORMAT", conflicts_with = "form")]
    format: Option<Form>,
    /// By what the processes are ordered
    #[arg(long, short, value_enum, value_name = "FIELD", default_value = "id")]
    order: Order,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Json,
    #[value(alias = "yml")]
    Yaml,
    Toml,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Order {
    Id,
    Name,
    #[value(alias = "process_file")]
    File,
    #[value(alias = "username")]
    User,
    Status,
    #[value(alias = "created")]
    CreatedAt,
    #[value(alias = "updated")]
    UpdatedAt,
}

impl Export {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let (withheld, mut processes): (Vec<_>, Vec<_>) = session
            .heard(client.processes(false).await)?
            .into_iter()
            .partition(|process| process.withheld);
        for process in withheld {
            session.printer.warning(&format!(
                "`{}` is left out: it runs as {}, and you may not see its arguments",
                process.name, process.user
            ));
        }
        // Stable: what is equal stays in the order of the ids.
        processes.sort_by(|a, b| match self.order {
            Order::Id => a.id.cmp(&b.id),
            Order::Name => a.name.cmp(&b.name),
            Order::File => a.process_file.cmp(&b.process_file),
            Order::User => a.user.cmp(&b.user),
            Order::Status => a.status.cmp(&b.status),
            Order::CreatedAt => a.created_at.cmp(&b.created_at),
            Order::UpdatedAt => a.updated_at.cmp(&b.updated_at),
        });
        let entries: Vec<Entry> = processes.into_iter().map(entry).collect();
        let format = match self.format.or(self.form) {
            Some(Form::Json) | None => Format::Json,
            Some(Form::Yaml) => Format::Yaml,
            Some(Form::Toml) => Format::Toml,
        };
        session.printer.text(&render_entries(&entries, format))
    }
}

/// All that was asked for, and nothing of what became of it.
fn entry(process: ProcessView) -> Entry {
    Entry {
        file: process.process_file,
        name: Some(process.name),
        args: process.args,
        env_vars: process.env_vars,
        user: Some(process.user),
        log: Some(process.log),
        log_dir: None,
        no_auto_restart: !process.auto_restart,
        dependencies: process.dependencies,
        groups: process.groups,
        cwd: Some(process.cwd),
        stop_timeout: process
            .stop_timeout
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    }
}
