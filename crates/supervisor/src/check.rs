//! Whether a request can be granted, and what it then means: nothing here changes anything.

use crate::effect::Effect;
use crate::event::{Caller, InitScope, Now, Refusal, Request, Which};
use crate::order;
use crate::process::{Context, Phase, Process};
use crate::record::{Change, Goal, Group, Record};
use crate::request::{Order, Plan, Step};
use crate::spec::{GroupId, Id, Name, Selector, Spec};
use crate::supervisor::Supervisor;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Supervisor {
    pub(crate) fn check(&self, caller: &Caller, request: Request, now: Now) -> Result<Plan, Refusal> {
        match request {
            Request::Exec(spec) => self.check_exec(caller, spec, now),
            Request::Init { entries, scope } => self.check_init(caller, &entries, scope, now),
            Request::Restart { which, force } => self.check_order(caller, &which, Order::Restart { force }, now),
            Request::Stop { which, force } => self.check_order(caller, &which, Order::Stop { force }, now),
            Request::Delete { which, force } => self.check_order(caller, &which, Order::Delete { force }, now),
            Request::Reset(which) => self.check_order(caller, &which, Order::Reset, now),
            Request::CreateGroup(name) => self.check_create_group(name, now),
            Request::DeleteGroups(groups) => self.check_delete_groups(caller, &groups),
            Request::Assign { groups, processes } => {
                self.check_members(caller, &groups, &processes, |of, group| of.insert(group))
            }
            Request::Unassign { groups, processes } => {
                self.check_members(caller, &groups, &processes, |of, group| of.remove(&group))
            }
        }
    }

    fn check_exec(&self, caller: &Caller, spec: Arc<Spec>, now: Now) -> Result<Plan, Refusal> {
        if let Some(id) = self.known.id_of(&spec.name) {
            return Err(Refusal::NameTaken(spec.name.clone(), id));
        }
        self.check_user(caller, &spec)?;
        let entries = BTreeMap::from([(&spec.name, &spec)]);
        self.check_cycle(&entries)?;
        let mut plan = Plan::default();
        plan.accepted
            .warnings
            .extend(self.unknown_dependencies(&spec, &entries));
        self.plan_groups(&mut plan, &entries, now);
        let id = self.free_ids(1)[0];
        plan.insert(Process::new(id, spec.clone(), self.known.retired(), now));
        Ok(plan)
    }

    fn check_init(&self, caller: &Caller, entries: &[Arc<Spec>], scope: InitScope, now: Now) -> Result<Plan, Refusal> {
        let mut named: BTreeMap<&Name, &Arc<Spec>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut plan = Plan::default();
        for spec in entries {
            if !seen.insert(&spec.name) {
                return Err(Refusal::NamedTwice(spec.name.clone()));
            }
            match self.known.by_name(&spec.name) {
                None => self.check_user(caller, spec)?,
                Some(_) if scope == InitScope::NewEntries => continue,
                Some(process) if process.goal == Goal::Gone => {
                    let name = &spec.name;
                    plan.warn(format!(
                        "process `{name}` is still being deleted: run init again when it is gone"
                    ));
                    continue;
                }
                Some(process) => {
                    self.check_manage(caller, process)?;
                    if process.spec.user != spec.user {
                        self.check_user(caller, spec)?;
                    }
                }
            }
            named.insert(&spec.name, spec);
        }
        self.check_cycle(&named)?;
        self.plan_groups(&mut plan, &named, now);
        let mut free = self.free_ids(entries.len()).into_iter();
        for spec in entries.iter().filter(|spec| named.contains_key(&spec.name)) {
            plan.accepted.warnings.extend(self.unknown_dependencies(spec, &named));
            match self.known.by_name(&spec.name) {
                Some(process) => self.plan_entry(&mut plan, process, spec, now),
                None => {
                    if let Some(id) = free.next() {
                        plan.insert(Process::new(id, spec.clone(), self.known.retired(), now));
                    }
                }
            }
        }
        if scope == InitScope::Everything {
            for process in self
                .known
                .iter()
                .filter(|process| !named.contains_key(&process.spec.name))
            {
                let rests = matches!(process.phase, Phase::Resting(_)) || process.goal == Goal::Down;
                if rests && process.goal != Goal::Gone && self.policy.may_manage(caller, &process.spec) {
                    self.plan_order(&mut plan, process, Order::Start, now);
                }
            }
        }
        Ok(plan)
    }

    /// An entry of a process that is known: changed fields are taken over, and it is started if it does not run.
    fn plan_entry(&self, plan: &mut Plan, process: &Process, spec: &Arc<Spec>, now: Now) {
        let mut after = process.clone();
        if process.spec != *spec {
            after.spec = spec.clone();
            plan.steps.push(Step::Replace(process.id, spec.clone()));
            let late = late_fields(&process.spec, spec);
            if process.is_up() && !late.is_empty() {
                let (name, late) = (&spec.name, late.join(", "));
                plan.warn(format!(
                    "process `{name}` is running: its new {late} will take effect with its next restart"
                ));
            }
        }
        let record = self.rehearse(after, Order::Start, now);
        if record != process.record() {
            plan.changes.push(Change::Put(Box::new(record)));
        }
        plan.steps.push(Step::Order(process.id, Order::Start));
        plan.accepted.ids.push(process.id);
    }

    fn check_order(&self, caller: &Caller, which: &Which, order: Order, now: Now) -> Result<Plan, Refusal> {
        let mut plan = Plan::default();
        for process in self.select(caller, which, order)? {
            self.plan_order(&mut plan, process, order, now);
        }
        Ok(plan)
    }

    fn plan_order(&self, plan: &mut Plan, process: &Process, order: Order, now: Now) {
        let record = self.rehearse(process.clone(), order, now);
        plan.changes.push(Change::Put(Box::new(record)));
        plan.steps.push(Step::Order(process.id, order));
        plan.accepted.ids.push(process.id);
    }

    /// What is written before an order is given: what the process will remember after it.
    fn rehearse(&self, mut process: Process, order: Order, now: Now) -> Record {
        let rests = matches!(process.phase, Phase::Resting(_));
        let calls_back =
            matches!(order, Order::Restart { .. }) || (matches!(order, Order::Start) && process.goal == Goal::Down);
        let mut unheard: Vec<Effect> = Vec::new();
        let mut ctx = Context {
            now,
            policy: &self.policy,
            out: &mut unheard,
        };
        order.give(&mut process, &mut ctx);
        let mut record = process.record();
        if calls_back && !rests {
            // Whatever it does now: when this is written it may run, and that run will be ended for another one.
            record.goal = Goal::Again;
        }
        record
    }

    // ---- groups ----

    fn check_create_group(&self, name: Name, now: Now) -> Result<Plan, Refusal> {
        if self.groups.has(&name) {
            return Err(Refusal::GroupExists(name));
        }
        let mut plan = Plan::default();
        if let Some(id) = self.groups.free_ids().next() {
            plan.put_group(Group {
                id,
                name,
                created_at: now.wall,
            });
        }
        Ok(plan)
    }

    fn check_delete_groups(&self, caller: &Caller, selectors: &[Selector]) -> Result<Plan, Refusal> {
        let groups = self.find_groups(selectors)?;
        let mut plan = Plan::default();
        for process in self.known.iter() {
            let left: BTreeSet<Name> = process
                .spec
                .groups
                .iter()
                .filter(|g| !groups.contains_key(g))
                .cloned()
                .collect();
            if left.len() < process.spec.groups.len() {
                self.check_manage(caller, process)?;
                plan.regroup(process, left);
            }
        }
        for group in groups.into_values() {
            plan.changes.push(Change::ForgetGroup(group.id));
            plan.steps.push(Step::ForgetGroup(group.id));
        }
        Ok(plan)
    }

    fn check_members(
        &self,
        caller: &Caller,
        groups: &[Selector],
        processes: &[Selector],
        change: impl Fn(&mut BTreeSet<Name>, Name) -> bool,
    ) -> Result<Plan, Refusal> {
        let groups = self.find_groups(groups)?;
        let mut plan = Plan::default();
        for process in self.select(caller, &Which::These(processes.to_vec()), Order::Reset)? {
            let mut of = process.spec.groups.clone();
            for name in groups.keys() {
                change(&mut of, (*name).clone());
            }
            if of != process.spec.groups {
                plan.regroup(process, of);
            }
            plan.accepted.ids.push(process.id);
        }
        Ok(plan)
    }

    /// Which group a person means.
    ///
    /// # Errors
    /// [`Refusal::NoSuchGroup`], with the nearest name there is.
    pub fn find_group(&self, selector: &Selector) -> Result<GroupId, Refusal> {
        let found = self.find_groups(std::slice::from_ref(selector))?;
        let id = found.into_values().next().map(|group| group.id);
        id.ok_or_else(|| Refusal::NoSuchGroup(selector.clone(), None))
    }

    fn find_groups(&self, selectors: &[Selector]) -> Result<BTreeMap<&Name, &Group>, Refusal> {
        let find = |selector| match self.groups.find(selector) {
            Some(group) => Ok((&group.name, group)),
            None => Err(Refusal::NoSuchGroup(
                selector.clone(),
                nearest_to(selector, self.groups.names()),
            )),
        };
        selectors.iter().map(find).collect()
    }

    /// Groups that entries name and nobody has made are made with them.
    fn plan_groups(&self, plan: &mut Plan, entries: &BTreeMap<&Name, &Arc<Spec>>, now: Now) {
        let wanted: BTreeSet<&Name> = entries.values().flat_map(|spec| &spec.groups).collect();
        let missing = wanted.into_iter().filter(|name| !self.groups.has(name));
        for (id, name) in self.groups.free_ids().zip(missing) {
            plan.put_group(Group {
                id,
                name: name.clone(),
                created_at: now.wall,
            });
        }
    }

    // ---- who is meant, and may the caller? ----

    /// The processes that an order is about, by id.
    fn select(&self, caller: &Caller, which: &Which, order: Order) -> Result<Vec<&Process>, Refusal> {
        // One that is being deleted can be hurried, but not be called back.
        let heeds = |process: &Process| {
            process.goal != Goal::Gone || matches!(order, Order::Stop { .. } | Order::Delete { .. })
        };
        let mut chosen: BTreeMap<Id, &Process> = BTreeMap::new();
        match which {
            Which::All => {
                let mine = self
                    .known
                    .iter()
                    .filter(|process| self.policy.may_manage(caller, &process.spec));
                chosen.extend(
                    mine.filter(|process| heeds(process))
                        .map(|process| (process.id, process)),
                );
            }
            Which::These(selectors) => {
                for selector in selectors {
                    let process = self.known.get(self.find(selector)?).filter(|process| heeds(process));
                    let process = process.ok_or_else(|| self.no_such_process(selector))?;
                    self.check_manage(caller, process)?;
                    chosen.insert(process.id, process);
                }
            }
            Which::Groups(selectors) => {
                let groups = self.find_groups(selectors)?;
                let is_member = |process: &&Process| process.spec.groups.iter().any(|name| groups.contains_key(name));
                for process in self.known.iter().filter(is_member).filter(|process| heeds(process)) {
                    self.check_manage(caller, process)?;
                    chosen.insert(process.id, process);
                }
            }
        }
        Ok(chosen.into_values().collect())
    }

    pub(crate) fn no_such_process(&self, selector: &Selector) -> Refusal {
        // One that is being deleted is not there any more for who asks, perhaps for that very one.
        let there = self.known.iter().filter(|process| process.goal != Goal::Gone);
        let names = there.map(|process| &process.spec.name);
        Refusal::NoSuchProcess(selector.clone(), nearest_to(selector, names))
    }

    fn check_manage(&self, caller: &Caller, process: &Process) -> Result<(), Refusal> {
        let spec = &process.spec;
        let may = self.policy.may_manage(caller, spec);
        may.then_some(())
            .ok_or_else(|| Refusal::NotYours(spec.name.clone(), spec.user.name.clone()))
    }

    fn check_user(&self, caller: &Caller, spec: &Spec) -> Result<(), Refusal> {
        let may = self.policy.may_run_as(caller, spec.user.uid);
        may.then_some(())
            .ok_or_else(|| Refusal::MayNotRunAs(spec.user.name.clone()))
    }

    // ---- dependencies ----

    /// A cycle that these entries would close goes through one of them.
    fn check_cycle(&self, entries: &BTreeMap<&Name, &Arc<Spec>>) -> Result<(), Refusal> {
        let needs = |name: &Name| {
            let spec = entries
                .get(name)
                .copied()
                .or_else(|| self.known.by_name(name).map(|process| &process.spec));
            spec.map(|spec| spec.dependencies.as_slice())
        };
        order::cycle_from(entries.keys().copied(), needs).map_or(Ok(()), |names| Err(Refusal::DependencyCycle(names)))
    }

    fn unknown_dependencies(&self, spec: &Spec, entries: &BTreeMap<&Name, &Arc<Spec>>) -> Vec<String> {
        let is_unknown = |name: &&Name| !entries.contains_key(name) && self.known.id_of(name).is_none();
        let name = &spec.name;
        let warning =
            |other| format!("process `{name}` depends on `{other}`, which does not exist: it does not wait for it");
        let unknown: BTreeSet<&Name> = spec.dependencies.iter().filter(is_unknown).collect();
        unknown.into_iter().map(warning).collect()
    }

    /// In which order processes are queued, and in which they would be started. `entries`: those of a process
    /// configuration; with [`InitScope::Entries`] nothing else counts.
    ///
    /// # Errors
    /// [`Refusal::DependencyCycle`], if an `init` with these entries would be refused for that.
    pub fn start_order(&self, entries: &[Arc<Spec>], scope: InitScope) -> Result<(Vec<Name>, Vec<Name>), Refusal> {
        let named: BTreeMap<&Name, &Arc<Spec>> = entries.iter().map(|spec| (&spec.name, spec)).collect();
        let known = self
            .known
            .iter()
            .map(|process| &process.spec)
            .filter(|_| scope != InitScope::Entries);
        let others = entries
            .iter()
            .filter(|spec| scope == InitScope::Entries || self.known.id_of(&spec.name).is_none());
        let mut graph = order::Graph::new();
        let mut queue: Vec<Name> = Vec::new();
        for spec in known.chain(others) {
            let spec = named.get(&spec.name).copied().unwrap_or(spec);
            if graph.insert(&spec.name, &spec.dependencies).is_none() {
                queue.push(spec.name.clone());
            }
        }
        if let Some(names) = order::cycle(&graph) {
            return Err(Refusal::DependencyCycle(names));
        }
        let by_dependency = order::start_order(&queue, &graph);
        Ok((queue, by_dependency))
    }

    // ---- ids ----

    /// So many numbers that no process has: the smallest above all that are in use, unless there are none above.
    fn free_ids(&self, count: usize) -> Vec<Id> {
        let last = self.known.last_id().0;
        let above = (last..u32::MAX).map(|id| Id(id + 1));
        let gaps = (1..last).map(Id).filter(|id| self.known.get(*id).is_none());
        above.chain(gaps).take(count).collect()
    }
}

