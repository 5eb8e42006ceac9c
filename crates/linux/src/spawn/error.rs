//! Why a program could not be started, in the terms of whoever asked for it.

use super::child::HEAD_BYTES;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The steps on the way to a running program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// A text with a NUL byte.
    Prepare,
    /// Making its cgroup.
    Place,
    /// clone3(2).
    Clone,
    /// setsid(2).
    Session,
    /// Entering its cgroup.
    Cgroup,
    /// Giving back resource limits.
    Limits,
    /// Becoming its user.
    User,
    /// Entering its working directory.
    Cwd,
    /// Opening its log.
    Log,
    /// Setting up stdin, stdout and stderr.
    Descriptors,
    /// execve(2).
    Exec,
}

impl Step {
    pub(super) fn from_number(number: u32) -> Step {
        const ALL: [Step; 11] = [
            Step::Prepare,
            Step::Place,
            Step::Clone,
            Step::Session,
            Step::Cgroup,
            Step::Limits,
            Step::User,
            Step::Cwd,
            Step::Log,
            Step::Descriptors,
            Step::Exec,
        ];
        ALL.into_iter()
            .find(|step| *step as u32 == number)
            .unwrap_or(Step::Clone)
    }
}

/// A program that could not be started: which step failed, on what, and why.
#[derive(Debug)]
pub struct SpawnError {
    /// Which step.
    pub step: Step,
    /// The file or directory that it was about, where there is one.
    pub path: Option<PathBuf>,
    /// What the kernel said. `ETIMEDOUT`: nothing at all, and the child was killed.
    pub source: io::Error,
    /// The user that it was to become.
    uid: Option<u32>,
    file: Option<File>,
}

/// What the child saw of a file that it could not execute.
#[derive(Debug)]
pub(super) struct File {
    /// `st_mode`; 0: it could not be looked at.
    pub(super) mode: u32,
    /// Its first bytes, as far as they could be read.
    pub(super) head: Vec<u8>,
}

impl SpawnError {
    pub(super) fn new(step: Step, source: io::Error) -> SpawnError {
        SpawnError {
            step,
            path: None,
            source,
            uid: None,
            file: None,
        }
    }

    pub(super) fn about(mut self, path: Option<&OsString>, uid: Option<u32>, file: Option<File>) -> SpawnError {
        self.path = path.map(PathBuf::from);
        self.uid = uid;
        self.file = file;
        self
    }

    /// There was no place for it: see [`Trees::place`](crate::tree::Trees::place).
    #[must_use]
    pub fn no_place(source: io::Error) -> SpawnError {
        SpawnError::new(Step::Place, source)
    }

    /// Whether another try may succeed without anyone's help: no room for processes, memory or descriptors, or a disk or
    /// network that was too slow.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.source.raw_os_error(),
            Some(
                libc::EAGAIN
                    | libc::ENOMEM
                    | libc::EMFILE
                    | libc::ENFILE
                    | libc::ENOSPC
                    | libc::EINTR
                    | libc::ETXTBSY
                    | libc::ETIMEDOUT
            )
        )
    }

    /// As whom, where that may be why.
    fn user(&self) -> String {
        self.uid.map_or_else(String::new, |uid| format!(" for user id {uid}"))
    }

    fn cause(&self) -> String {
        match self.source.raw_os_error() {
            Some(libc::ENOENT) => "it does not exist".to_owned(),
            Some(libc::EACCES) => format!("permission denied{}", self.user()),
            Some(libc::ENOTDIR) => "a part of the path is not a directory".to_owned(),
            Some(libc::ETIMEDOUT) => "no answer from the file system, or stopped by somebody".to_owned(),
            _ => plain(&self.source),
        }
    }

    fn exec(&self, path: &str) -> String {
        let file = self.file.as_ref();
        let kind = file.map_or(0, |file| file.mode & libc::S_IFMT);
        let interpreter = file.and_then(|file| interpreter(&file.head));
        match self.source.raw_os_error() {
            Some(libc::ENOENT) if kind != 0 => match interpreter {
                Some(interpreter) if interpreter.ends_with("\r") => {
                    let interpreter = interpreter.trim_end();
                    format!("the interpreter {interpreter} of {path} is missing: its lines end as on Windows (CR LF)")
                }
                Some(interpreter) => format!("the interpreter {interpreter} of {path} is missing"),
                None => format!("cannot execute {path}: its interpreter is missing"),
            },
            Some(libc::EACCES) if kind == libc::S_IFDIR => format!("cannot execute {path}: it is a directory"),
            Some(libc::EACCES) if kind == libc::S_IFREG => {
                let mode = file.map_or(0, |file| file.mode);
                match interpreter {
                    _ if mode & 0o111 == 0 => format!("cannot execute {path}: it is not executable (chmod +x {path})"),
                    Some(interpreter) if mode & 0o001 != 0 => {
                        format!("cannot execute {path}: permission denied for it or its interpreter {interpreter}")
                    }
                    _ => format!("cannot execute {path}: {}", self.cause()),
                }
            }
            Some(libc::ENOEXEC) => {
                format!(
                    "cannot execute {path}: wrong format; it is neither a program for this machine nor a script with #!"
                )
            }
            Some(libc::ETXTBSY) => format!("cannot execute {path}: somebody is writing to it"),
            Some(libc::E2BIG) => {
                format!("cannot execute {path}: its arguments and environment are too long together")
            }
            Some(libc::EAGAIN) => {
                format!("cannot execute {path}: its user has too many processes (RLIMIT_NPROC)")
            }
            _ => format!("cannot execute {path}: {}", self.cause()),
        }
    }

    fn log(&self, path: &str) -> String {
        let directory = self.path.as_deref().and_then(Path::parent);
        match (self.source.raw_os_error(), directory) {
            // It would have been made: what does not exist is above it.
            (Some(libc::ENOENT), Some(directory)) => {
                format!(
                    "cannot open the log {path}: the directory {} does not exist",
                    directory.display()
                )
            }
            (Some(libc::ENXIO), _) => {
                format!("cannot open the log {path}: it is a pipe that nobody reads, or a socket")
            }
            _ => format!("cannot open the log {path}: {}", self.cause()),
        }
    }

    fn become_user(&self) -> String {
        let user = self
            .uid
            .map_or_else(|| "its user".to_owned(), |uid| format!("user id {uid}"));
        match self.source.raw_os_error() {
            Some(libc::EPERM) => format!("cannot become {user}: only root may"),
            Some(libc::EINVAL) => format!("cannot become {user}: this container (user namespace) does not have it"),
            _ => format!("cannot become {user}: {}", plain(&self.source)),
        }
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self
            .path
            .as_ref()
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        f.write_str(&match self.step {
            Step::Exec => self.exec(&path),
            Step::Log => self.log(&path),
            Step::User => self.become_user(),
            Step::Cwd => format!("cannot enter the working directory {path}: {}", self.cause()),
            Step::Prepare => format!("cannot prepare the program: {}", plain(&self.source)),
            Step::Place | Step::Cgroup => format!("cannot put it into its cgroup: {}", self.cause()),
            Step::Clone => format!("cannot make a process: {}", plain(&self.source)),
            Step::Session => format!("cannot make a session: {}", self.cause()),
            Step::Limits => format!("cannot give it its limits: {}", self.cause()),
            Step::Descriptors => format!("cannot set up its descriptors: {}", self.cause()),
        })
    }
}

