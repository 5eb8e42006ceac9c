//! One run of top(1).

use super::Sort;
use crate::cli::failure::Failure;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

/// A run that is under way; ended when this is dropped.
pub(super) struct Top {
    child: Child,
    out: pipe::Receiver,
    text: Vec<u8>,
}

impl Top {
    /// Has top(1) look at these processes: over so many seconds, or, without them, once.
    pub(super) fn start(pids: &[u32], sort: Sort, over: Option<u32>, columns: Option<usize>) -> Result<Top, Failure> {
        let mut command = Command::new("top");
        let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
        command.args(["-b", "-p", &pids.join(",")]);
        command.args([
            "-o",
            match sort {
                Sort::Cpu => "%CPU",
                Sort::Memory => "%MEM",
            },
        ]);
        // The first of two looks is only there to be compared with.
        match over {
            Some(seconds) => command.args(["-n", "2", "-d", &seconds.to_string()]),
            None => command.args(["-n", "1"]),
        };
        if let Some(columns) = columns {
            command.args(["-w", &columns.to_string()]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let cannot = |e: std::io::Error| {
            Failure::with_hint(format!("cannot run top(1): {e}"), "it comes with the package procps")
        };
        let mut child = child.map_err(cannot)?;
        let out = child
            .stdout
            .take()
            .ok_or_else(|| cannot(std::io::ErrorKind::BrokenPipe.into()))?;
        let out = pipe::Receiver::from_owned_fd(out.into()).map_err(cannot)?;
        Ok(Top {
            child,
            out,
            text: Vec::new(),
        })
    }

    /// The last look, when it has been taken. May be called again after it was not waited for to the end.
    pub(super) async fn frame(&mut self) -> Result<String, Failure> {
        let cannot = |e: std::io::Error| Failure::new(format!("cannot read from top(1): {e}"));
        while self.out.read_buf(&mut self.text).await.map_err(cannot)? > 0 {}
        let status = self.child.wait().map_err(cannot)?;
        if !status.success() {
            let mut said = String::new();
            if let Some(err) = &mut self.child.stderr {
                let _ = err.read_to_string(&mut said);
            }
            let said = said.lines().next().unwrap_or_default();
            return Err(Failure::with_hint(
                format!("top(1) ended with {status}: {said}"),
                "the one of the package procps is needed",
            ));
        }
        Ok(last_frame(&String::from_utf8_lossy(&self.text)).to_owned())
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        // Both are no news for one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Each frame begins with the line of uptime and load.
fn last_frame(text: &str) -> &str {
    text.rfind("\ntop - ").map_or(text, |at| &text[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_looks_the_second_counts() {
        assert_eq!(last_frame("top - 1\na\n\ntop - 2\nb\n"), "top - 2\nb\n");
        assert_eq!(last_frame("top - 1\na\n"), "top - 1\na\n");
    }
}
