//! Commands that must end.

use super::output::Output;
use super::{BOUND, kernel};
use std::io::Read;
use std::process::{Command, Stdio};

/// Runs a command and gives what it said. It must end within the bound.
#[track_caller]
pub(crate) fn to_end(command: &mut Command) -> Output {
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let words = words.join(" ");
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{words}: {error}"));
    // Read while it runs: it may say more than a pipe holds.
    let stdout = read_all(child.stdout.take().unwrap());
    let stderr = read_all(child.stderr.take().unwrap());
    let in_time = kernel::ends_within(&child, BOUND);
    if !in_time {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    let output = Output {
        command: words,
        code: status.code(),
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    };
    assert!(in_time, "did not end within {BOUND:?}: {output:?}");
    output
}

fn read_all(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
