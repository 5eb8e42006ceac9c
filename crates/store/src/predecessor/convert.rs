//! The predecessor's rows become records. Whatever cannot stay as it was is changed in one way only, and told.

use super::Inheritance;
use super::names::Names;
use super::read::{Old, OldProcess, Status};
use super::time;
use pmon3_supervisor::{Goal, Group, GroupId, Id, Name, Record, Rest, Run, Spec, User};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// `now` stands in for times that cannot be read.
pub(super) fn convert(old: Old, now: SystemTime) -> Inheritance {
    let names = Names::assign("process", old.processes.iter().map(|p| (p.id, p.name.as_str())));
    let group_names = Names::assign("group", old.groups.iter().map(|g| (g.id, g.name.as_str())));
    let groups: Vec<Group> = old
        .groups
        .iter()
        .zip(group_names.new)
        .map(|(group, name)| Group {
            id: GroupId(group.id),
            name,
            created_at: time::parse(&group.created_at).unwrap_or(now),
        })
        .collect();
    let mut notes: Vec<String> = names.notes.iter().chain(&group_names.notes).cloned().collect();
    notes.extend(running(&old.processes));
    let memberships = Memberships::of(&groups, &old.memberships);
    let records = old
        .processes
        .into_iter()
        .zip(&names.new)
        .map(|(process, name)| {
            let mut conversion = Conversion {
                id: process.id,
                name,
                notes: &mut notes,
            };
            let groups = memberships.of_process(process.id);
            conversion.record(process, groups, &names, now)
        })
        .collect();
    Inheritance { records, groups, notes }
}

/// Its processes are not ours: nobody can say whether a pid is still the program that it was.
fn running(processes: &[OldProcess]) -> Option<String> {
    let running: Vec<String> = processes
        .iter()
        .filter(|p| p.status == Status::Running && p.pid != 0)
        .map(|p| format!("{} (pid {})", p.name, p.pid))
        .collect();
    (!running.is_empty()).then(|| {
        format!(
            "the predecessor had these running when it last wrote: {}; where it was killed instead of stopped, they \
             may run still, beside those started now",
            running.join(", ")
        )
    })
}

/// Which groups each process is in. What points to a group that is gone does not count.
struct Memberships(BTreeMap<u32, BTreeSet<Name>>);

impl Memberships {
    fn of(groups: &[Group], pairs: &[(u32, u32)]) -> Memberships {
        let names: BTreeMap<u32, &Name> = groups.iter().map(|group| (group.id.0, &group.name)).collect();
        let mut of_process: BTreeMap<u32, BTreeSet<Name>> = BTreeMap::new();
        for (process, group) in pairs {
            if let Some(name) = names.get(group) {
                of_process.entry(*process).or_default().insert((*name).clone());
            }
        }
        Memberships(of_process)
    }

    fn of_process(&self, id: u32) -> BTreeSet<Name> {
        self.0.get(&id).cloned().unwrap_or_default()
    }
}

/// The conversion of one process.
struct Conversion<'a> {
    id: u32,
    name: &'a Name,
    notes: &'a mut Vec<String>,
}

