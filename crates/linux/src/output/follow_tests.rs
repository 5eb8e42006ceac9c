use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::time::Instant;

use rustix::event::epoll;

use super::super::testing::{STRANGER, myself, of_stranger, stranger, temporary};
use super::*;

fn append(path: &Path, text: &str) {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

/// Waits until exactly this has been read, and nothing more.
#[track_caller]
fn expect(follower: &mut Follower, text: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut seen = Vec::new();
    // Small, so that one file takes several reads.
    let mut buf = [0; 5];
    loop {
        match follower.read_new(&mut buf).unwrap() {
            0 if seen.len() >= text.len() => break,
            0 => {
                let left = deadline.saturating_duration_since(Instant::now());
                assert!(
                    follower.wait(Some(left)).unwrap(),
                    "{:?} instead of {text:?}",
                    String::from_utf8(seen)
                );
            }
            n => seen.extend_from_slice(&buf[..n]),
        }
    }
    assert_eq!(String::from_utf8(seen).unwrap(), text);
}

fn of_mine(log: &Path, lines: Lines) -> Follower {
    Follower::open(log, &myself(), lines).unwrap()
}

#[test]
fn begins_with_the_chosen_lines_and_goes_on_with_new_ones() {
    let (_dir, log) = temporary();
    append(&log, "1\n2\n3\n");
    let mut follower = of_mine(&log, Lines::Last(2));
    expect(&mut follower, "2\n3\n");
    append(&log, "4");
    expect(&mut follower, "4");
    append(&log, "\n5\n");
    expect(&mut follower, "\n5\n");
    expect(&mut of_mine(&log, Lines::From(5)), "5\n");
    expect(&mut of_mine(&log, Lines::Last(0)), "");
}

#[test]
fn truncated_file_is_read_from_its_start() {
    let (_dir, log) = temporary();
    append(&log, "a long first line\n");
    let mut follower = of_mine(&log, Lines::All);
    expect(&mut follower, "a long first line\n");
    OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
    expect(&mut follower, "");
    append(&log, "short\n");
    expect(&mut follower, "short\n");
}

#[test]
fn renamed_file_is_finished_before_its_successor() {
    let (dir, log) = temporary();
    let old = dir.path().join("web.log.1");
    append(&log, "1\n");
    let mut follower = of_mine(&log, Lines::All);
    expect(&mut follower, "1\n");
    for round in 0..20 {
        fs::rename(&log, &old).unwrap();
        append(&old, "late\n");
        if round % 2 == 0 {
            expect(&mut follower, "late\n");
        }
        append(&log, "");
        // The program has not opened the new one yet.
        append(&old, "later\n");
        append(&log, "new\n");
        let expected = if round % 2 == 0 {
            "later\nnew\n"
        } else {
            "late\nlater\nnew\n"
        };
        expect(&mut follower, expected);
    }
}

#[test]
fn old_file_is_read_until_the_new_one_has_content() {
    let (dir, log) = temporary();
    let old = dir.path().join("web.log.1");
    append(&log, "1\n");
    let mut follower = of_mine(&log, Lines::All);
    expect(&mut follower, "1\n");
    fs::rename(&log, &old).unwrap();
    append(&log, "");
    expect(&mut follower, "");
    append(&old, "2\n");
    expect(&mut follower, "2\n");
    // The empty one is replaced in turn.
    fs::remove_file(&log).unwrap();
    append(&log, "");
    expect(&mut follower, "");
    append(&log, "3\n");
    expect(&mut follower, "3\n");
}

#[test]
fn removed_file_is_waited_for_and_its_successor_read() {
    let (dir, log) = temporary();
    append(&log, "1\n");
    let mut follower = of_mine(&log, Lines::All);
    append(&log, "2\n");
    fs::remove_file(&log).unwrap();
    expect(&mut follower, "1\n2\n");
    append(&log, "3\n");
    expect(&mut follower, "3\n");
    let prepared = dir.path().join("prepared");
    append(&prepared, "4\n");
    fs::rename(&prepared, &log).unwrap();
    expect(&mut follower, "4\n");
}

#[test]
fn log_that_does_not_exist_yet_is_waited_for() {
    let (dir, log) = temporary();
    let mut follower = of_mine(&log, Lines::Last(10));
    append(&dir.path().join("other.log"), "other\n");
    expect(&mut follower, "");
    append(&log, "1\n2\n");
    expect(&mut follower, "1\n2\n");
    append(&log, "3\n");
    expect(&mut follower, "3\n");
}

#[test]
fn missing_directory_and_strange_files_are_errors_at_once() {
    let (dir, _) = temporary();
    let error = Follower::open(Path::new("/nonexistent/web.log"), &myself(), Lines::All).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot watch the directory /nonexistent: No such file"),
        "{error}"
    );
    let error = Follower::open(dir.path(), &myself(), Lines::All).unwrap_err();
    assert!(error.to_string().contains("is a directory"), "{error}");
}

