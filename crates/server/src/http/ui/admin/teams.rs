//! Teams: they own models, and roles are given for what they own.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access::Action;
use chancery_core::names::Label;
use chancery_core::team::Command;
use serde::Deserialize;

use super::{LINES, Tab, may, tabs};
use crate::http::api::team::{TeamView, teams};
use crate::http::caller;
use crate::http::ui::again::recorded;
use crate::http::ui::filters;
use crate::http::ui::form::{Fields, Posted, filled};
use crate::http::ui::frame::{Area, Frame};
use crate::http::ui::layout::{Note, page};
use crate::http::ui::session::{PageError, Shown};

pub(super) const PATH: &str = "/admin/teams";

#[derive(Template)]
#[template(path = "admin-teams.html")]
struct Teams {
    frame: Frame,
    tabs: Vec<Tab>,
    teams: Vec<TeamView>,
    more: Option<String>,
    manages: bool,
    fields: Fields,
}

async fn shown(own: &Shown<caller::Read>, status: StatusCode, note: Option<Note>, fields: Fields) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let list = teams(&snapshot, &own.list_page(LINES)).await?;
    let template = Teams {
        frame: own.frame(&snapshot, Area::Admin, "Teams").await?.json("/api/v1/teams").present_only().with(note),
        tabs: tabs(own, PATH),
        teams: list.items,
        more: list.next.map(|next| own.visit.with("after", Some(&next))),
        manages: may(own, Action::ManageTeams),
        fields,
    };
    Ok(page(status, &template))
}

/// `GET /admin/teams`.
pub(super) async fn show(own: Shown<caller::Read>) -> Result<Response, PageError> {
    shown(&own, StatusCode::OK, None, Fields::default()).await
}

/// A new team.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTeam {
    name: Label,
    description: String,
}

/// `POST /admin/teams`.
pub(super) async fn create(posted: Posted<caller::ManageTeams, NewTeam>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let NewTeam { name: team, description } = filled(form)?;
        let path = format!("{PATH}/{team}");
        Ok(recorded(&path, &own.allowed.execute(Command::Create { team, description }, &requested).await?))
    };
    match outcome.await {
        Ok(response) => Ok(response),
        Err(error) => {
            let (status, note) = Note::of(&error);
            shown(&own.again(&parts, PATH).await?, status, Some(note), fields).await
        }
    }
}