impl Conversion<'_> {
    fn note(&mut self, what: &str) {
        self.notes.push(format!("process {} `{}`: {what}", self.id, self.name));
    }

    fn record(&mut self, old: OldProcess, groups: BTreeSet<Name>, names: &Names, now: SystemTime) -> Record {
        let (goal, rest) = match old.status {
            Status::Wanted | Status::Running | Status::Closed => (Goal::Up, Rest::Closed),
            Status::Stopped => (Goal::Down, Rest::Stopped),
            Status::Failed => (Goal::Up, Rest::Failed),
        };
        let created_at = self.time("created_at", &old.created_at);
        let updated_at = self.time("updated_at", &old.updated_at);
        Record {
            id: Id(self.id),
            goal,
            rest,
            run: Run(0),
            live: None,
            restart_count: 0,
            last_exit: None,
            last_error: None,
            created_at: created_at.or(updated_at).unwrap_or(now),
            updated_at: updated_at.or(created_at).unwrap_or(now),
            spec: Arc::new(self.spec(old, groups, names)),
        }
    }

    fn spec(&mut self, old: OldProcess, groups: BTreeSet<Name>, names: &Names) -> Spec {
        let file = self.clean(&old.file);
        let file = self.path("program", file);
        let log = match self.clean(&old.log) {
            log if log.is_empty() => {
                let log = format!("/var/log/pmond/{}.log", self.name);
                self.note(&format!("it had no log file; it is {log} now"));
                log
            }
            log => self.path("log file", log),
        };
        Spec {
            name: self.name.clone(),
            argv0: file.clone(),
            args: self.words("arguments", &old.args),
            env: self.variables(&old.env_vars),
            // As the predecessor did: the directory that the program lies in.
            cwd: Path::new(&file)
                .parent()
                .map_or_else(|| "/".to_owned(), |parent| parent.to_string_lossy().into_owned()),
            user: self.user(&old),
            auto_restart: old.auto_restart,
            dependencies: self.dependencies(&old.dependencies, names),
            groups,
            stop_timeout: None,
            file,
            log,
        }
    }

    /// The predecessor's paths are absolute; where a hand made one relative, it was relative to the root directory,
    /// where a daemon runs.
    fn path(&mut self, what: &str, path: String) -> String {
        if path.starts_with('/') {
            return path;
        }
        self.note(&format!("its {what} {path:?} is taken to be in /"));
        format!("/{path}")
    }

    /// The kernel would cut the text at a NUL byte. What was not UTF-8 was replaced when it was read.
    fn clean(&mut self, text: &str) -> String {
        if text.contains('\0') {
            self.note(&format!("NUL bytes are left out of {text:?}"));
        }
        if text.contains(char::REPLACEMENT_CHARACTER) {
            self.note(&format!("{text:?} held bytes that are not UTF-8, which are lost"));
        }
        text.replace('\0', "")
    }

    fn user(&mut self, old: &OldProcess) -> User {
        let name = match (self.clean(&old.username), old.uid) {
            (name, _) if !name.is_empty() => name,
            (_, 0) => "root".to_owned(),
            (_, uid) => {
                self.note(&format!("it has no user name, only the user id {uid}"));
                uid.to_string()
            }
        };
        User {
            name,
            uid: old.uid,
            gid: old.gid,
        }
    }

    /// Splits as a POSIX shell does. The predecessor split at each blank, and quotes were nothing special to it: where
    /// that makes a difference, it is told.
    fn words(&mut self, what: &str, text: &str) -> Vec<String> {
        let text = self.clean(text);
        let plain: Vec<String> = text
            .split(BLANKS)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        let Some(words) = shell_words(&text) else {
            self.note(&format!(
                "the quotes in its {what} do not match, so they are split at blanks only: {text:?}"
            ));
            return plain;
        };
        if words != plain {
            self.note(&format!(
                "its {what} {text:?} have quotes or backslashes, which are read as a shell reads them now: {words:?}"
            ));
        }
        words
    }

    fn variables(&mut self, text: &str) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for word in self.words("environment variables", text) {
            match word.split_once('=') {
                Some((name, value)) if !name.is_empty() => drop(variables.insert(name.to_owned(), value.to_owned())),
                _ => self.note(&format!(
                    "{word:?} among its environment variables is none, and is left out"
                )),
            }
        }
        variables
    }

    /// Names with a blank between them.
    fn dependencies(&mut self, text: &str, names: &Names) -> Vec<Name> {
        let mut dependencies = Vec::new();
        for old in text.split_whitespace() {
            let name = names.of(old);
            if name == *self.name {
                self.note("it depended on itself, and does not any more");
            } else if !dependencies.contains(&name) {
                if name.as_str() != old {
                    self.note(&format!("it depends on `{name}`, which was {old:?}"));
                }
                dependencies.push(name);
            }
        }
        dependencies
    }

    fn time(&mut self, column: &str, text: &str) -> Option<SystemTime> {
        let time = time::parse(text);
        if time.is_none() {
            self.note(&format!("the time {text:?} in {column} cannot be read"));
        }
        time
    }
}

/// What stands between words.
const BLANKS: [char; 3] = [' ', '\t', '\n'];

/// `None` where quotes do not match.
fn shell_words(text: &str) -> Option<Vec<String>> {
    // In a script `#` would begin a comment. `text` has no NUL.
    let words = shlex::split(&text.replace('#', "\0"))?;
    Some(words.into_iter().map(|word| word.replace('\0', "#")).collect())
}
