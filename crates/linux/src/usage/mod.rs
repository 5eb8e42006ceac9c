//! CPU time and memory of whole trees of processes.
//!
//! What each process uses is in its `/proc/PID/stat`. Which ones belong to a tree its cgroup knows; without one, all processes
//! of the host are read in one pass, however many trees there are.

mod descent;
mod reader;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::time::{ClockId, clock_gettime};

use descent::Descent;
use reader::Reader;

use crate::proc::Stat;

/// Counters of single processes advance in steps of 10 ms: over less than this they say nothing.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(500);

/// A former sample that is older than this is forgotten: it says little about now, and its tree may be gone for good.
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);

/// A tree to be measured.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'a> {
    /// Whose tree it is: the number in the mark of its processes, and the key of the answer.
    pub id: u32,
    /// Its main process.
    pub main_pid: Option<u32>,
    /// The directory of its cgroup, where there is one.
    pub leaf: Option<&'a Path>,
}

/// What a tree uses. All zero when nothing of it is alive, or may be read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time of its processes, and of the children that they have waited for.
    pub cpu_time: Duration,
    /// 100 is one CPU, fully used. Since the former sample of this run, or since its start if there was none.
    pub cpu_percent: f64,
    /// Resident memory: what each process has for itself, plus the largest mapped part of any (shared memory, program and libraries),
    /// since the processes of a tree mostly map the same. So the workers of a database do not count its cache once each.
    pub memory_bytes: u64,
}

/// Takes samples, and remembers the last one of each tree.
#[derive(Debug)]
pub struct Sampler {
    reader: Reader,
    descent: Descent,
    found: Vec<Member>,
    references: BTreeMap<u32, Reference>,
}

/// A process, and the index of the tree that it belongs to.
#[derive(Clone, Copy, Debug)]
struct Member {
    tree: usize,
    pid: u32,
    stat: Stat,
}

/// A former sample of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Reference {
    /// Pid and start time of the main process.
    run: (u32, u64),
    at: Instant,
    counter: Counter,
    cpu_percent: f64,
}

/// CPU time to be compared with a later one of the same kind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Counter {
    /// Of the cgroup: exact, but over all runs that it has seen.
    Cgroup(Duration),
    /// Of its processes: loses those that nobody in the tree has waited for.
    Processes(Duration),
}

impl Sampler {
    /// A sampler for the trees of one instance of the daemon, the one that its marks name.
    pub fn new(instance: &str) -> io::Result<Sampler> {
        Ok(Sampler {
            reader: Reader::open()?,
            descent: Descent::new(instance),
            found: Vec::new(),
            references: BTreeMap::new(),
        })
    }

