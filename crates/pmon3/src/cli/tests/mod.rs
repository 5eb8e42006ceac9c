//! Commands as a whole: arguments in, requests on a socket, text out. The daemon only pretends.

mod arguments;
mod commands;
mod configuration;
mod lists;
mod starting;

use super::printer::Printer;
use super::session::Surroundings;
use super::table::Page;
use super::{Cli, run};
use clap::Parser;
use pmon3_api::{Outcome, ProcessView};
use pmon3_config::Environment;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A process that runs.
pub(super) fn sample(id: u32, name: &str) -> ProcessView {
    ProcessView {
        id,
        name: name.to_owned(),
        pid: Some(4000 + id),
        status: "running".to_owned(),
        restart_count: 0,
        user: "joe".to_owned(),
        uid: 1000,
        gid: 1000,
        process_file: format!("/srv/{name}"),
        args: Vec::new(),
        env_vars: BTreeMap::new(),
        cwd: "/srv".to_owned(),
        log: format!("/var/log/pmond/{name}.log"),
        auto_restart: true,
        dependencies: Vec::new(),
        groups: Vec::new(),
        cpu_percent: 0.0,
        memory_bytes: 0,
        created_at: "2024-05-03T05:44:25.114957302Z".to_owned(),
        updated_at: "2024-05-03T06:09:18.71222185Z".to_owned(),
        started_at: None,
        exit_code: None,
        signal: None,
        error: None,
        stop_timeout: None,
        withheld: false,
    }
}

/// The same, ended by a person.
fn stopped(id: u32, name: &str) -> ProcessView {
    ProcessView {
        pid: None,
        status: "stopped".to_owned(),
        ..sample(id, name)
    }
}

/// A daemon that gives these answers, in this order, one connection each.
struct Fake {
    dir: tempfile::TempDir,
    thread: Option<JoinHandle<Vec<String>>>,
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    status: u8,
    out: String,
    err: String,
    /// `METHOD PATH BODY` of each request.
    requests: Vec<String>,
}

impl Fake {
    fn new<const N: usize>(answers: [String; N]) -> Fake {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("s")).unwrap();
        let answer = move |answer: String| {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read_request(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
            request
        };
        let thread = std::thread::spawn(move || answers.into_iter().map(answer).collect());
        Fake {
            dir,
            thread: Some(thread),
        }
    }

    /// Nobody listens.
    fn none() -> Fake {
        Fake {
            dir: tempfile::tempdir().unwrap(),
            thread: None,
        }
    }

    fn around(&self) -> Surroundings {
        let socket = self.dir.path().join("s").into_os_string().into_string().unwrap();
        let home = self.dir.path().to_str().unwrap().to_owned();
        let vars = [
            ("PMON3_SOCKET", socket),
            ("PMON3_CONF", format!("{home}/config.yml")),
            ("PMON3_LOGS_DIR", format!("{home}/log")),
            ("HOME", home.clone()),
            ("XDG_CONFIG_HOME", home.clone()),
            ("XDG_DATA_HOME", home.clone()),
            ("XDG_STATE_HOME", home),
            ("TZ", "<+02>-2".to_owned()),
            ("PATH", "/nowhere:/bin:/usr/bin".to_owned()),
        ];
        surroundings(
            vars.map(|(key, value)| (key.to_owned(), value)).into(),
            PathBuf::from("/bin/false"),
        )
    }

    fn run(self, args: &[&str]) -> Ended {
        self.run_on(Page::Plain, args)
    }

    fn run_on(self, page: Page, args: &[&str]) -> Ended {
        let around = self.around();
        self.run_in(around, page, args)
    }

    fn run_in(self, around: Surroundings, page: Page, args: &[&str]) -> Ended {
        let (out, err) = (Text::default(), Text::default());
        let printer = Printer::to(Box::new(out.clone()), Box::new(err.clone()), page);
        let parsed = Cli::try_parse_from(["pmon3"].iter().chain(args));
        let status = run(parsed, around, printer);
        let requests = self.thread.map(|thread| thread.join().unwrap()).unwrap_or_default();
        Ended {
            status,
            out: out.text(),
            err: err.text(),
            requests,
        }
    }
}

/// Those of an ordinary user.
fn surroundings(vars: BTreeMap<String, String>, exe: PathBuf) -> Surroundings {
    Surroundings {
        environment: Environment::new(false, vars.clone()),
        vars,
        uid: 1000,
        exe,
    }
}

impl Ended {
    /// It succeeded and said nothing but its result.
    #[track_caller]
    fn done(self) -> Ended {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{}", self.out);
        self
    }
}

/// Text that is written here is kept.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Text {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `METHOD PATH BODY`
fn read_request(stream: &mut UnixStream) -> String {
    let mut text = String::new();
    let mut piece = [0; 4096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |n| n.parse().unwrap()) {
                let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
                return format!("{line} {body}").trim_end().to_owned();
            }
        }
        let n = stream.read(&mut piece).unwrap();
        assert!(n > 0, "the command hung up after {text:?}");
        text.push_str(std::str::from_utf8(&piece[..n]).unwrap());
    }
}

/// An answer with this body.
fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// 200 with this as JSON.
fn ok<T: serde::Serialize>(value: &T) -> String {
    answer("200 OK", &serde_json::to_string(value).unwrap())
}

/// All came true; these are the processes now.
fn came_true(processes: &[ProcessView]) -> String {
    ok(&Outcome {
        processes: processes.to_vec(),
        ..Outcome::default()
    })
}
