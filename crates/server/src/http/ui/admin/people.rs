//! Everybody who has access, and the roles that wait for a second administrator.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chancery_core::access::{Action, Grant};
use chancery_core::actor::{ActorKind, Command};
use chancery_core::names::Label;
use serde::Deserialize;

use super::grants::{self, GrantLine};
use super::{LINES, Tab, may, tabs};
use crate::app::AppError;
use crate::http::api::grant::{ProposalView, proposals};
use crate::http::api::user::{UserView, named_or_id, users};
use crate::http::file::encode;
use crate::http::ui::again::recorded;
use crate::http::ui::filters;
use crate::http::ui::form::{Fields, Posted, filled};
use crate::http::ui::frame::{Area, Frame};
use crate::http::ui::layout::{Note, page};
use crate::http::ui::session::{PageError, Shown};
use crate::http::{PageQuery, caller};
use crate::ids;
use crate::store::Snapshot;

const PATH: &str = "/admin/people";

#[derive(Template)]
#[template(path = "admin-people.html")]
struct People {
    frame: Frame,
    tabs: Vec<Tab>,
    people: Vec<Line>,
    active: usize,
    proposals: Vec<Waiting>,
    more: Option<String>,
    administers: bool,
    fields: Fields,
}

struct Line {
    path: String,
    user: UserView,
    roles: Vec<GrantLine>,
}

struct Waiting {
    path: String,
    proposal: ProposalView,
}

/// The page of somebody.
pub(super) fn path_of(name: Option<&str>, id: &str) -> String {
    format!("{PATH}/{}", encode(name.unwrap_or(id)))
}

async fn line(snapshot: &Snapshot, user: UserView) -> Result<Line, AppError> {
    let words = user.roles.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut roles = Vec::with_capacity(words.len());
    for grant in words.iter().filter_map(|word| Grant::parse(word.as_str()?).ok()) {
        roles.push(grants::line(snapshot, &grant).await?);
    }
    Ok(Line { path: path_of(user.name.as_deref(), &user.id), user, roles })
}

async fn shown(own: &Shown<caller::ReadEntries>, status: StatusCode, note: Option<Note>, fields: Fields) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let list = users(&snapshot, &own.list_page(LINES)).await?;
    let waiting = proposals(&snapshot, &PageQuery { limit: Some(LINES), after: None }).await?;
    let mut people = Vec::with_capacity(list.items.len());
    for user in list.items {
        people.push(line(&snapshot, user).await?);
    }
    let proposals = waiting.items.into_iter().map(|proposal| Waiting { path: path_of(proposal.user.as_deref(), &proposal.id), proposal });
    let frame = own.frame(&snapshot, Area::Admin, "People").await?.json("/api/v1/users").present_only().with(note);
    let template = People {
        frame,
        tabs: tabs(own, PATH),
        active: people.iter().filter(|line| line.user.active).count(),
        people,
        proposals: proposals.collect(),
        more: list.next.map(|next| own.visit.with("after", Some(&next))),
        administers: may(own, Action::ManageActors),
        fields,
    };
    Ok(page(status, &template))
}

/// `GET /admin/people`; with `name` it leads to the page of that person.
pub(super) async fn show(own: Shown<caller::ReadEntries>) -> Result<Response, PageError> {
    let Some(name) = own.visit.get("name") else { return shown(&own, StatusCode::OK, None, Fields::default()).await };
    let found = async {
        let name = Label::parse(name)?;
        named_or_id(&own.allowed.read().await?, &name).await?;
        Ok::<_, AppError>(path_of(Some(name.as_str()), ""))
    };
    match found.await {
        Ok(path) => Ok(Redirect::to(&path).into_response()),
        Err(error) => {
            let (status, note) = Note::of(&error);
            shown(&own, status, Some(note), Fields::default()).await
        }
    }
}

/// Somebody new.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPerson {
    name: Label,
    display_name: String,
    kind: ActorKind,
    role: String,
    approval: String,
    place: String,
}

/// `POST /admin/people`.
pub(super) async fn create(posted: Posted<caller::ManageActors, NewPerson>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let NewPerson { name, display_name, kind, role, approval, place } = filled(form)?;
        let role = grants::asked(&own.allowed.read().await?, &role, &approval, &place).await?;
        let roles = role.into_iter().collect();
        let path = path_of(Some(name.as_str()), "");
        let command = Command::Create { id: ids::actor(kind)?, kind, handle: name, display_name, roles };
        Ok(recorded(&path, &own.allowed.execute(command, &requested).await?))
    };
    match outcome.await {
        Ok(response) => Ok(response),
        Err(error) => {
            let (status, note) = Note::of(&error);
            shown(&own.again(&parts, PATH).await?, status, Some(note), fields).await
        }
    }
}
