//! What a version is made of and what depends on it, as a drawing and as a list.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::refusal::Refusal;

use super::drawing::{Drawing, draw};
use super::subject::{Version, subject, version_at};
use crate::app::lineage::{Direction, drawn};
use crate::http::caller;
use crate::http::ui::filters;
use crate::http::ui::frame::Frame;
use crate::http::ui::layout::page;
use crate::http::ui::session::{PageError, Path, Shown};

/// Most steps that a page follows; the API follows more.
const MAX_DEPTH: u64 = 5;

#[derive(Template)]
#[template(path = "version-lineage.html")]
struct Lineage {
    frame: Frame,
    v: Version,
    drawing: Drawing,
    direction: String,
    depth: u64,
    truncated: bool,
}

/// `GET /models/{name}/{number}/lineage?direction=&depth=`.
pub(super) async fn show(own: Shown<caller::Read>, Path(place): Path<(String, String)>) -> Result<Response, PageError> {
    let (name, number) = version_at(&place)?;
    let direction = own.visit.get("direction").unwrap_or("both").to_owned();
    let way = Direction::parse(&direction)?;
    let depth: u64 = own.visit.get("depth").map_or(Ok(2), str::parse).unwrap_or(0);
    if depth == 0 || depth > MAX_DEPTH {
        return Err(Refusal::invalid("depth", &format!("depth must be from 1 to {MAX_DEPTH}"))
            .remedy("the API and `chancery lineage` follow more steps")
            .into());
    }
    let snapshot = own.allowed.read().await?;
    let subject = subject(&own, &snapshot, &name, number).await?;
    let view = drawn(&snapshot, &subject.model, &subject.row, way, depth).await?;
    let api = format!("{}/lineage?direction={direction}&depth={depth}", subject.version.api());
    let frame = subject.frame_of(&own, &snapshot, "Lineage", "").await?.json(api).present_only();
    Ok(page(StatusCode::OK, &Lineage { frame, v: subject.version, drawing: draw(&view), direction, depth, truncated: view.truncated }))
}
