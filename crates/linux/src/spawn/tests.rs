use super::*;
use crate::reap::Exit;
use crate::tree::{Choice, Trees};
use rustix::process::{Pid, WaitOptions, waitpid};
use std::fs::{OpenOptions, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

const NOBODY: u32 = 65534;
/// Of linux/fcntl.h.
const F_SETSIG: libc::c_int = 10;

/// A directory for one test, and the ways to make a process.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
        World { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn program(&self, file: impl Into<OsString>, args: &[&str]) -> Program {
        let file = file.into();
        Program {
            argv0: file.clone(),
            file,
            args: args.iter().map(Into::into).collect(),
            env: vec![("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into())],
            mark: None,
            cwd: self.dir.path().into(),
            log: self.path("log").into(),
            credentials: None,
            log_mode: 0o640,
            umask: None,
            no_new_privs: false,
            inherited: Inherited::default(),
        }
    }

    fn script(&self, script: &str) -> Program {
        self.program("/bin/sh", &["-c", script])
    }

    /// What it says, in each way to start it.
    fn output(&self, program: &Program) -> String {
        let [by_clone3, by_clone] = both_ways().map(|mut spawner| {
            let child = spawner.spawn(program, &Place::anywhere()).unwrap();
            assert_eq!(exit_of(child.pid), Exit::Code(0));
            let output = fs::read_to_string(self.path("log")).unwrap();
            fs::remove_file(self.path("log")).unwrap();
            output
        });
        // Not word for word: there may be pids in it.
        assert_eq!(by_clone.lines().count(), by_clone3.lines().count());
        by_clone3
    }

    /// The error, which is the same in each way to start it.
    fn error(program: &Program) -> SpawnError {
        let [by_clone, by_clone3] = both_ways().map(|mut spawner| {
            loop {
                let error = spawner.spawn(program, &Place::anywhere()).unwrap_err();
                // A child of another test may just now have what a test has written.
                if error.source.raw_os_error() != Some(libc::ETXTBSY) {
                    return error;
                }
            }
        });
        assert_eq!(by_clone.to_string(), by_clone3.to_string());
        by_clone3
    }
}

/// By clone3, and as it is done where that is missing.
fn both_ways() -> [Spawner; 2] {
    let (by_clone3, mut by_clone) = (Spawner::new().unwrap(), Spawner::new().unwrap());
    by_clone.has_clone3 = false;
    [by_clone3, by_clone]
}

fn exit_of(pid: u32) -> Exit {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    let (_, status) = waitpid(pid, WaitOptions::empty()).unwrap().unwrap();
    Exit::from_status(status)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn nobody() -> Credentials {
    Credentials {
        uid: NOBODY,
        gid: NOBODY,
        groups: vec![NOBODY, 54321],
    }
}

#[test]
fn a_program_gets_exactly_its_arguments_and_environment() {
    let world = World::new();
    let mut program = world.script("cat /proc/$$/cmdline /proc/$$/environ; pwd");
    program.argv0 = "another name".into();
    program.args.push("".into());
    program.args.push("one two\n'\"".into());
    program.env.push(("EMPTY".into(), "".into()));
    program.env.push(("A=B".into(), "=\u{1F980}".into()));
    let script = program.args[1].to_str().unwrap();
    let expected = format!(
        "another name\0-c\0{script}\0\0one two\n'\"\0\
         PATH=/usr/sbin:/usr/bin:/sbin:/bin\0EMPTY=\0A=B==\u{1F980}\0{}\n",
        world.dir.path().display()
    );
    assert_eq!(world.output(&program), expected);
}

#[test]
fn a_mark_ends_with_the_pid_of_the_program() {
    let world = World::new();
    let mut program = world.script("test \"$PMON3_MARK\" = \"i.7.12.$$\" && echo yes");
    program.mark = Some("i.7.12".to_owned());
    assert_eq!(world.output(&program), "yes\n");
}

#[test]
fn a_program_inherits_nothing_else() {
    let world = World::new();
    // What a library may have left open.
    let open = OpenOptions::new().read(true).open("/dev/zero").unwrap();
    // SAFETY: clears FD_CLOEXEC of a descriptor of our own.
    unsafe { libc::fcntl(open.as_raw_fd(), libc::F_SETFD, 0) };
    let status = world.output(&world.program("/bin/cat", &["/proc/self/status"]));
    for name in ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"] {
        assert!(status.contains(&format!("\n{name}:\t0000000000000000\n")), "{status}");
    }

    let log = world.path("log").display().to_string();
    let descriptors =
        world.output(&world.program("/usr/bin/find", &["/proc/self/fd", "-type", "l", "-printf", "%f %l\n"]));
    // What it opens for itself are the directories.
    let inherited: Vec<&str> = descriptors.lines().filter(|line| !line.contains("/proc/")).collect();
    assert_eq!(
        inherited[..3],
        ["0 /dev/null".to_owned(), format!("1 {log}"), format!("2 {log}")]
    );
    assert!(
        inherited[3..]
            .iter()
            .all(|line| line.ends_with(world.dir.path().to_str().unwrap())),
        "{inherited:?}"
    );
    assert!(!descriptors.contains("/dev/zero"));

    let session =
        world.script("read pid comm state ppid group session rest < /proc/$$/stat; [ $session$group = $$$$ ]");
    assert_eq!(world.output(&session), "");
}

#[test]
fn both_streams_are_appended_to_the_log_and_it_is_not_for_everybody() {
    let world = World::new();
    let before = world.file("log", "before\n", 0o600);
    let mut spawner = Spawner::new().unwrap();
    let mut program = world.script("echo out; echo err >&2; cat /proc/self/fdinfo/1");
    for _ in 0..2 {
        let child = spawner.spawn(&program, &Place::anywhere()).unwrap();
        assert_eq!(exit_of(child.pid), Exit::Code(0));
    }
    let text = fs::read_to_string(&before).unwrap();
    assert!(text.starts_with("before\nout\nerr\n"), "{text}");
    assert_eq!(text.matches("out\nerr\n").count(), 2, "{text}");
    // O_WRONLY, O_APPEND, O_LARGEFILE; not O_NONBLOCK.
    assert_eq!(
        text.matches("flags:\t0102001\n").count() + text.matches("flags:\t0402001\n").count(),
        2,
        "{text}"
    );

    program.log = world.path("new").into();
    program.umask = Some(0);
    exit_of(spawner.spawn(&program, &Place::anywhere()).unwrap().pid);
    assert_eq!(fs::metadata(world.path("new")).unwrap().mode() & 0o7777, 0o640);
    program.log = world.path("newer").into();
    program.log_mode = 0o604;
    exit_of(spawner.spawn(&program, &Place::anywhere()).unwrap().pid);
    assert_eq!(fs::metadata(world.path("newer")).unwrap().mode() & 0o7777, 0o604);
}

#[test]
fn what_the_daemon_changed_for_itself_is_given_back() {
    let world = World::new();
    let ours = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    let mut program = world.script("ulimit -n; umask");
    program.umask = Some(0o27);
    program.inherited.nofile = Some((123, 456));
    assert_eq!(world.output(&program), "123\n0027\n");

    // A higher score is something that everybody may have.
    program = world.program("/bin/sleep", &["60"]);
    let score = ours.trim().parse::<i32>().unwrap() + 7;
    program.inherited.oom_score_adj = Some(score);
    for mut spawner in both_ways() {
        for _ in 0..50 {
            let child = spawner.spawn(&program, &Place::anywhere()).unwrap();
            let its = fs::read_to_string(format!("/proc/{}/oom_score_adj", child.pid)).unwrap();
            let now = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
            rustix::process::kill_process(
                Pid::from_raw(i32::try_from(child.pid).unwrap()).unwrap(),
                rustix::process::Signal::KILL,
            )
            .unwrap();
            assert_eq!(exit_of(child.pid), Exit::Signal(9));
            assert_eq!(its.trim().parse(), Ok(score));
            assert_eq!(now, ours, "it must not be set along with the child's");
        }
    }
}

#[test]
fn a_program_of_another_user_is_that_user_in_all_respects() {
    let world = World::new();
    if !is_root() {
        return eprintln!("skipped: only root can become another user");
    }
    let mut program = world
        .script("grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|CapInh|CapAmb|NoNewPrivs):' /proc/self/status | tr -d ' '");
    program.credentials = Some(nobody());
    program.no_new_privs = true;
    let ids = "65534\t65534\t65534\t65534";
    let expected = format!(
        "Uid:\t{ids}\nGid:\t{ids}\nGroups:\t5432165534\n\
         CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n\
         NoNewPrivs:\t1\n"
    );
    assert_eq!(world.output(&program), expected);
    exit_of(Spawner::new().unwrap().spawn(&program, &Place::anywhere()).unwrap().pid);
    assert_eq!(fs::metadata(world.path("log")).unwrap().uid(), NOBODY);
}

#[test]
fn files_are_opened_with_the_rights_of_the_user() {
    let world = World::new();
    if !is_root() {
        return eprintln!("skipped: only root can become another user");
    }
    let mut program = world.script("true");
    program.credentials = Some(nobody());
    fs::create_dir(world.path("private")).unwrap();
    fs::set_permissions(world.path("private"), Permissions::from_mode(0o700)).unwrap();

    let mut log = program.clone();
    log.log = world.path("private/log").into();
    let error = World::error(&log);
    assert_eq!(error.step, Step::Log);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot open the log {}: permission denied for user id 65534",
            world.path("private/log").display()
        )
    );
    assert!(!world.path("private/log").exists());

    let mut cwd = program.clone();
    cwd.cwd = world.path("private").into();
    let error = World::error(&cwd);
    assert_eq!(
        (error.step, error.path.clone()),
        (Step::Cwd, Some(world.path("private")))
    );

    let mut file = program;
    file.file = world.file("private/program", "#!/bin/sh\n", 0o755).into();
    let error = World::error(&file);
    assert_eq!(error.step, Step::Exec);
    assert!(
        error.to_string().ends_with("permission denied for user id 65534"),
        "{error}"
    );
}

#[test]
fn only_root_becomes_another_user() {
    let world = World::new();
    if is_root() {
        return;
    }
    let mut program = world.script("true");
    program.credentials = Some(Credentials {
        uid: 0,
        gid: 0,
        groups: Vec::new(),
    });
    let error = World::error(&program);
    assert_eq!(error.step, Step::User);
    assert_eq!(error.to_string(), "cannot become user id 0: only root may");
}

/// The least that the kernel takes for a program of this machine (elf(5)).
fn program_with_linker(linker: &str) -> Vec<u8> {
    let name = format!("{linker}\0");
    let (header, program_header) = (64, 56);
    let mut elf = fs::read("/proc/self/exe").unwrap();
    elf.truncate(header);
    elf[32..40].copy_from_slice(&(header as u64).to_ne_bytes());
    elf[56..58].copy_from_slice(&1_u16.to_ne_bytes());
    let mut interp = vec![0; program_header];
    interp[0..4].copy_from_slice(&3_u32.to_ne_bytes());
    interp[8..16].copy_from_slice(&((header + program_header) as u64).to_ne_bytes());
    interp[32..40].copy_from_slice(&(name.len() as u64).to_ne_bytes());
    [elf, interp, name.into_bytes()].concat()
}

#[test]
fn a_file_that_cannot_be_executed_is_named_with_the_reason() {
    let world = World::new();
    let path = |name: &str| world.path(name).display().to_string();
    world.file("plain", "#!/bin/sh\n", 0o644);
    world.file("garbage", "garbage", 0o755);
    world.file("script", "#!/no/such/interpreter -x\n", 0o755);
    world.file("dos", "#!/bin/sh\r\necho\r\n", 0o755);
    world.file("closed", format!("#!{}\n", path("plain")), 0o755);
    world.file("foreign", program_with_linker("/no/such/linker"), 0o755);
    for (name, expected) in [
        (
            "missing",
            format!("cannot execute {}: it does not exist", path("missing")),
        ),
        (
            "plain/x",
            format!(
                "cannot execute {}: a part of the path is not a directory",
                path("plain/x")
            ),
        ),
        (
            "plain",
            format!("cannot execute {0}: it is not executable (chmod +x {0})", path("plain")),
        ),
        ("", format!("cannot execute {}: it is a directory", path(""))),
        (
            "garbage",
            format!(
                "cannot execute {}: wrong format; it is neither a program for this machine nor a script with #!",
                path("garbage")
            ),
        ),
        (
            "script",
            format!("the interpreter /no/such/interpreter of {} is missing", path("script")),
        ),
        (
            "dos",
            format!(
                "the interpreter /bin/sh of {} is missing: its lines end as on Windows (CR LF)",
                path("dos")
            ),
        ),
        (
            "closed",
            format!(
                "cannot execute {}: permission denied for it or its interpreter {}",
                path("closed"),
                path("plain")
            ),
        ),
        (
            "foreign",
            format!("the interpreter /no/such/linker of {} is missing", path("foreign")),
        ),
    ] {
        let error = World::error(&world.program(world.path(name), &[]));
        assert_eq!(
            (error.step, error.path.as_deref()),
            (Step::Exec, Some(world.path(name).as_path()))
        );
        assert_eq!(error.to_string(), expected);
        assert!(!error.is_transient());
    }
}

#[test]
fn directories_and_logs_that_are_missing_are_named() {
    let world = World::new();
    let path = |name: &str| world.path(name).display().to_string();
    world.file("file", "", 0o644);
    let mut program = world.script("true");
    for (cwd, why) in [
        ("none", "it does not exist"),
        ("file", "a part of the path is not a directory"),
    ] {
        program.cwd = world.path(cwd).into();
        let error = World::error(&program);
        assert_eq!(error.step, Step::Cwd);
        assert_eq!(
            error.to_string(),
            format!("cannot enter the working directory {}: {why}", path(cwd))
        );
    }
    program.cwd = "/".into();
    program.log = world.path("none/log").into();
    let error = World::error(&program);
    assert_eq!(error.step, Step::Log);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot open the log {}: the directory {} does not exist",
            path("none/log"),
            path("none")
        )
    );
    program.log = world.dir.path().into();
    assert_eq!(
        World::error(&program).to_string(),
        format!("cannot open the log {}: is a directory", world.dir.path().display())
    );
    rustix::fs::mkfifoat(rustix::fs::CWD, world.path("pipe"), rustix::fs::Mode::RWXU).unwrap();
    program.log = world.path("pipe").into();
    assert_eq!(
        World::error(&program).to_string(),
        format!(
            "cannot open the log {}: it is a pipe that nobody reads, or a socket",
            path("pipe")
        )
    );
    program.log = "a\0b".into();
    assert_eq!(World::error(&program).step, Step::Prepare);
}

