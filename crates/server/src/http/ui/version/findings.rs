//! What every rule says about a version on its way to a state.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::State;

use super::gate::{Checked, Tally, Told};
use super::subject::{Version, read, subject, version_at};
use crate::http::api::check::examined;
use crate::http::caller;
use crate::http::ui::filters;
use crate::http::ui::frame::Frame;
use crate::http::ui::layout::page;
use crate::http::ui::session::{PageError, Path, Shown};

/// States that a gate leads to.
const TARGETS: [State; 3] = [State::Candidate, State::Approved, State::Production];

/// What the rules say.
struct Said {
    checked: Checked,
    tally: Tally,
    findings: Vec<Told>,
    title: String,
}

#[derive(Template)]
#[template(path = "version-findings.html")]
struct Findings {
    frame: Frame,
    v: Version,
    target: State,
    targets: [State; 3],
    said: Option<Said>,
}

/// `GET /models/{name}/{number}/findings?target=`.
pub(super) async fn show(own: Shown<caller::Read>, Path(place): Path<(String, String)>) -> Result<Response, PageError> {
    let (name, number) = version_at(&place)?;
    let target = own.visit.get("target").map_or(Ok(State::Production), State::parse).map_err(|refusal| refusal.field("target"))?;
    let (checked, _) = examined(&own.allowed, &name, number, target).await?;
    let snapshot = own.allowed.read().await?;
    let subject = subject(&own, &snapshot, &name, number).await?;
    let api = format!("{}/check?to={target}", subject.version.api());
    let mut frame = subject.frame_of(&own, &snapshot, "Findings", "").await?.present_only();
    if checked.is_some() {
        frame = frame.json(api);
    }
    let said = match checked {
        Some(checked) => {
            let checked: Checked = read(checked)?;
            let title = checked.title(checked.missing(&subject.version, None).len());
            Some(Said { tally: checked.tally(), findings: checked.all(&subject.version), title, checked })
        }
        None => None,
    };
    Ok(page(StatusCode::OK, &Findings { frame, v: subject.version, target, targets: TARGETS, said }))
}
