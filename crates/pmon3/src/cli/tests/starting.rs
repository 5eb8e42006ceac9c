//! The daemon is started where it is needed, and what it says on its way is heard.

use super::{Ended, Fake, answer, read_request, surroundings};
use crate::cli::session::Surroundings;
use crate::cli::table::Page;
use pmon3_api::Outcome;
use rustix::fs::Mode;
use std::io::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};

/// A place where no daemon answers, and where this script is what is started as one.
struct Stage {
    dir: tempfile::TempDir,
    around: Surroundings,
    nobody: Fake,
}

impl Stage {
    fn new(script: &str) -> Stage {
        let dir = tempfile::tempdir().unwrap();
        let exe = dir.path().join("fake-daemon");
        std::fs::write(&exe, format!("#!/bin/sh\ncd {}\n{script}\n", dir.path().display())).unwrap();
        std::fs::set_permissions(&exe, PermissionsExt::from_mode(0o755)).unwrap();
        let nobody = Fake::none();
        let around = Surroundings { exe, ..nobody.around() };
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let (socket, logs) = (at("run/s"), at("log"));
        let stage = Stage { dir, around, nobody };
        stage.with("PMON3_SOCKET", &socket).with("PMON3_LOGS_DIR", &logs)
    }

    /// The same with this variable.
    fn with(mut self, name: &str, value: &str) -> Stage {
        self.around.vars.insert(name.to_owned(), value.to_owned());
        self.around = surroundings(self.around.vars, self.around.exe);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(self, args: &[&str]) -> (Ended, tempfile::TempDir) {
        (self.nobody.run_in(self.around, Page::Plain, args), self.dir)
    }

    /// Runs a command while the fake daemon, which tells where it may send its word to and then waits, is given words.
    fn run_saying(
        self,
        args: &[&str],
        words: &'static [&'static str],
        before: fn(&Path),
    ) -> (Ended, tempfile::TempDir) {
        let (name, go) = (self.path("name"), self.path("go"));
        for fifo in [&name, &go] {
            rustix::fs::mkfifoat(rustix::fs::CWD, fifo, Mode::from_raw_mode(0o600)).unwrap();
        }
        let dir = self.dir.path().to_owned();
        let speaker = std::thread::spawn(move || {
            let name = std::fs::read_to_string(name).unwrap();
            before(&dir);
            let to = SocketAddr::from_abstract_name(name.strip_prefix('@').unwrap()).unwrap();
            let socket = UnixDatagram::unbound().unwrap();
            for word in words {
                socket.send_to_addr(word.as_bytes(), &to).unwrap();
            }
            std::fs::write(go, "").unwrap();
        });
        let ended = self.run(args);
        speaker.join().unwrap();
        ended
    }
}

/// Tells its arguments and where it is to send its word to; ends when it may go on.
const TALKER: &str = r#"echo "$@" > args; echo on stderr >&2; printf %s "$NOTIFY_SOCKET" > name; cat go; exit 1"#;

#[test]
fn what_the_daemon_says_before_it_ends_is_the_error() {
    for args in [
        vec!["exec", "/bin/true"],
        vec!["restart", "web"],
        vec!["start", "web"],
        vec!["init"],
    ] {
        let words = &[
            "STATUS=looking around",
            "STATUS=error: another pmond (pid 7) has this data directory\nERRNO=1",
        ];
        let (ended, dir) = Stage::new(TALKER).run_saying(&args, words, |_| {});
        let log = dir.path().join("log/pmond.log");
        assert_eq!(ended.status, 1);
        assert_eq!(
            ended.err,
            format!(
                "error: pmond could not start: another pmond (pid 7) has this data directory\nhint: its log is {}\n",
                log.display()
            )
        );
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "on stderr\n");
        assert_eq!(
            std::fs::read_to_string(dir.path().join("args")).unwrap(),
            "daemon --background\n"
        );
    }
}

#[test]
fn a_daemon_that_ends_without_a_word_is_told_by_its_status() {
    let (ended, _dir) = Stage::new("exit 3").run(&["init"]);
    let begins = "error: pmond could not start: it ended with exit status: 3\nhint: ";
    assert!(ended.err.starts_with(begins), "{}", ended.err);
}

#[test]
fn auto_start_can_be_turned_off() {
    let stage = Stage::new("touch started").with("PMON3_AUTO_START", "false");
    let (ended, dir) = stage.run(&["exec", "/bin/true"]);
    assert!(ended.err.starts_with("error: pmond must be running\n"), "{}", ended.err);
    assert!(!dir.path().join("started").exists());
}

#[test]
fn a_daemon_that_is_ready_is_used() {
    let serve = |dir: &Path| {
        let listener = UnixListener::bind(dir.join("run/s")).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&mut stream);
            let body = serde_json::to_string(&Outcome::default()).unwrap();
            stream.write_all(answer("200 OK", &body).as_bytes()).unwrap();
        });
    };
    let (ended, dir) = Stage::new(TALKER).run_saying(&["init"], &["STATUS=on my way", "READY=1"], serve);
    assert_eq!(ended.status, 0, "{}", ended.err);
    assert!(
        ended.err.starts_with("started pmond in the background (pid "),
        "{}",
        ended.err
    );
    let log = dir.path().join("log/pmond.log");
    assert!(
        ended.err.ends_with(&format!("; its log is {}\n", log.display())),
        "{}",
        ended.err
    );
    assert!(ended.out.starts_with("ID  Name"), "{}", ended.out);
}

#[test]
fn a_socket_that_cannot_be_is_an_error_with_advice() {
    let stage = Stage::new("exit 0").with("PMON3_SOCKET", &format!("/{}", "x".repeat(120)));
    let (ended, _dir) = stage.run(&["init"]);
    assert_eq!(ended.status, 1);
    assert!(ended.err.contains("at most 107 bytes"), "{}", ended.err);
}
