//! Everything about processes: shown, started, stopped, forgotten.

use super::answer::{ApiError, Body, json};
use super::{Api, flag, query_pairs};
use http::{Response, StatusCode};
use pmon3_api::{ActionRequest, ExecRequest, OrderView, Outcome, ProcessView};
use pmon3_supervisor::{Accepted, Caller, Exit, Id, InitScope, Problem, Refusal, Request, Selector, View, Which};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

// ---- shown ----

/// `GET /v1/processes`
pub(crate) async fn list(api: &Rc<Api>, caller: &Caller, query: &str) -> Result<Response<Body>, ApiError> {
    let mut with_usage = true;
    for (key, value) in query_pairs(query)? {
        match key.as_str() {
            "usage" => with_usage = flag(&key, &value)?,
            other => return Err(ApiError::bad(format!("there is no query `{other}` here")).hint("`usage` is one")),
        }
    }
    Ok(json(StatusCode::OK, &views(api, caller, with_usage).await?))
}

/// `GET /v1/processes/{one}`
pub(crate) async fn one(api: &Rc<Api>, caller: &Caller, one: &str) -> Result<Response<Body>, ApiError> {
    let view = look_up(api, one).await?;
    let shown = shown(api, caller, vec![view], true).pop();
    shown
        .map(|view| json(StatusCode::OK, &view))
        .ok_or_else(|| ApiError::internal("the process vanished"))
}

/// The process that an id or a name means.
pub(crate) async fn look_up(api: &Rc<Api>, one: &str) -> Result<View, ApiError> {
    let selector = selector(one)?;
    let found = api
        .mailbox
        .look(move |supervisor| {
            supervisor.find(&selector).and_then(|id| {
                supervisor
                    .view(id)
                    .ok_or(Refusal::NoSuchProcess(Selector::Id(id), None))
            })
        })
        .await?;
    Ok(found?)
}

async fn views(api: &Rc<Api>, caller: &Caller, with_usage: bool) -> Result<Vec<ProcessView>, ApiError> {
    let views = api.mailbox.look(|supervisor| supervisor.views()).await?;
    Ok(shown(api, caller, views, with_usage))
}

fn shown(api: &Rc<Api>, caller: &Caller, views: Vec<View>, with_usage: bool) -> Vec<ProcessView> {
    let policy = api.configuration.borrow().policy();
    let usage = if with_usage {
        api.usage.borrow_mut().measure(&views)
    } else {
        Vec::new()
    };
    views
        .into_iter()
        .enumerate()
        .map(|(place, view)| {
            let used = usage.get(place).copied().unwrap_or_default();
            let sees_all = policy.may_manage(caller, &view.spec);
            let spec = &view.spec;
            let (exit_code, signal) = exit_fields(view.last_exit);
            ProcessView {
                id: view.id.0,
                name: spec.name.to_string(),
                pid: view.pid,
                status: view.status.as_str().to_owned(),
                restart_count: view.restart_count,
                user: spec.user.name.clone(),
                uid: spec.user.uid,
                gid: spec.user.gid,
                process_file: spec.file.clone(),
                args: if sees_all { spec.args.clone() } else { Vec::new() },
                env_vars: if sees_all { spec.env.clone() } else { Default::default() },
                cwd: spec.cwd.clone(),
                log: spec.log.clone(),
                stop_timeout: spec.stop_timeout.map(|timeout| timeout.as_secs_f64()),
                withheld: !sees_all,
                auto_restart: spec.auto_restart,
                dependencies: spec.dependencies.iter().map(ToString::to_string).collect(),
                groups: spec.groups.iter().map(ToString::to_string).collect(),
                cpu_percent: used.cpu_percent,
                memory_bytes: used.memory_bytes,
                created_at: rfc3339(view.created_at),
                updated_at: rfc3339(view.updated_at),
                started_at: view.started_at.map(rfc3339),
                exit_code,
                signal,
                // Its text may quote arguments' files; what it says of others' is nobody's business.
                error: if sees_all { view.last_error } else { None },
            }
        })
        .collect()
}

/// Exit code and signal of an end, of which at most one is there.
pub(crate) fn exit_fields(exit: Option<Exit>) -> (Option<i32>, Option<i32>) {
    match exit {
        Some(Exit::Code(code)) => (Some(code), None),
        Some(Exit::Signal(signal)) => (None, Some(signal)),
        Some(Exit::Unknown) | None => (None, None),
    }
}

/// A time as RFC 3339 in UTC; what lies outside of the years that it can write becomes its nearest.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string()
}

/// `GET /v1/dgraph`
pub(crate) async fn order(api: &Rc<Api>, query: &str) -> Result<Response<Body>, ApiError> {
    let mut entries_only = false;
    for (key, value) in query_pairs(query)? {
        match key.as_str() {
            "process_config_only" => entries_only = flag(&key, &value)?,
            other => {
                let error = ApiError::bad(format!("there is no query `{other}` here"));
                return Err(error.hint("`process_config_only` is one"));
            }
        }
    }
    let entries = {
        let configuration = api.configuration.borrow();
        let entries = configuration
            .entries()
            .map_err(|error| ApiError::bad(error.to_string()))?;
        // Nothing is started: whom they would run as does not matter to whoever looks at the order.
        let owner = Caller {
            uid: api.makings.owner_uid(),
            gids: Vec::new(),
        };
        api.makings
            .specs_of_entries(&entries, &owner, &configuration.policy(), configuration.settings())?
    };
    let scope = if entries_only {
        InitScope::Entries
    } else {
        InitScope::Everything
    };
    let (queue, ordered) = api
        .mailbox
        .look(move |supervisor| supervisor.start_order(&entries, scope))
        .await??;
    let text = |names: Vec<pmon3_supervisor::Name>| names.iter().map(ToString::to_string).collect();
    Ok(json(
        StatusCode::OK,
        &OrderView {
            queue_order: text(queue),
            dependency_order: text(ordered),
        },
    ))
}