#[test]
fn directory_that_goes_away_ends_it_after_what_was_written() {
    let (dir, _) = temporary();
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let log = logs.join("web.log");
    append(&log, "1\n");
    let mut follower = of_mine(&log, Lines::All);
    expect(&mut follower, "1\n");
    append(&log, "2\n");
    fs::rename(&logs, dir.path().join("elsewhere")).unwrap();
    let mut buf = [0; 64];
    assert_eq!(follower.read_new(&mut buf).unwrap(), 2);
    let error = follower.read_new(&mut buf).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(error.to_string().contains("cannot watch the directory"), "{error}");
}

#[test]
fn directory_that_was_made_anew_is_watched_again() {
    let (dir, _) = temporary();
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let log = logs.join("web.log");
    append(&log, "1\n");
    let mut follower = of_mine(&log, Lines::All);
    expect(&mut follower, "1\n");
    fs::remove_dir_all(&logs).unwrap();
    fs::create_dir(&logs).unwrap();
    expect(&mut follower, "");
    append(&log, "2\n");
    expect(&mut follower, "2\n");
}

#[test]
fn edge_triggered_waiting_misses_nothing() {
    let (_dir, log) = temporary();
    let mut follower = of_mine(&log, Lines::All);
    let edges = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
    epoll::add(&edges, &follower, epoll::EventData::new_u64(0), flags).unwrap();
    let timeout = Timespec { tv_sec: 20, tv_nsec: 0 };
    let mut buf = [0; 64];
    for _ in 0..100 {
        append(&log, "line\n");
        let mut events = Vec::with_capacity(1);
        epoll::wait(&edges, rustix::buffer::spare_capacity(&mut events), Some(&timeout)).unwrap();
        assert_eq!(events.len(), 1);
        let mut n = 0;
        loop {
            match follower.read_new(&mut buf).unwrap() {
                0 => break,
                more => n += more,
            }
        }
        assert_eq!(n, 5);
    }
}

#[test]
fn every_line_of_a_fast_writer_arrives_in_order() {
    let (_dir, log) = temporary();
    let mut follower = of_mine(&log, Lines::All);
    let text: String = (0..20_000).map(|n| format!("{n}\n")).collect();
    let writer = std::thread::spawn({
        let text = text.clone();
        move || {
            let mut file = File::create(&log).unwrap();
            text.split_inclusive('\n')
                .for_each(|line| file.write_all(line.as_bytes()).unwrap());
        }
    });
    expect(&mut follower, &text);
    writer.join().unwrap();
}

#[test]
fn file_that_the_user_may_not_read_is_never_followed() {
    let Some((dir, log)) = of_stranger("file_that_the_user_may_not_read_is_never_followed") else {
        return;
    };
    append(&log, "1\n");
    let mut follower = Follower::open(&log, &stranger(), Lines::All).unwrap();
    expect(&mut follower, "1\n");
    fs::remove_file(&log).unwrap();
    symlink("/etc/shadow", &log).unwrap();
    expect(&mut follower, "");
    fs::remove_file(&log).unwrap();
    // As logrotate does it: made private, then handed over.
    append(&log, "2\n");
    fs::set_permissions(&log, Permissions::from_mode(0o600)).unwrap();
    follower.read_new(&mut [0; 1]).unwrap();
    fs::remove_file(&log).unwrap();
    let private = dir.path().join("private");
    append(&private, "3\n");
    fs::set_permissions(&private, Permissions::from_mode(0o600)).unwrap();
    fs::rename(&private, &log).unwrap();
    expect(&mut follower, "");
    chown(&log, Some(STRANGER), None).unwrap();
    expect(&mut follower, "3\n");
}

#[test]
fn directory_that_may_only_be_entered_is_enough_to_follow() {
    let Some((dir, log)) = of_stranger("directory_that_may_only_be_entered_is_enough_to_follow") else {
        return;
    };
    chown(dir.path(), Some(0), Some(0)).unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
    assert!(Follower::open(&log, &stranger(), Lines::All).unwrap_err().is_missing());
    append(&log, "1\n");
    let mut follower = Follower::open(&log, &stranger(), Lines::All).unwrap();
    append(&log, "2\n");
    expect(&mut follower, "1\n2\n");
    let prepared = dir.path().join("prepared");
    append(&prepared, "3\n");
    fs::rename(&prepared, &log).unwrap();
    expect(&mut follower, "3\n");
}