impl Plan {
    fn warn(&mut self, warning: String) {
        self.accepted.warnings.push(warning);
    }

    fn insert(&mut self, process: Process) {
        self.accepted.ids.push(process.id);
        self.changes.push(Change::Put(Box::new(process.record())));
        self.steps.push(Step::Insert(Box::new(process)));
    }

    fn put_group(&mut self, group: Group) {
        self.changes.push(Change::PutGroup(group.clone()));
        self.steps.push(Step::PutGroup(group));
    }

    fn regroup(&mut self, process: &Process, groups: BTreeSet<Name>) {
        let spec = Arc::new(Spec {
            groups,
            ..Spec::clone(&process.spec)
        });
        let record = Record {
            spec: spec.clone(),
            ..process.record()
        };
        self.changes.push(Change::Put(Box::new(record)));
        self.steps.push(Step::Replace(process.id, spec));
    }
}

/// The fields that a program gets when it starts, as far as they differ.
fn late_fields(old: &Spec, new: &Spec) -> Vec<&'static str> {
    let fields = [
        ("file", old.file != new.file || old.argv0 != new.argv0),
        ("args", old.args != new.args),
        ("env_vars", old.env != new.env),
        ("user", old.user != new.user),
        ("log", old.log != new.log),
        ("cwd", old.cwd != new.cwd),
    ];
    fields
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(field, _)| field)
        .collect()
}

fn nearest_to<'a>(selector: &Selector, names: impl Iterator<Item = &'a Name>) -> Option<Name> {
    match selector {
        Selector::Id(_) => None,
        Selector::Name(name) => crate::nearest::nearest(name, names).cloned(),
    }
}
