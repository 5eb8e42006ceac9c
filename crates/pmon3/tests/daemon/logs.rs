//! Logs: straight into a file, and read back.

use crate::world::{BOUND, PMON3, World, kernel, until};
use rustix::process::Signal;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

#[test]
fn both_streams_are_appended_in_order_and_across_restarts() {
    let world = World::new();
    world.exec("web", "say=one err=two say=three hold");
    until("three lines", || world.read("logs/web.log") == "one\ntwo\nthree\n");
    world.pmon3(&["restart", "web"]);
    until("six lines", || {
        world.read("logs/web.log") == "one\ntwo\nthree\n".repeat(2)
    });
}

#[test]
fn a_log_that_is_truncated_under_the_program_is_filled_from_its_beginning() {
    let world = World::new();
    let gate = world.gate("gate");
    world.exec("web", &format!("say=before gate={gate} say=after hold"));
    until("a line", || world.read("logs/web.log") == "before\n");
    fs::File::options()
        .write(true)
        .open(world.path("logs/web.log"))
        .unwrap()
        .set_len(0)
        .unwrap();
    world.open_gate("gate");
    until("the next line", || world.read("logs/web.log") == "after\n");
}

#[test]
fn log_shows_all_the_last_or_from_a_line_on() {
    let world = World::new();
    world.exec("web", "lines=1000 hold");
    until("its lines", || world.read("logs/web.log").ends_with("line 1000\n"));
    let lines = |args: &[&str]| -> Vec<String> { world.pmon3(args).stdout.lines().map(str::to_owned).collect() };
    let last_ten: Vec<String> = (991..=1000).map(|n| format!("line {n}")).collect();
    assert_eq!(lines(&["log", "web", "-n", "10"]), last_ten);
    let from_996: Vec<String> = (996..=1000).map(|n| format!("line {n}")).collect();
    assert_eq!(lines(&["log", "1", "-n", "+996"]), from_996);
    assert_eq!(lines(&["log", "web", "-n", "0"]), [""; 0]);
    assert_eq!(lines(&["log", "web", "-n", "5000"]).len(), 1000);
}

#[test]
fn log_with_archives_begins_with_the_oldest() {
    let world = World::new();
    world.exec("web", "say=newest hold");
    until("its line", || world.read("logs/web.log") == "newest\n");
    world.write("logs/web.log.1", "newer\n");
    world.write("logs/web.log.2", "oldest\n");
    assert!(
        Command::new("gzip")
            .arg(world.path("logs/web.log.2"))
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(world.pmon3(&["log", "-a", "web"]).stdout, "oldest\nnewer\nnewest\n");
    assert_eq!(world.pmon3(&["log", "web"]).stdout, "newest\n");
}

#[test]
fn a_log_of_bytes_that_are_no_text_comes_out_as_it_is() {
    let world = World::new();
    let program = world.script("program", "#!/bin/sh\nprintf 'a\\000\\377b\\n'\nexec sleep 1000\n");
    world.pmon3(&["exec", &program]);
    until("its bytes", || {
        fs::read(world.path("logs/program.log")).is_ok_and(|bytes| bytes.len() == 5)
    });
    let output = world.client(PMON3).args(["log", "program"]).output().unwrap();
    assert_eq!(output.stdout, b"a\0\xffb\n");
}

#[test]
fn a_log_of_something_unknown_is_refused() {
    let world = World::new();
    assert!(world.refused(&["log", "nobody"]).contains("nobody"));
}

/// A running `pmon3 logf`, line by line.
struct Follower {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Follower {
    fn new(world: &World, args: &[&str]) -> Follower {
        let mut child = world
            .client(PMON3)
            .arg("logf")
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        let (to, lines) = mpsc::channel();
        std::thread::spawn(move || from.lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
        Follower { child, lines }
    }

    #[track_caller]
    fn sees(&self, line: &str) {
        assert_eq!(self.lines.recv_timeout(BOUND).as_deref(), Ok(line));
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn append(world: &World, line: &str) {
    let mut log = fs::File::options()
        .append(true)
        .create(true)
        .open(world.path("logs/web.log"))
        .unwrap();
    writeln!(log, "{line}").unwrap();
}

#[test]
fn logf_shows_the_last_lines_and_what_comes() {
    let world = World::new();
    let gate = world.gate("gate");
    world.exec("web", &format!("lines=20 gate={gate} say=more hold"));
    until("its lines", || world.read("logs/web.log").ends_with("line 20\n"));
    let follower = Follower::new(&world, &["web", "-n", "2"]);
    follower.sees("line 19");
    follower.sees("line 20");
    world.open_gate("gate");
    follower.sees("more");
}

#[test]
fn logf_goes_on_across_a_truncation_and_a_replacement_of_the_file() {
    let world = World::new();
    world.exec("web", "hold");
    append(&world, "a line that is longer than the one after the truncation");
    let follower = Follower::new(&world, &["web", "-n", "1"]);
    follower.sees("a line that is longer than the one after the truncation");
    fs::File::options()
        .write(true)
        .open(world.path("logs/web.log"))
        .unwrap()
        .set_len(0)
        .unwrap();
    append(&world, "after truncation");
    follower.sees("after truncation");
    fs::rename(world.path("logs/web.log"), world.path("logs/web.log.1")).unwrap();
    append(&world, "after replacement");
    follower.sees("after replacement");
    append(&world, "and on");
    follower.sees("and on");
}

#[test]
fn logf_of_an_empty_log_waits_for_its_first_line() {
    let world = World::new();
    let gate = world.gate("gate");
    world.exec("web", &format!("gate={gate} say=first hold"));
    let follower = Follower::new(&world, &["web"]);
    world.open_gate("gate");
    follower.sees("first");
}

#[test]
fn logf_ends_at_ctrl_c_and_leaves_the_daemon_well() {
    let world = World::new();
    world.exec("web", "say=line hold");
    let mut follower = Follower::new(&world, &["web"]);
    follower.sees("line");
    kernel::signal(follower.child.id(), Signal::INT);
    assert!(kernel::ends_within(&follower.child, BOUND));
    follower.child.wait().unwrap();
    assert_eq!(world.status("web"), "running");
}

#[test]
fn a_daemon_ends_though_somebody_follows_a_log() {
    let mut world = World::new();
    world.exec("web", "say=line hold");
    let mut follower = Follower::new(&world, &["web"]);
    follower.sees("line");
    world.stop();
    assert!(kernel::ends_within(&follower.child, BOUND));
    follower.child.wait().unwrap();
}

#[test]
fn a_reader_that_goes_away_early_is_no_error() {
    let world = World::new();
    world.exec("web", "lines=200000 hold");
    until("its lines", || world.read("logs/web.log").ends_with("line 200000\n"));
    let mut child = world
        .client(PMON3)
        .args(["log", "web"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert_eq!(first, "line 1\n");
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "",
        "`pmon3 log web | head -1` is silent"
    );
}
