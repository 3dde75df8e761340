//! What somebody who leaves has in hand.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::Label;

use super::people::path_of;
use super::{Tab, person, tabs};
use crate::app::offboarding::Section;
use crate::app::origins;
use crate::http::caller;
use crate::http::ui::filters;
use crate::http::ui::frame::{Area, Frame};
use crate::http::ui::layout::page;
use crate::http::ui::session::{PageError, Path, Shown};

/// Things of a kind that the page names; the command names up to 500.
const SHOWN: usize = 20;

#[derive(Template)]
#[template(path = "admin-offboarding.html")]
struct Offboarding {
    frame: Frame,
    tabs: Vec<Tab>,
    name: String,
    active: bool,
    stays: usize,
    sections: Vec<Kind>,
    empty: String,
}

struct Kind {
    name: String,
    section: Section,
    hidden: bool,
}

/// `GET /admin/people/{name}/offboarding`.
pub(super) async fn show(own: Shown<caller::ManageActors>, Path(name): Path<Label>) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let row = person::row(&snapshot, &name).await?;
    let sections = own.allowed.app.offboarding(&snapshot, &row).await?;
    let name = origins::name(&snapshot, &row.actor_id).await?;
    let (empty, held): (Vec<Section>, Vec<Section>) = sections.into_iter().partition(|section| section.items.is_empty());
    let words = |section: &Section| section.name.replace('_', " ");
    let frame = own.frame(&snapshot, Area::Admin, "What is in hand").await?.under("/admin/people", "People");
    let frame = frame.under(path_of(Some(&name), ""), name.clone()).json(format!("/api/v1/users/{name}/offboarding")).present_only();
    let stays = held.iter().filter(|section| section.end.starts_with("stay")).map(|section| section.items.len()).sum();
    let kind = |mut section: Section| {
        let hidden = section.more || section.items.len() > SHOWN;
        section.items.truncate(SHOWN);
        Kind { name: words(&section), section, hidden }
    };
    let empty = empty.iter().map(words).collect::<Vec<_>>().join(", ");
    let template =
        Offboarding { frame, tabs: tabs(&own, "/admin/people"), name, active: row.active, stays, sections: held.into_iter().map(kind).collect(), empty };
    Ok(page(StatusCode::OK, &template))
}