impl std::error::Error for SpawnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The kernel's words without the number that Rust adds.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = words.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Who executes a file: what a script names on its first line (execve(2), "Interpreter scripts"), or a program in its
/// header as its dynamic linker (elf(5), `PT_INTERP`).
fn interpreter(head: &[u8]) -> Option<String> {
    let name = if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next()?;
        line.split(|byte| matches!(byte, b' ' | b'\t'))
            .find(|word| !word.is_empty())?
    } else {
        dynamic_linker(head)?
    };
    OsString::from_vec(name.to_vec()).into_string().ok()
}

fn dynamic_linker(head: &[u8]) -> Option<&[u8]> {
    const PT_INTERP: u64 = 3;
    // 64 bits, and the byte order of this machine: others would not have got as far as to miss their linker.
    if !head.starts_with(b"\x7fELF\x02") {
        return None;
    }
    let number = |at: usize, bytes: usize| -> Option<u64> {
        let mut number = [0; 8];
        let field = head.get(at..at.checked_add(bytes)?)?;
        if cfg!(target_endian = "little") {
            number[..bytes].copy_from_slice(field);
        } else {
            number[8 - bytes..].copy_from_slice(field);
        }
        Some(u64::from_ne_bytes(number))
    };
    let place = |at: usize, bytes: usize| usize::try_from(number(at, bytes)?).ok().filter(|at| *at < HEAD_BYTES);
    let (headers, size, count) = (place(32, 8)?, place(54, 2)?, place(56, 2)?);
    let header = (0..count)
        .map(|index| headers + index * size)
        .find(|header| number(*header, 4) == Some(PT_INTERP))?;
    let (start, length) = (place(header + 8, 8)?, place(header + 32, 8)?);
    head.get(start..start + length)?.split(|byte| *byte == 0).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_of_a_script_is_its_first_word() {
        for (head, expected) in [
            ("#!/bin/sh\necho", Some("/bin/sh")),
            ("#! /usr/bin/env -S x\n", Some("/usr/bin/env")),
            ("#!\t/a", Some("/a")),
            ("#!/bin/sh\r\n", Some("/bin/sh\r")),
            ("#!\n", None),
            ("echo", None),
            ("", None),
        ] {
            assert_eq!(interpreter(head.as_bytes()).as_deref(), expected, "{head:?}");
        }
    }

    #[test]
    fn the_dynamic_linker_is_read_from_whatever_there_is_of_the_header() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let head = &own[..HEAD_BYTES.min(own.len())];
        let linker = interpreter(head);
        if let Some(linker) = &linker {
            assert!(
                Path::new(linker).is_absolute() && Path::new(linker).exists(),
                "{linker}"
            );
        }
        for length in 0..head.len() {
            let cut = interpreter(&head[..length]);
            assert!(cut.is_none() || cut == linker);
        }
        // Whatever is in it, reading it ends.
        for at in 0..64 {
            let mut broken = head.to_vec();
            broken[at] ^= 0xff;
            let _ = interpreter(&broken);
        }
    }

    #[test]
    fn every_step_has_its_number() {
        for step in [Step::Prepare, Step::Clone, Step::Cwd, Step::Exec] {
            assert_eq!(Step::from_number(step as u32), step);
        }
    }
}
