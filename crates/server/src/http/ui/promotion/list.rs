//! `GET /promotions`: which promotions wait, and which are decided.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::filters;
use super::super::frame::{Area, Frame};
use super::super::layout::page;
use super::super::session::{PageError, Shown};
use crate::app::promotions::{PromotionSummary, recorded_failures, waits_for_others_alone};
use crate::http::api::promotion::{PromotionFilter, listed};
use crate::http::{PageQuery, caller};

/// The filters by status, in their order: value and words.
const STATUSES: [(&str, &str); 5] = [("open", "Open"), ("executed", "Executed"), ("rejected", "Rejected"), ("cancelled", "Cancelled"), ("all", "All")];

#[derive(Template)]
#[template(path = "promotion-list.html")]
struct List {
    frame: Frame,
    status: String,
    model: String,
    rows: Vec<PromotionSummary>,
    next: Option<String>,
}

impl List {
    fn statuses(&self) -> [(&'static str, &'static str); 5] {
        STATUSES
    }

    fn missing(&self, row: &PromotionSummary) -> usize {
        recorded_failures(&row.missing_rules).len()
    }

    fn waits(&self, row: &PromotionSummary) -> bool {
        waits_for_others_alone(&row.missing_rules)
    }
}

/// `GET /promotions`.
pub(super) async fn list(own: Shown<caller::Read>) -> Result<Response, PageError> {
    let status = own.visit.get("status").unwrap_or("open").to_owned();
    let model = own.visit.get("model").unwrap_or_default().to_owned();
    let filter =
        PromotionFilter { status: Some(status.clone()).filter(|status| status != "all"), model: Some(model.clone()).filter(|model| !model.is_empty()) };
    let asked = PageQuery { limit: None, after: own.visit.get("after").map(str::to_owned) };
    let listed = listed(&own.allowed, &filter, &asked).await?;
    let snapshot = own.allowed.read().await?;
    let pairs = [("status", filter.status.as_deref()), ("model", filter.model.as_deref()), ("after", asked.after.as_deref())];
    let json = super::super::frame::query_path("/api/v1/promotions", pairs.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let frame = own.frame(&snapshot, Area::Promotions, "Promotions").await?.present_only().json(json);
    let next = listed.next.map(|next| own.visit.with("after", Some(&next)));
    Ok(page(StatusCode::OK, &List { frame, status, model, rows: listed.items, next }))
}