#[test]
fn a_file_that_is_being_written_or_too_long_a_command_is_told() {
    let world = World::new();
    let path = world.file("busy", "#!/bin/sh\n", 0o755);
    let writing = OpenOptions::new().append(true).open(&path).unwrap();
    let error = Spawner::new()
        .unwrap()
        .spawn(&world.program(&path, &[]), &Place::anywhere())
        .unwrap_err();
    assert!(error.is_transient());
    assert!(error.to_string().ends_with("somebody is writing to it"), "{error}");
    drop(writing);
    let long = "x".repeat(256 * 1024);
    let error = World::error(&world.program("/bin/true", &[&long]));
    assert_eq!(
        error.to_string(),
        "cannot execute /bin/true: its arguments and environment are too long together"
    );
}

/// Whoever has a lease on a file is asked before others may open it, and may take his time (fcntl(2), "Leases"). Not even
/// root is exempt. A network disk that hangs does the same without bad intent.
#[test]
fn a_file_that_does_not_answer_holds_nobody_up_for_long() {
    let world = World::new();
    let path = world.file("program", "#!/bin/sh\n", 0o755);
    let lease = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    // SAFETY: so that the question comes as a signal that does nothing.
    unsafe { libc::fcntl(lease.as_raw_fd(), F_SETSIG, libc::SIGURG) };
    // SAFETY: a descriptor of our own.
    if unsafe { libc::fcntl(lease.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK) } != 0 {
        return eprintln!("skipped: no lease can be had: {}", io::Error::last_os_error());
    }
    for mut spawner in both_ways() {
        spawner.patience = Duration::from_millis(50);
        let begin = Instant::now();
        let error = spawner
            .spawn(&world.program(&path, &[]), &Place::anywhere())
            .unwrap_err();
        assert!(begin.elapsed() < Duration::from_secs(20));
        assert_eq!(
            (error.step, error.source.raw_os_error()),
            (Step::Exec, Some(libc::ETIMEDOUT))
        );
        assert!(error.is_transient());
        assert!(error.to_string().contains("no answer from the file system"), "{error}");
        // And nothing is the worse for it.
        spawner.patience = PATIENCE;
        let child = spawner.spawn(&world.script("exit 3"), &Place::anywhere()).unwrap();
        assert_eq!(exit_of(child.pid), Exit::Code(3));
    }
}

