//! The access log: who logged in, downloaded and exported, and from where.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access_log::AccessKind;

use super::people::path_of;
use super::{LINES, Tab, tabs};
use crate::http::api::access_log::{AccessFilter, AccessView, lines};
use crate::http::caller;
use crate::http::ui::filters;
use crate::http::ui::frame::{Area, Frame, query_path};
use crate::http::ui::layout::{Note, page};
use crate::http::ui::session::{PageError, Shown};

const PATH: &str = "/admin/access-log";

#[derive(Template)]
#[template(path = "admin-access-log.html")]
struct AccessLog {
    frame: Frame,
    tabs: Vec<Tab>,
    filter: AccessFilter,
    kinds: Vec<Kind>,
    lines: Vec<Line>,
    failed: usize,
    more: Option<String>,
}

struct Kind {
    word: &'static str,
    chosen: bool,
}

struct Line {
    who: Option<Who>,
    view: AccessView,
}

struct Who {
    path: String,
    name: String,
}

fn line(view: AccessView) -> Line {
    let who = view.actor.as_ref().map(|id| Who { path: path_of(view.user.as_deref(), id), name: view.user.clone().unwrap_or_else(|| id.clone()) });
    Line { who, view }
}

/// `GET /admin/access-log`.
pub(super) async fn show(own: Shown<caller::ReadAccessLog>) -> Result<Response, PageError> {
    let text = |name: &str| own.visit.get(name).map(ToOwned::to_owned);
    let filter = AccessFilter { kind: text("kind"), user: text("user"), since: text("since"), until: text("until") };
    let (status, note, list) = match lines(&own.allowed, &filter, &own.list_page(LINES)).await {
        Ok(list) => (StatusCode::OK, None, Some(list)),
        Err(error) => {
            let (status, note) = Note::of(&error);
            (status, Some(note), None)
        }
    };
    let (lines, next) = list.map_or_else(Default::default, |list| (list.items.into_iter().map(line).collect::<Vec<_>>(), list.next));
    let chosen = |kind: &AccessKind| Kind { word: kind.as_str(), chosen: filter.kind.as_deref() == Some(kind.as_str()) };
    let asked = ["kind", "user", "since", "until", "after"].into_iter().filter_map(|name| own.visit.get(name).map(|value| (name, value)));
    let snapshot = own.allowed.read().await?;
    let template = AccessLog {
        frame: own.frame(&snapshot, Area::Admin, "Access log").await?.json(query_path("/api/v1/access-log", asked)).present_only().with(note),
        tabs: tabs(&own, PATH),
        kinds: AccessKind::ALL.iter().map(chosen).collect(),
        failed: lines.iter().filter(|line| line.view.kind == AccessKind::LoginFailed.as_str()).count(),
        lines,
        more: next.map(|next| own.visit.with("after", Some(&next))),
        filter,
    };
    Ok(page(status, &template))
}
