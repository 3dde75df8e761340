//! The policy: what must hold, one rule, a dry run; and who may do what.

mod asked;
mod bundle;
mod mode;
mod replay;
mod rule;
mod run;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use chancery_core::access::{Action, Resource};
use chancery_core::names::{PolicyMode, Timestamp};
use chancery_core::policy::Gate;
use chancery_core::registry::POLICY_MODE;
use chancery_core::tables::{BundleRow, EntryRow, SettingRow};

use super::form::Fields;
use super::frame::{Area, Frame};
use super::layout::{Link, Note, page};
use super::session::{PageError, Shown};
use super::{Page, Visitor, filters};
use crate::app::AppError;
use crate::http::api::policy::{PolicyView, RuleView, in_force};
use crate::http::file::encode;
use crate::http::{Permit, caller};
use crate::store::Snapshot;
use crate::values;

/// Ungated versions that are listed, and bundles.
const LISTED: usize = 50;

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    use Visitor::Person;
    vec![
        (("GET", "/policy", Person), get(show)),
        (("POST", "/policy/mode", Person), post(mode::change)),
        (("GET", "/policy/rules/{id}", Person), get(rule::show)),
        (("GET", "/policy/try", Person), get(run::show)),
        (("GET", "/policy/bundles/{digest}", Person), get(bundle::show)),
        (("GET", "/policy/replay/{index}", Person), get(replay::show)),
        (("GET", "/can-i", Person), get(asked::show)),
    ]
}

#[derive(Template)]
#[template(path = "policy.html")]
struct Policy {
    frame: Frame,
    policy: PolicyView,
    /// Rules that nobody can waive.
    hard: usize,
    gates: &'static [Gate],
    /// The entry that set the mode, and when.
    since: Option<(u64, Timestamp)>,
    /// Raised when the mode changes.
    revision: u64,
    /// Versions because of which enforce is refused.
    ungated: Vec<Link>,
    more_ungated: usize,
    bundles: Vec<BundleRow>,
    may_change: bool,
    /// The form as it was filled in.
    mode: String,
    reason: String,
}

impl Policy {
    fn asks(rule: &RuleView, gate: &Gate) -> bool {
        rule.gates.contains(gate)
    }

    fn warns(&self) -> bool {
        self.policy.mode == PolicyMode::Warn.as_str()
    }
}

/// `GET /policy`.
async fn show(own: Shown<caller::Read>) -> Result<Response, PageError> {
    shown(&own, StatusCode::OK, None, &Fields::default()).await
}

/// The page, with what was filled in and what was wrong with it.
async fn shown<P: Permit>(own: &Shown<P>, status: StatusCode, note: Option<Note>, fields: &Fields) -> Result<Response, PageError> {
    let (app, caller) = (&own.allowed.app, &own.allowed.caller);
    let snapshot = own.allowed.read().await?;
    let frame = own.frame(&snapshot, Area::Policy, "Policy").await?.present_only().with(note).json("/api/v1/policy");
    let policy = in_force(app, &snapshot).await?;
    let setting = snapshot.get::<SettingRow>(values![POLICY_MODE]).await.map_err(AppError::from)?;
    let revision = setting.map_or(0, |row| row.revision);
    // Under enforce there are none, and looking for them costs.
    let mut ungated = if policy.mode == PolicyMode::Warn.as_str() { app.ungated_in_production(&snapshot).await? } else { Vec::new() };
    let more_ungated = ungated.len().saturating_sub(LISTED);
    ungated.truncate(LISTED);
    let bundles = snapshot.rows::<BundleRow>("ORDER BY uploaded_index DESC LIMIT 10", &[]).await.map_err(AppError::from)?;
    let template = Policy {
        frame,
        hard: policy.rules.iter().filter(|rule| rule.non_waivable).count(),
        gates: Gate::ALL,
        since: since(&snapshot, revision).await?,
        revision,
        ungated: ungated.into_iter().map(version).collect(),
        more_ungated,
        bundles,
        may_change: app.decision(caller, Action::ManageSettings, &Resource::Registry, None).allowed,
        mode: fields.get("mode").to_owned(),
        reason: fields.get("reason").to_owned(),
        policy,
    };
    Ok(page(status, &template))
}

/// The page of a version that is written `name/number`.
fn version(reference: String) -> Link {
    let path = reference.rsplit_once('/').map(|(name, number)| format!("/models/{}/{number}", encode(name)));
    Link::new(path.unwrap_or_else(|| "/models".to_owned()), reference)
}

/// When an entry was made.
async fn since(snapshot: &Snapshot, index: u64) -> Result<Option<(u64, Timestamp)>, AppError> {
    let row = snapshot.get::<EntryRow>(values![index]).await?;
    row.as_ref().map(|row| crate::app::as_of::entry(row).map(|entry| (index, entry.at))).transpose()
}
