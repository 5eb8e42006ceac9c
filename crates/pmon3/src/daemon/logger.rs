//! What pmond says goes to stderr, by a thread of its own: a reader of the log that is slow or stuck holds nobody up.

use log::{Level, LevelFilter, Log, Metadata, Record};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread;

/// Lines that may wait for a slow reader; what comes then is counted and dropped.
const LINES_MAX: usize = 4096;

enum Line {
    Text(String),
    /// Everything before this has been written: say so.
    Flush(SyncSender<()>),
}

struct Logger {
    lines: SyncSender<Line>,
    lost: AtomicU64,
    /// Under systemd the journal keeps time and level: lines begin with the level as `<N>` (sd-daemon(3)).
    journal: bool,
}

/// Starts the thread and makes it the one that the macros of `log` speak to.
pub(crate) fn start(level: LevelFilter, journal: bool) -> std::io::Result<()> {
    let (lines, inbox) = mpsc::sync_channel(LINES_MAX);
    thread::Builder::new().name("log".to_owned()).spawn(move || {
        let mut stderr = std::io::stderr();
        while let Ok(line) = inbox.recv() {
            match line {
                // A closed stderr is nothing that could be reported anywhere.
                Line::Text(text) => drop(stderr.write_all(text.as_bytes())),
                Line::Flush(done) => drop(done.send(())),
            }
        }
    })?;
    let logger: &'static Logger = Box::leak(Box::new(Logger {
        lines,
        lost: AtomicU64::new(0),
        journal,
    }));
    if log::set_logger(logger).is_ok() {
        set_level(level);
    }
    Ok(())
}

/// From now on, lines below this level are not made.
pub(crate) fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

impl Logger {
    fn format(&self, record: &Record<'_>) -> String {
        // One event, one line: text that came from outside must not make others.
        let message = record.args().to_string().replace('\n', "\\n");
        if self.journal {
            let priority = match record.level() {
                Level::Error => 3,
                Level::Warn => 4,
                Level::Info => 6,
                Level::Debug | Level::Trace => 7,
            };
            return format!("<{priority}>{message}\n");
        }
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
        format!("{time} {:<5} {message}\n", record.level())
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let mut text = self.format(record);
        if lost > 0 {
            text = format!("... {lost} lines were dropped here: stderr did not take them\n{text}");
        }
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.lines.try_send(Line::Text(text)) {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }

    /// Waits until all lines so far are written, but not for a reader that is stuck.
    fn flush(&self) {
        let (done, end) = mpsc::sync_channel(1);
        if self.lines.try_send(Line::Flush(done)).is_ok() {
            let _ = end.recv_timeout(std::time::Duration::from_secs(1));
        }
    }
}
