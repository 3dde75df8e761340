//! The history of a model: every entry about it and its versions, newest first.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::filters;
use super::super::frame::{Area, Frame, cut};
use super::super::layout::page;
use super::super::session::{PageError, Path, Shown};
use super::parts::{LogLine, model_name};
use super::show::as_of_query;
use crate::app::{as_of, view};
use crate::http::api::history::history_of_model;
use crate::http::{PageQuery, caller};

#[derive(Template)]
#[template(path = "models-history.html")]
struct History {
    frame: Frame,
    name: String,
    lines: Vec<LogLine>,
    next: Option<String>,
}

/// `GET /models/{name}/history`.
pub(in super::super) async fn show(own: Shown<caller::Read>, Path(name): Path<String>) -> Result<Response, PageError> {
    let name = model_name(&name)?;
    let snapshot = own.allowed.read().await?;
    let cut = cut(&snapshot, &own.visit).await?;
    let model = match cut {
        Some(cut) => as_of::model_named(&snapshot, &name, cut).await?.model_row().model_id.clone(),
        None => view::model_named(&snapshot, &name).await?.model_id,
    };
    let wanted = PageQuery { limit: None, after: own.visit.get("after").map(str::to_owned) };
    let entries = history_of_model(&snapshot, &model, &wanted, cut).await?;
    let path = format!("/models/{}", crate::http::file::encode(name.as_str()));
    let frame = own.frame(&snapshot, Area::Models, "History").await?.under("/models", "Models").under(&path, name.as_str());
    let template = History {
        frame: frame.json(as_of_query(&format!("/api/v1{path}/history"), cut)),
        name: name.to_string(),
        lines: entries.items.iter().map(LogLine::from).collect(),
        next: entries.next.map(|after| own.visit.with("after", Some(&after))),
    };
    Ok(page(StatusCode::OK, &template))
}
