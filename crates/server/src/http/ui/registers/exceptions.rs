//! Every exception, newest first, and the form with which one is asked for.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access::{Action, Circumstances};
use chancery_core::exception::Standing;
use chancery_core::names::{ModelName, VersionNumber};
use chancery_core::policy::Scope;
use chancery_core::refusal::Refusal;
use serde::Deserialize;

use super::{LINES, moment};
use crate::app::ExceptionAsk;
use crate::http::api::exception::{ExceptionFilter, ExceptionView, exceptions};
use crate::http::ui::again::recorded;
use crate::http::ui::filters;
use crate::http::ui::form::{Fields, Posted, filled};
use crate::http::ui::frame::{Area, Frame, query_path};
use crate::http::ui::layout::{Note, page};
use crate::http::ui::session::{PageError, Shown};
use crate::http::{Page, Permit, caller};

pub(super) const PATH: &str = "/exceptions";

#[derive(Template)]
#[template(path = "registers-exceptions.html")]
struct Exceptions {
    frame: Frame,
    filter: ExceptionFilter,
    states: Vec<State>,
    exceptions: Vec<ExceptionView>,
    in_force: usize,
    waiting: usize,
    more: Option<String>,
    asks: bool,
    rules: Vec<String>,
    fields: Fields,
}

struct State {
    word: &'static str,
    chosen: bool,
}

/// Whether somebody could do something to a model, whichever it is. Records nothing: it only decides what a page offers.
pub(super) fn may_somewhere<P: Permit>(own: &Shown<P>, action: Action) -> bool {
    let caller = &own.allowed.caller;
    own.allowed.app.access_policies().admits(&caller.actor, action, &Circumstances::at(caller.door))
}

async fn shown(own: &Shown<caller::Read>, (status, note): (StatusCode, Option<Note>), fields: Fields) -> Result<Response, PageError> {
    let app = &own.allowed.app;
    let snapshot = own.allowed.read().await?;
    let text = |name: &str| own.visit.get(name).map(ToOwned::to_owned);
    let filter = ExceptionFilter { model: text("model"), rule: text("rule"), status: text("status") };
    let (list, status, note) = match exceptions(app, &snapshot, &filter, &own.list_page(LINES)).await {
        Ok(list) => (list, status, note),
        Err(error) => {
            let (status, wrong) = Note::of(&error);
            (Page { items: Vec::new(), next: None }, status, Some(wrong))
        }
    };
    let engine_rules = app.policy_for(&snapshot).await?.engine.rules();
    let rules = engine_rules.into_iter().filter(|rule| !rule.non_waivable).map(|rule| rule.id).collect();
    let count = |word: Standing| list.items.iter().filter(|view| view.status == word.as_str()).count();
    let asked = ["model", "rule", "status", "after"].into_iter().filter_map(|name| own.visit.get(name).map(|value| (name, value)));
    let chosen = |state: &Standing| State { word: state.as_str(), chosen: filter.status.as_deref() == Some(state.as_str()) };
    let template = Exceptions {
        frame: own.frame(&snapshot, Area::Exceptions, "Exceptions").await?.json(query_path("/api/v1/exceptions", asked)).present_only().with(note),
        states: Standing::ALL.iter().map(chosen).collect(),
        in_force: list.items.iter().filter(|view| view.counts).count(),
        waiting: count(Standing::Requested),
        more: list.next.as_deref().map(|next| own.visit.with("after", Some(next))),
        exceptions: list.items,
        asks: may_somewhere(own, Action::RequestException),
        filter,
        rules,
        fields,
    };
    Ok(page(status, &template))
}

/// `GET /exceptions`.
pub(super) async fn show(own: Shown<caller::Read>) -> Result<Response, PageError> {
    shown(&own, (StatusCode::OK, None), Fields::default()).await
}

/// What to waive, for what, until when and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    model: ModelName,
    version: String,
    rule: String,
    scope: Scope,
    until: String,
    reason: String,
}

impl Ask {
    fn read(self) -> Result<ExceptionAsk, Refusal> {
        let wrong = |_| Refusal::invalid("version", "version must be the number of a version");
        let number = match self.version.trim() {
            "" => None,
            text => Some(text.parse::<u64>().map_err(wrong).and_then(VersionNumber::new)?),
        };
        let expires_at = moment("until", &self.until)?;
        Ok(ExceptionAsk { model: self.model, number, rule: self.rule, scope: self.scope, reason: self.reason, expires_at })
    }
}

/// `POST /exceptions`.
pub(super) async fn ask(posted: Posted<caller::RequestException, Ask>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let ask = filled(form)?.read()?;
        own.allowed.app.request_exception(&own.allowed.caller, &ask, &own.allowed.options(&requested)).await
    };
    match outcome.await {
        Ok((made, id)) => Ok(recorded(&format!("{PATH}/{id}"), &made)),
        Err(error) => {
            let (status, note) = Note::of(&error);
            shown(&own.again(&parts, PATH).await?, (status, Some(note)), fields).await
        }
    }
}