#[test]
fn a_program_begins_its_life_in_its_cgroup() {
    let world = World::new();
    let instance = format!("5{:015x}", std::process::id());
    let mut trees = match Trees::open(&instance, Choice::Cgroup) {
        Ok(trees) => trees,
        Err(error) => {
            assert!(std::env::var_os("PMON3_TEST_CGROUP").is_none(), "{error}");
            return eprintln!("skipped: {error}");
        }
    };
    let leaf = trees.base().unwrap().join("1");
    let mut program = world.script("grep ^0:: /proc/self/cgroup");
    program.credentials = is_root().then(nobody);
    for mut spawner in both_ways() {
        let child = spawner.spawn(&program, &trees.place(1).unwrap()).unwrap();
        assert_eq!(exit_of(child.pid), Exit::Code(0));
        let output = fs::read_to_string(world.path("log")).unwrap();
        assert!(output.ends_with(&format!("/pmon3-{instance}/1\n")), "{output}");

        // Frozen before its first instruction: not even then anybody waits for ever.
        fs::write(leaf.join("cgroup.freeze"), "1").unwrap();
        spawner.patience = Duration::from_millis(50);
        let error = spawner.spawn(&program, &trees.place(1).unwrap()).unwrap_err();
        assert_eq!(error.source.raw_os_error(), Some(libc::ETIMEDOUT));
        fs::write(leaf.join("cgroup.freeze"), "0").unwrap();
        assert!(trees.is_empty(1));
    }

    let place = trees.place(1).unwrap();
    trees.forget(1);
    for mut spawner in both_ways() {
        let error = spawner.spawn(&program, &place).unwrap_err();
        assert_eq!(error.step, Step::Cgroup, "{error}: somebody has removed it");
    }
    drop(place);
    trees.close();
    assert!(!Path::new(&leaf).exists());
}
