//! The only place that writes to stdout and stderr: results to stdout, all else to stderr.

use super::failure::{Failure, one_line};
use super::table::{Page, Table};
use clap::builder::StyledStr;
use log::LevelFilter;
use pmon3_api::report::{self, Serialize};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

/// Where a command says what it has to say.
pub(super) struct Printer {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    page: Page,
    err_is_terminal: bool,
    err_colour: bool,
    /// A line of progress is on stderr and must go before anything else is written.
    progress_shown: bool,
}

impl Printer {
    /// Stdout and stderr as they are. `NO_COLOR`, `TERM=dumb` and `--no-color` turn colours off.
    pub(super) fn new(vars: &BTreeMap<String, String>, no_color: bool) -> Printer {
        let colour = colour_is_wanted(vars, no_color);
        let stdout = io::stdout();
        let page = if stdout.is_terminal() {
            let columns = vars.get("COLUMNS").and_then(|value| value.parse().ok());
            Page::Screen {
                width: window().map(|(columns, _)| columns).or(columns).unwrap_or(80),
                colour,
            }
        } else {
            Page::Plain
        };
        let err_is_terminal = io::stderr().is_terminal();
        Printer {
            out: Box::new(stdout),
            err: Box::new(io::stderr()),
            page,
            err_is_terminal,
            err_colour: err_is_terminal && colour,
            progress_shown: false,
        }
    }

    /// Anywhere, for tests.
    #[cfg(test)]
    pub(super) fn to(out: Box<dyn Write>, err: Box<dyn Write>, page: Page) -> Printer {
        Printer {
            out,
            err,
            page,
            err_is_terminal: false,
            err_colour: false,
            progress_shown: false,
        }
    }

    /// What stdout is.
    pub(super) fn page(&self) -> Page {
        self.page
    }

    /// Columns and rows of the terminal as it is now.
    pub(super) fn window(&self) -> (usize, usize) {
        window().unwrap_or((80, 24))
    }

    /// Whether a person sees stderr: only then progress is worth showing.
    pub(super) fn shows_progress(&self) -> bool {
        self.err_is_terminal
    }

    /// A result: a table.
    pub(super) fn table(&mut self, table: &Table) -> Result<(), Failure> {
        let text = table.render(self.page);
        self.text(&text)
    }

    /// A result: a line.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.text(&format!("{text}\n"))
    }

    /// A result as JSON.
    pub(super) fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        let text = report::to_json(value).map_err(|e| Failure::new(format!("cannot say it in JSON: {e}")))?;
        self.line(&text)
    }

    /// A result: text as it is.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// A result: bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.clear_progress();
        self.out
            .write_all(bytes)
            .and_then(|()| self.out.flush())
            .map_err(|e| match e.kind() {
                io::ErrorKind::BrokenPipe => Failure::OutputClosed,
                _ => Failure::new(format!("cannot write the output: {e}")),
            })
    }

    /// What clap has to say: help and versions are results, the rest is an error.
    pub(super) fn clap(&mut self, error: &clap::Error) -> Result<(), Failure> {
        let text = error.render();
        if error.use_stderr() {
            let text = if self.err_colour {
                text.ansi().to_string()
            } else {
                text.to_string()
            };
            self.say(text.trim_end());
            return Ok(());
        }
        self.help(&text)
    }

    /// A result: help.
    pub(super) fn help(&mut self, text: &StyledStr) -> Result<(), Failure> {
        let colour = matches!(self.page, Page::Screen { colour: true, .. });
        self.text(&if colour {
            text.ansi().to_string()
        } else {
            text.to_string()
        })
    }

    /// Something that went another way than asked for.
    pub(super) fn error(&mut self, text: &str) {
        self.labelled("error", 31, text);
    }

    /// What to do about the error before it.
    pub(super) fn hint(&mut self, text: &str) {
        self.labelled("hint", 36, text);
    }

    /// What should be known although all was done.
    pub(super) fn warning(&mut self, text: &str) {
        self.labelled("warning", 33, text);
    }

    /// News on the way.
    pub(super) fn note(&mut self, text: &str) {
        self.say(&one_line(text));
    }

    /// One line that the next thing said takes away again. Only on a terminal.
    pub(super) fn progress(&mut self, text: &str) {
        if self.err_is_terminal {
            self.progress_shown = true;
            self.write_err(&format!("\r\x1b[K{text}"));
        }
    }

    /// Takes the line of progress away.
    pub(super) fn clear_progress(&mut self) {
        if std::mem::take(&mut self.progress_shown) {
            self.write_err("\r\x1b[K");
        }
    }

    fn labelled(&mut self, label: &str, code: u8, text: &str) {
        let text = one_line(text);
        if self.err_colour {
            self.say(&format!("\x1b[1;{code}m{label}:\x1b[0m {text}"));
        } else {
            self.say(&format!("{label}: {text}"));
        }
    }

    fn say(&mut self, text: &str) {
        self.clear_progress();
        self.write_err(&format!("{text}\n"));
    }

    /// Nobody can be told that stderr cannot be written to.
    fn write_err(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes());
        let _ = self.err.flush();
    }
}

/// For `XIPC_DEBUG` and `PMON3_DEBUG`, which speak from places that have no printer at hand.
pub(super) fn debug_line(text: &str) {
    let _ = writeln!(io::stderr(), "{}", one_line(text));
}

/// Shows on stderr what happens, as `PMON3_DEBUG` asks: `true` and `debug`, `info`, `warn`, `error`.
pub(super) fn show_log(wanted: Option<&str>) {
    let level = match wanted {
        Some("true" | "debug") => LevelFilter::Debug,
        Some("info") => LevelFilter::Info,
        Some("warn") => LevelFilter::Warn,
        Some("error") => LevelFilter::Error,
        _ => return,
    };
    if log::set_logger(&DebugLog).is_ok() {
        log::set_max_level(level);
    }
}

struct DebugLog;

impl log::Log for DebugLog {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            debug_line(&format!("{} {}: {}", record.level(), record.target(), record.args()));
        }
    }

    fn flush(&self) {}
}

/// See <https://no-color.org>: any value but an empty one counts.
fn colour_is_wanted(vars: &BTreeMap<String, String>, no_color: bool) -> bool {
    let refused = vars.get("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = vars.get("TERM").is_some_and(|value| value == "dumb");
    !(no_color || refused || dumb)
}

/// Columns and rows, as far as the terminal tells.
fn window() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((usize::from(size.ws_col), usize::from(size.ws_row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_turned_off_by_the_flag_the_variable_and_a_terminal_without_any() {
        let wanted = |vars: &[(&str, &str)], flag| {
            let vars = vars.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            colour_is_wanted(&vars.collect(), flag)
        };
        assert!(wanted(&[("TERM", "xterm"), ("NO_COLOR", "")], false));
        assert!(!wanted(&[], true));
        assert!(!wanted(&[("NO_COLOR", "0")], false));
        assert!(!wanted(&[("TERM", "dumb")], false));
    }

    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_enough_is_no_failure_but_a_full_disk_is_one() {
        let print = |kind| Printer::to(Box::new(Failing(kind)), Box::new(io::sink()), Page::Plain).line("x");
        assert_eq!(print(io::ErrorKind::BrokenPipe), Err(Failure::OutputClosed));
        assert_eq!(
            print(io::ErrorKind::StorageFull),
            Err(Failure::new("cannot write the output: no storage space"))
        );
    }
}
