//! What each role may do: the policies that ship, as a table; and the policies of the organisation beside them.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access::{Action, Policies, Role};

use super::{Tab, tabs};
use crate::http::caller;
use crate::http::ui::filters;
use crate::http::ui::frame::{Area, Frame};
use crate::http::ui::layout::page;
use crate::http::ui::session::{PageError, Shown};

/// Every role, with what the head of its column says. Any role of approval stands for all but that of governance, which allows more.
const ROLES: &[(&str, &str)] = &[
    ("viewer", "viewer"),
    ("contributor", "contributor"),
    ("owner", "owner"),
    ("approver:any", "approver"),
    ("approver:ai-governance", "approver: ai-governance"),
    ("deployer", "deployer"),
    ("incident", "incident"),
    ("auditor", "auditor"),
    ("administrator", "administrator"),
];

#[derive(Template)]
#[template(path = "admin-roles.html")]
struct Roles {
    frame: Frame,
    tabs: Vec<Tab>,
    roles: Vec<&'static str>,
    actions: Vec<Line>,
    policies: Vec<Policy>,
    own_policies: usize,
    digest: Option<String>,
}

struct Line {
    action: &'static str,
    allows: Vec<bool>,
}

struct Policy {
    id: String,
    title: String,
    effect: String,
    source: String,
}

fn line(policies: &Policies, roles: &[Role], action: Action) -> Line {
    let allows = roles.iter().map(|role| policies.role_allows(role, action)).collect();
    Line { action: action.as_str(), allows }
}

/// `GET /admin/roles`.
pub(super) async fn show(own: Shown<caller::Read>) -> Result<Response, PageError> {
    let policies = own.allowed.app.access_policies();
    let roles = ROLES.iter().map(|(word, _)| Role::parse(word)).collect::<Result<Vec<_>, _>>()?;
    let snapshot = own.allowed.read().await?;
    let frame = own.frame(&snapshot, Area::Admin, "Roles").await?.json("/api/v1/access-policies/shipped").present_only();
    let sources = policies.sources();
    let shown = |source: &chancery_core::access::source::Source| Policy {
        id: source.id.clone(),
        title: source.title.clone(),
        effect: source.effect.to_string(),
        source: format!("{}:{}", source.file, source.line),
    };
    let shipped = Policies::shipped().sources().len();
    let template = Roles {
        frame,
        tabs: tabs(&own, "/admin/roles"),
        roles: ROLES.iter().map(|(_, head)| *head).collect(),
        actions: Action::ALL.iter().map(|action| line(&policies, &roles, *action)).collect(),
        own_policies: sources.len().saturating_sub(shipped),
        policies: sources.iter().map(shown).collect(),
        digest: policies.digest().map(|digest| digest.to_string()),
    };
    Ok(page(StatusCode::OK, &template))
}
