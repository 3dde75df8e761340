//! One team: what it is for, who is in it, what it owns.

use askama::Template;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chancery_core::access::Action;
use chancery_core::entry::PrivateText;
use chancery_core::names::Label;
use chancery_core::team::Command;
use serde::Deserialize;

use super::people::path_of;
use super::several::Revision;
use super::teams::PATH;
use super::{LINES, Tab, may, tabs};
use crate::app::AppError;
use crate::http::api::team::{MemberView, TeamView, team, team_members};
use crate::http::api::user::named_or_id;
use crate::http::caller;
use crate::http::ui::again::recorded;
use crate::http::ui::filters;
use crate::http::ui::form::{Fields, Posted, filled};
use crate::http::ui::frame::{Area, Frame};
use crate::http::ui::layout::{Note, page};
use crate::http::ui::session::{PageError, Path, Shown};
use crate::ids;

type Form<F> = Posted<caller::ManageTeams, F>;

#[derive(Template)]
#[template(path = "admin-team.html")]
struct Team {
    frame: Frame,
    tabs: Vec<Tab>,
    team: TeamView,
    members: Vec<Member>,
    more: Option<String>,
    manages: bool,
    sees_people: bool,
    fields: Fields,
}

struct Member {
    path: String,
    view: MemberView,
}

async fn shown(own: &Shown<caller::Read>, name: &Label, (status, note): (StatusCode, Option<Note>), fields: Fields) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let view = team(&snapshot, name).await?;
    let list = team_members(&snapshot, name, &own.list_page(LINES)).await?;
    let frame = own.frame(&snapshot, Area::Admin, name.as_str()).await?.under(PATH, "Teams");
    let template = Team {
        frame: frame.json(format!("/api/v1/teams/{name}")).present_only().with(note),
        tabs: tabs(own, PATH),
        team: view,
        members: list.items.into_iter().map(|view| Member { path: path_of(view.name.as_deref(), &view.id), view }).collect(),
        more: list.next.map(|next| own.visit.with("after", Some(&next))),
        manages: may(own, Action::ManageTeams),
        sees_people: may(own, Action::ReadEntries),
        fields,
    };
    Ok(page(status, &template))
}

/// `GET /admin/teams/{name}`.
pub(super) async fn show(own: Shown<caller::Read>, Path(name): Path<Label>) -> Result<Response, PageError> {
    shown(&own, &name, (StatusCode::OK, None), Fields::default()).await
}

async fn answered(own: Shown<caller::ManageTeams>, parts: &Parts, name: &Label, fields: Fields, error: &AppError) -> Result<Response, PageError> {
    let (status, note) = Note::of(error);
    shown(&own.again(parts, format!("{PATH}/{name}")).await?, name, (status, Some(note)), fields).await
}

/// What is said about a team.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    revision: Revision,
    description: String,
}

/// `POST /admin/teams/{name}`.
pub(super) async fn change(Path(name): Path<Label>, posted: Form<Text>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let Text { revision, description } = filled(form)?;
        let command = Command::Change { team: name.clone(), description, expected: Some(revision.0) };
        Ok(recorded(&format!("{PATH}/{name}"), &own.allowed.execute(command, &requested).await?))
    };
    match outcome.await {
        Ok(response) => Ok(response),
        Err(error) => answered(own, &parts, &name, fields, &error).await,
    }
}

/// Who comes or goes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    member: Label,
    change: Way,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    Add,
    Remove,
}

/// `POST /admin/teams/{name}/members`.
pub(super) async fn change_members(Path(name): Path<Label>, posted: Form<Change>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let Change { member, change } = filled(form)?;
        let member = named_or_id(&own.allowed.read().await?, &member).await?;
        let command = match change {
            Way::Add => Command::AddMember { team: name.clone(), member },
            Way::Remove => Command::RemoveMember { team: name.clone(), member },
        };
        Ok(recorded(&format!("{PATH}/{name}"), &own.allowed.execute(command, &requested).await?))
    };
    match outcome.await {
        Ok(response) => Ok(response),
        Err(error) => answered(own, &parts, &name, fields, &error).await,
    }
}

/// Why a team ends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dissolve {
    reason: String,
}

/// `POST /admin/teams/{name}/dissolve`.
pub(super) async fn dissolve(Path(name): Path<Label>, posted: Form<Dissolve>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let reason = PrivateText::new("reason", &filled(form)?.reason, ids::random()?)?;
        Ok(recorded(&format!("{PATH}/{name}"), &own.allowed.execute(Command::Dissolve { team: name.clone(), reason }, &requested).await?))
    };
    match outcome.await {
        Ok(response) => Ok(response),
        Err(error) => answered(own, &parts, &name, fields, &error).await,
    }
}
