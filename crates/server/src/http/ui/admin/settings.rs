//! What the server runs with, and where each value comes from; and what the ledger says about the registry.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::clipped;
use chancery_core::registry::POLICY_MODE;
use chancery_core::tables::SettingRow;

use super::{Tab, tabs};
use crate::app::settings::{Setting, Source};
use crate::http::caller;
use crate::http::ui::filters;
use crate::http::ui::frame::{Area, Frame};
use crate::http::ui::layout::page;
use crate::http::ui::session::{PageError, Shown};

#[derive(Template)]
#[template(path = "admin-settings.html")]
struct Settings {
    frame: Frame,
    tabs: Vec<Tab>,
    settings: Vec<Setting>,
    set: usize,
    recorded: Vec<Recorded>,
    notices: Vec<String>,
}

/// A setting that entries changed.
struct Recorded {
    name: String,
    value: String,
    index: u64,
}

/// `GET /admin/settings`.
pub(super) async fn show(own: Shown<caller::ReadEntries>) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    // The policy mode first: it is what people look for.
    let mut rows = snapshot.rows::<SettingRow>("WHERE name NOT LIKE 'access%' ORDER BY name LIMIT 100", &[]).await?;
    rows.sort_by_key(|row| row.name != POLICY_MODE);
    let settings = own.allowed.app.settings().to_vec();
    let template = Settings {
        frame: own.frame(&snapshot, Area::Admin, "Settings").await?.present_only(),
        tabs: tabs(&own, "/admin/settings"),
        set: settings.iter().filter(|setting| setting.source != Source::Default).count(),
        settings,
        recorded: rows.into_iter().map(|row| Recorded { value: clipped(&row.value), name: row.name, index: row.revision }).collect(),
        notices: own.allowed.app.notices().all(),
    };
    Ok(page(StatusCode::OK, &template))
}