    /// Measures all these trees. A process that ends meanwhile or that we may not see counts as nothing. Leave out trees that
    /// are known to be empty: a single one without a cgroup makes this look at all processes of the host.
    ///
    /// # Errors
    /// When `/proc` itself cannot be read.
    pub fn sample(&mut self, trees: &[Tree<'_>]) -> io::Result<BTreeMap<u32, Usage>> {
        self.found.clear();
        for (index, tree) in trees.iter().enumerate() {
            if let Some(leaf) = tree.leaf {
                self.find_in_cgroup(index, leaf);
            }
        }
        if trees.iter().any(|tree| tree.leaf.is_none()) {
            self.descent.find(&mut self.reader, trees, &mut self.found)?;
        }
        let sums = self.add_up(trees);
        let now = Moment {
            at: Instant::now(),
            since_boot: since_boot(),
        };
        self.references
            .retain(|_, reference| now.at.duration_since(reference.at) < LONGEST_INTERVAL);
        Ok(trees
            .iter()
            .zip(&sums)
            .map(|(tree, sum)| (tree.id, self.conclude(tree, sum, now)))
            .collect())
    }

    /// All processes in a cgroup and those below it, which programs may make.
    fn find_in_cgroup(&mut self, tree: usize, leaf: &Path) {
        let mut waiting = vec![leaf.to_owned()];
        while let Some(directory) = waiting.pop() {
            for pid in self.reader.cgroup_members(&directory.join("cgroup.procs")) {
                // What cannot be read any more has ended.
                self.found
                    .extend(self.reader.stat(pid).map(|stat| Member { tree, pid, stat }));
            }
            // A directory has two links, and one more for each that it contains.
            let parents = fs::metadata(&directory).is_ok_and(|metadata| metadata.nlink() > 2);
            let below = parents.then(|| fs::read_dir(&directory).ok()).flatten();
            for entry in below.into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    waiting.push(entry.path());
                }
            }
        }
    }

    fn add_up(&mut self, trees: &[Tree<'_>]) -> Vec<Sum> {
        let mut sums = vec![Sum::default(); trees.len()];
        for Member { tree, pid, stat } in &self.found {
            sums[*tree].add(*pid, stat, trees[*tree].main_pid);
        }
        for Member { tree, pid, stat } in &self.found {
            let sum = &mut sums[*tree];
            if sum.members == 1 {
                sum.private = stat.pages;
            } else if let Some((resident, mapped)) = self.reader.memory(*pid) {
                sum.private += resident.saturating_sub(mapped);
                sum.mapped = sum.mapped.max(mapped);
            }
        }
        sums
    }

    fn conclude(&mut self, tree: &Tree<'_>, sum: &Sum, now: Moment) -> Usage {
        let Some(run) = sum.run else {
            self.references.remove(&tree.id);
            return Usage::default();
        };
        let cpu_time = ticks(sum.cpu);
        let counter = tree
            .leaf
            .and_then(|leaf| self.reader.cgroup_cpu_time(&leaf.join("cpu.stat")))
            .map_or(Counter::Processes(cpu_time), Counter::Cgroup);
        let lifetime = now.since_boot.saturating_sub(ticks(run.1));
        let former = self.references.get(&tree.id);
        let reference = Reference::next(former, run, now.at, counter).unwrap_or(Reference {
            run,
            at: now.at,
            counter,
            cpu_percent: percent(cpu_time, lifetime),
        });
        self.references.insert(tree.id, reference);
        let memory_bytes = (sum.private + sum.mapped) * page_size() as u64;
        Usage {
            cpu_time,
            cpu_percent: reference.cpu_percent,
            memory_bytes,
        }
    }
}

/// Now, on two clocks: for intervals, and for what the kernel counts since boot.
#[derive(Clone, Copy)]
struct Moment {
    at: Instant,
    since_boot: Duration,
}

/// What the processes of a tree use together: ticks and pages.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    members: usize,
    /// The main process; the oldest one while that is not among them.
    run: Option<(u32, u64)>,
    has_main: bool,
    cpu: u64,
    private: u64,
    mapped: u64,
}

impl Sum {
    fn add(&mut self, pid: u32, stat: &Stat, main_pid: Option<u32>) {
        self.members += 1;
        self.cpu += stat.cpu_ticks;
        let is_main = Some(pid) == main_pid;
        let is_older = !self.has_main && self.run.is_none_or(|(_, start)| stat.start_ticks < start);
        if is_main || is_older {
            self.run = Some((pid, stat.start_ticks));
            self.has_main |= is_main;
        }
    }
}

impl Reference {
    /// The sample to keep from now on; `None` if the former one says nothing about this run.
    fn next(former: Option<&Reference>, run: (u32, u64), now: Instant, counter: Counter) -> Option<Reference> {
        let former = former.filter(|former| former.run == run)?;
        let used = match (counter, former.counter) {
            (Counter::Cgroup(now), Counter::Cgroup(then)) => now.saturating_sub(then),
            (Counter::Processes(now), Counter::Processes(then)) => now.saturating_sub(then),
            _ => return None,
        };
        let passed = now.saturating_duration_since(former.at);
        if passed < SHORTEST_INTERVAL {
            return Some(*former);
        }
        Some(Reference {
            run,
            at: now,
            counter,
            cpu_percent: percent(used, passed),
        })
    }
}

fn percent(used: Duration, passed: Duration) -> f64 {
    if passed.is_zero() {
        0.0
    } else {
        100.0 * used.as_secs_f64() / passed.as_secs_f64()
    }
}

fn ticks(count: u64) -> Duration {
    let per_second = clock_ticks_per_second().max(1);
    Duration::from_secs(count / per_second) + Duration::from_secs(count % per_second) / per_second as u32
}

fn since_boot() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
