//! Groups: names for several processes, many to many.

use super::Api;
use super::answer::{ApiError, Body, json};
use super::processes::selectors;
use http::{Response, StatusCode};
use pmon3_api::{GroupRequest, GroupView, MembersRequest};
use pmon3_supervisor::{Caller, Group, Name, Request, Selector};
use std::rc::Rc;

fn shown((group, members): (Group, Vec<Name>)) -> GroupView {
    GroupView {
        id: group.id.0,
        name: group.name.to_string(),
        processes: members.iter().map(ToString::to_string).collect(),
    }
}

async fn views(api: &Rc<Api>) -> Result<Vec<GroupView>, ApiError> {
    let groups = api.mailbox.look(|supervisor| supervisor.groups()).await?;
    Ok(groups.into_iter().map(shown).collect())
}

/// `GET /v1/groups`
pub(crate) async fn list(api: &Rc<Api>) -> Result<Response<Body>, ApiError> {
    Ok(json(StatusCode::OK, &views(api).await?))
}

/// `GET /v1/groups/{one}`
pub(crate) async fn one(api: &Rc<Api>, one: &str) -> Result<Response<Body>, ApiError> {
    let selector = Selector::parse(one)
        .map_err(|bad| ApiError::bad(format!("`{one}` is neither an id nor a name of a group: {bad}")))?;
    let found = api
        .mailbox
        .look(move |supervisor| supervisor.find_group(&selector))
        .await??;
    let views = views(api).await?;
    let view = views.into_iter().find(|view| view.id == found.0);
    view.map(|view| json(StatusCode::OK, &view))
        .ok_or_else(|| ApiError::internal("the group vanished"))
}

/// `POST /v1/groups`
pub(crate) async fn create(api: &Rc<Api>, caller: Caller, body: GroupRequest) -> Result<Response<Body>, ApiError> {
    let name = Name::new(body.name).map_err(|bad| ApiError::bad(format!("name: {bad}")))?;
    change(api, caller, Request::CreateGroup(name.clone())).await?;
    let view = views(api).await?.into_iter().find(|view| view.name == name.as_str());
    view.map(|view| json(StatusCode::CREATED, &view))
        .ok_or_else(|| ApiError::internal("the group vanished"))
}

/// `DELETE /v1/groups/{which}`
pub(crate) async fn delete(api: &Rc<Api>, caller: Caller, which: &str) -> Result<Response<Body>, ApiError> {
    change(api, caller, Request::DeleteGroups(selectors(which)?)).await?;
    list(api).await
}

/// `POST /v1/groups/{which}/assign`
pub(crate) async fn assign(
    api: &Rc<Api>,
    caller: Caller,
    which: &str,
    body: MembersRequest,
) -> Result<Response<Body>, ApiError> {
    let (groups, processes) = (selectors(which)?, selectors(&body.processes)?);
    change(api, caller, Request::Assign { groups, processes }).await?;
    list(api).await
}

/// `POST /v1/groups/{which}/remove`
pub(crate) async fn remove(
    api: &Rc<Api>,
    caller: Caller,
    which: &str,
    body: MembersRequest,
) -> Result<Response<Body>, ApiError> {
    let (groups, processes) = (selectors(which)?, selectors(&body.processes)?);
    change(api, caller, Request::Unassign { groups, processes }).await?;
    list(api).await
}

/// A change of groups is done when it is written down: there is nothing to wait for.
async fn change(api: &Rc<Api>, caller: Caller, request: Request) -> Result<(), ApiError> {
    api.mailbox.request(caller, request)?.reply.await??;
    Ok(())
}