// ---- done ----

/// `POST /v1/processes`
pub(crate) async fn exec(api: &Rc<Api>, caller: Caller, body: ExecRequest) -> Result<Response<Body>, ApiError> {
    let wait = body.wait_ms;
    let spec = {
        let configuration = api.configuration.borrow();
        let policy = configuration.policy();
        api.makings
            .spec_of_exec(body, &caller, &policy, configuration.settings())?
    };
    act(
        api,
        caller,
        Request::Exec(Arc::new(spec)),
        wait,
        StatusCode::CREATED,
        Vec::new(),
    )
    .await
}

/// All requests that do one thing to the processes they name: `restart`, `stop`, `reset`, `DELETE`, `kill`, `drop`, alone
/// or by group.
pub(crate) async fn act_on(
    api: &Rc<Api>,
    caller: Caller,
    which: Which,
    deed: fn(Which, bool) -> Request,
    body: ActionRequest,
) -> Result<Response<Body>, ApiError> {
    act(
        api,
        caller,
        deed(which, body.force),
        body.wait_ms,
        StatusCode::OK,
        Vec::new(),
    )
    .await
}

/// What [`act_on`] can do. `force`: by SIGKILL at once.
pub(crate) mod deed {
    use pmon3_supervisor::{Request, Which};

    pub(crate) fn restart(which: Which, force: bool) -> Request {
        Request::Restart { which, force }
    }

    pub(crate) fn stop(which: Which, force: bool) -> Request {
        Request::Stop { which, force }
    }

    pub(crate) fn delete(which: Which, force: bool) -> Request {
        Request::Delete { which, force }
    }

    pub(crate) fn reset(which: Which, _: bool) -> Request {
        Request::Reset(which)
    }
}

/// `POST /v1/init`
pub(crate) async fn init(api: &Rc<Api>, caller: Caller, body: ActionRequest) -> Result<Response<Body>, ApiError> {
    let (entries, warnings) = {
        let configuration = api.configuration.borrow();
        let entries = configuration
            .entries()
            .map_err(|error| ApiError::bad(error.to_string()))?;
        let policy = configuration.policy();
        let specs = api
            .makings
            .specs_of_entries(&entries, &caller, &policy, configuration.settings())?;
        (specs, entries.warnings)
    };
    let scope = if body.process_config_only {
        InitScope::Entries
    } else {
        InitScope::Everything
    };
    act(
        api,
        caller,
        Request::Init { entries, scope },
        body.wait_ms,
        StatusCode::OK,
        warnings,
    )
    .await
}

/// Hands a request to the owner, waits for what it causes, and tells what became of it. `told`: what the caller should know
/// already.
pub(crate) async fn act(
    api: &Rc<Api>,
    caller: Caller,
    request: Request,
    wait_ms: Option<u64>,
    done: StatusCode,
    mut told: Vec<String>,
) -> Result<Response<Body>, ApiError> {
    let wait = wait_ms.map_or_else(|| api.configuration.borrow().response_wait(), Duration::from_millis);
    let under_way = api.mailbox.request(caller.clone(), request)?;
    let Accepted { ids, warnings } = under_way.reply.await??;
    told.extend(warnings);
    // A year is as good as for ever, and no overflow.
    let wait = wait.min(Duration::from_secs(365 * 24 * 3600));
    let (problems, pending) = match tokio::time::timeout(wait, under_way.settled).await {
        Ok(problems) => (problems?, Vec::new()),
        Err(_) => {
            let ticket = under_way.ticket;
            let pending = api
                .mailbox
                .look(move |supervisor| supervisor.pending(super::super::owner::now(), ticket))
                .await?;
            api.mailbox.send(super::super::mailbox::Message::Withdraw(ticket))?;
            (Vec::new(), pending)
        }
    };
    let status = match (problems.is_empty(), pending.is_empty()) {
        (false, _) => StatusCode::CONFLICT,
        (true, false) => StatusCode::ACCEPTED,
        (true, true) => done,
    };
    let line = |problem: &Problem| format!("{} ({}): {}", problem.name, problem.id, problem.message);
    let outcome = Outcome {
        ids: ids.iter().map(|id: &Id| id.0).collect(),
        pending: pending.iter().map(line).collect(),
        problems: problems.iter().map(line).collect(),
        warnings: told,
        processes: views(api, &caller, true).await?,
    };
    Ok(json(status, &outcome))
}

fn selector(text: &str) -> Result<Selector, ApiError> {
    Selector::parse(text).map_err(|bad| ApiError::bad(format!("`{text}` is neither an id nor a name: {bad}")))
}

/// The members of the groups that a comma list means.
pub(crate) fn members(text: &str) -> Result<Which, ApiError> {
    selectors(text).map(Which::Groups)
}

/// The processes that a comma list means.
pub(crate) fn these(text: &str) -> Result<Which, ApiError> {
    selectors(text).map(Which::These)
}

/// The ids and names of a comma list.
pub(crate) fn selectors(text: &str) -> Result<Vec<Selector>, ApiError> {
    Selector::parse_list(text)
        .map_err(|bad| ApiError::bad(format!("`{text}` is not a comma list of ids and names: {bad}")))
}
