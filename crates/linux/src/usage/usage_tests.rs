use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::*;

/// A child with a process group of its own, killed with all of it in the end.
struct Program(Child);

impl Program {
    fn start(script: &str, environment: &[(&str, &str)]) -> Program {
        let child = Command::new("/bin/sh")
            .args(["-c", script])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Program(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Takes samples until one fits.
#[track_caller]
fn sample_until(sampler: &mut Sampler, tree: Tree<'_>, fits: impl Fn(&Usage) -> bool) -> Usage {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let usage = sampler.sample(&[tree]).unwrap()[&tree.id];
        if fits(&usage) {
            return usage;
        }
        assert!(Instant::now() < deadline, "it stays at {usage:?}");
        std::thread::yield_now();
    }
}

fn sampler() -> Sampler {
    Sampler::new("0123456789abcdef").unwrap()
}

#[test]
fn busy_child_of_an_idle_shell_counts_for_the_tree() {
    let program = Program::start("sh -c 'while :; do :; done' & wait", &[]);
    let tree = Tree {
        id: 1,
        main_pid: Some(program.pid()),
        leaf: None,
    };
    let mut sampler = sampler();
    // The first percentage, of a program that has not done anything yet, stands for a while.
    let usage = sample_until(&mut sampler, tree, |usage| {
        usage.cpu_time > Duration::from_millis(200) && usage.cpu_percent > 0.0
    });
    assert!(usage.memory_bytes > 100_000, "{usage:?}");
    // The machine may be busy: more than nothing and at most one CPU, as there is one loop.
    let later = sample_until(&mut sampler, tree, |later| later.cpu_percent != usage.cpu_percent);
    assert!(later.cpu_percent > 0.0 && later.cpu_percent < 110.0, "{later:?}");
}

#[test]
fn memory_of_children_is_added() {
    // The shell itself needs about a megabyte.
    let script = "x=$(head -c 30000000 /dev/zero | tr '\\0' x); echo ready; exec <&-; while :; do sleep 1000; done";
    let program = Program::start(&format!("sh -c \"{script}\" & wait"), &[]);
    let tree = Tree {
        id: 1,
        main_pid: Some(program.pid()),
        leaf: None,
    };
    sample_until(&mut sampler(), tree, |usage| usage.memory_bytes > 30_000_000);
}

#[test]
fn orphan_with_its_own_session_is_found_by_its_mark() {
    // Not an orphan here, but our child outside of the main process's session and group: that is what an orphan looks like.
    let main = Program::start("exec sleep 1000", &[]);
    let busy = "while :; do :; done";
    let marked = Program::start(busy, &[("PMON3_MARK", "0123456789abcdef.7.1.1")]);
    let tree = Tree {
        id: 7,
        main_pid: Some(main.pid()),
        leaf: None,
    };
    sample_until(&mut sampler(), tree, |usage| usage.cpu_time > Duration::from_millis(50));
    let other = Tree { id: 8, ..tree };
    let usage = sampler().sample(&[other]).unwrap()[&8];
    assert!(usage.cpu_time < Duration::from_millis(50), "{usage:?}");
    drop(marked);
}

#[test]
fn nothing_alive_counts_as_nothing() {
    let mut program = Program::start("exit 0", &[]);
    program.0.wait().unwrap();
    let gone = Tree {
        id: 1,
        main_pid: Some(program.pid()),
        leaf: None,
    };
    let never = Tree {
        id: 2,
        main_pid: None,
        leaf: Some(Path::new("/nonexistent")),
    };
    let unknown = Tree {
        id: 3,
        main_pid: None,
        leaf: None,
    };
    let usage = sampler().sample(&[gone, never, unknown]).unwrap();
    assert_eq!(usage.into_values().collect::<Vec<_>>(), [Usage::default(); 3]);
}

#[test]
fn percent_is_that_between_two_samples_of_the_same_run() {
    let start = Instant::now();
    let second = Duration::from_secs(1);
    let first = Reference {
        run: (9, 5),
        at: start,
        counter: Counter::Processes(second),
        cpu_percent: 3.0,
    };
    let later = |run, after, counter| Reference::next(Some(&first), run, start + after, counter);
    let used = Counter::Processes(second * 3);
    assert_eq!(later((9, 5), second * 4, used).unwrap().cpu_percent, 50.0);
    assert_eq!(later((9, 5), second * 4, used).unwrap().at, start + second * 4);
    // Too soon to say, and too little to go by.
    assert_eq!(later((9, 5), second / 10, used), Some(first));
    // Another run, and another way of counting.
    assert_eq!(later((9, 6), second * 4, used), None);
    assert_eq!(later((9, 5), second * 4, Counter::Cgroup(second * 3)), None);
    assert_eq!(Reference::next(None, (9, 5), start, used), None);
    // A counter that went back: a process has left the tree.
    assert_eq!(
        later((9, 5), second * 4, Counter::Processes(Duration::ZERO))
            .unwrap()
            .cpu_percent,
        0.0
    );
}

#[test]
fn main_process_names_the_run_wherever_it_comes() {
    let process = |pid, start_ticks| {
        (
            pid,
            Stat {
                state: b'S',
                ppid: 0,
                group: 0,
                session: 0,
                cpu_ticks: 1,
                threads: 1,
                flags: 0,
                start_ticks,
                pages: 1,
                exit_status: 0,
            },
        )
    };
    let (old, main, young) = (process(3, 10), process(2, 20), process(1, 30));
    for order in [[old, main, young], [main, young, old], [young, old, main]] {
        let mut sum = Sum::default();
        order.iter().for_each(|(pid, stat)| sum.add(*pid, stat, Some(2)));
        assert_eq!((sum.run, sum.members, sum.cpu), (Some((2, 20)), 3, 3));
        let mut sum = Sum::default();
        order.iter().for_each(|(pid, stat)| sum.add(*pid, stat, None));
        assert_eq!(sum.run, Some((3, 10)), "the oldest stands in");
    }
}

#[test]
fn ticks_become_time_without_loss() {
    let second = clock_ticks_per_second();
    assert_eq!(ticks(second * 5), Duration::from_secs(5));
    assert_eq!(ticks(second / 2), Duration::from_millis(500));
}

/// A cgroup of its own below ours, removed in the end; `None` where none can be made.
struct Cgroup(PathBuf);

impl Cgroup {
    fn make(name: &str) -> Option<Cgroup> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mount = mounts
            .lines()
            .find(|line| line.contains(" - cgroup2 "))?
            .split(' ')
            .nth(4)?;
        let own = fs::read_to_string("/proc/self/cgroup").unwrap();
        let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let path = Path::new(mount)
            .join(own)
            .join(format!("pmon3-test-{name}-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        Some(Cgroup(path))
    }

    fn below(&self, name: &str) -> Cgroup {
        fs::create_dir(self.0.join(name)).unwrap();
        Cgroup(self.0.join(name))
    }

    fn take(&self, program: &Program) {
        fs::write(self.0.join("cgroup.procs"), program.pid().to_string()).unwrap();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
        // Empty once the killed ones have been reaped, those without a parent by init.
        let deadline = Instant::now() + Duration::from_secs(20);
        while fs::remove_dir(&self.0).is_err_and(|e| e.kind() == io::ErrorKind::ResourceBusy) {
            assert!(
                Instant::now() < deadline || std::thread::panicking(),
                "{} stays",
                self.0.display()
            );
            std::thread::yield_now();
        }
    }
}

#[test]
fn cgroup_counts_all_its_members_and_those_of_cgroups_below() {
    let Some(cgroup) = Cgroup::make("usage") else {
        return eprintln!("skipped, needs a cgroup: cgroup_counts_all_its_members_and_those_of_cgroups_below");
    };
    let below = cgroup.below("below");
    let idle = Program::start("exec sleep 1000", &[]);
    let busy = Program::start("while :; do :; done", &[]);
    cgroup.take(&idle);
    let tree = Tree {
        id: 1,
        main_pid: Some(idle.pid()),
        leaf: Some(&cgroup.0),
    };
    let mut sampler = sampler();
    let alone = sample_until(&mut sampler, tree, |usage| usage.memory_bytes > 0);
    below.take(&busy);
    let both = sample_until(&mut sampler, tree, |usage| usage.cpu_time > Duration::from_millis(100));
    assert!(both.memory_bytes > alone.memory_bytes, "{alone:?} {both:?}");
    let later = sample_until(&mut sampler, tree, |usage| usage.cpu_percent > 1.0);
    assert!(later.cpu_percent < 110.0, "{later:?}");
    drop((idle, busy));
    drop(below);
}
