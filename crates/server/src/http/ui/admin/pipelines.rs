//! Pipelines and their workload identities, with a box in which claims are tried on them.

use std::collections::BTreeMap;

use askama::Template;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chancery_core::access::Action;
use chancery_core::actor::{ActorKind, Command};
use chancery_core::identity::{Match, Rule};
use chancery_core::names::{ActorId, IdentityId, Label};
use chancery_core::refusal::Refusal;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::people::path_of;
use super::several::Several;
use super::{LINES, Tab, may, tabs};
use crate::app::AppError;
use crate::app::workload::{self, Fit, Tried, WorkloadIssuer};
use crate::http::api::identity::{IdentityView, add_identity, identities};
use crate::http::api::user::{UserView, named, users_of};
use crate::http::caller;
use crate::http::extract::check_depth;
use crate::http::ui::again::recorded;
use crate::http::ui::filters;
use crate::http::ui::form::{Fields, Posted, filled};
use crate::http::ui::frame::{Area, Frame};
use crate::http::ui::layout::{Note, page};
use crate::http::ui::session::{PageError, Shown};
use crate::store::Snapshot;

const PATH: &str = "/admin/pipelines";
/// Rules that the form has room for.
const RULES: usize = 4;

type Own = Shown<caller::ReadEntries>;

#[derive(Template)]
#[template(path = "admin-pipelines.html")]
struct Pipelines {
    frame: Frame,
    tabs: Vec<Tab>,
    pipelines: Vec<Line>,
    identities: usize,
    issuers: Vec<WorkloadIssuer>,
    more: Option<String>,
    administers: bool,
    tries: Option<Tries>,
    fields: Fields,
    rules: Vec<RuleFields>,
}

struct Line {
    path: String,
    user: UserView,
    identities: Vec<IdentityView>,
}

/// What came of claims.
struct Tries {
    fits: Vec<String>,
    tried: Vec<Outcome>,
}

struct Outcome {
    pipeline: String,
    fits: bool,
    tried: Tried,
}

/// One row of the form of rules, as it was filled in.
struct RuleFields {
    number: usize,
    claim: String,
    prefix: bool,
    value: String,
}

async fn lines(snapshot: &Snapshot, own: &Own) -> Result<(Vec<Line>, Option<String>), AppError> {
    let list = users_of(snapshot, Some(ActorKind::Pipeline), &own.list_page(LINES)).await?;
    let mut lines = Vec::with_capacity(list.items.len());
    for user in list.items {
        let identities = identities(snapshot, &ActorId::parse(&user.id)?).await?;
        lines.push(Line { path: path_of(user.name.as_deref(), &user.id), user, identities });
    }
    Ok((lines, list.next))
}

fn rule_fields(fields: &Fields) -> Vec<RuleFields> {
    let of = |name: &str, at: usize| fields.all(name).get(at).cloned().unwrap_or_default();
    (0..RULES).map(|at| RuleFields { number: at + 1, claim: of("claim", at), prefix: of("match", at) == "prefix", value: of("value", at) }).collect()
}

async fn shown(own: &Own, (status, note): (StatusCode, Option<Note>), fields: Fields, tries: Option<Tries>) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let (pipelines, next) = lines(&snapshot, own).await?;
    let template = Pipelines {
        frame: own.frame(&snapshot, Area::Admin, "Pipelines").await?.present_only().with(note),
        tabs: tabs(own, PATH),
        identities: pipelines.iter().map(|line| line.identities.len()).sum(),
        pipelines,
        issuers: own.allowed.app.workload_issuers().cloned().collect(),
        more: next.map(|next| own.visit.with("after", Some(&next))),
        administers: may(own, Action::ManageActors),
        tries,
        rules: rule_fields(&fields),
        fields,
    };
    Ok(page(status, &template))
}

/// `GET /admin/pipelines`.
pub(super) async fn show(own: Own) -> Result<Response, PageError> {
    shown(&own, (StatusCode::OK, None), Fields::default(), None).await
}

/// Claims, and on whose identities they are tried; on all of the page without a name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Try {
    pipeline: String,
    claims: String,
}

impl Try {
    fn claims(&self) -> Result<Map<String, Value>, Refusal> {
        check_depth(self.claims.as_bytes())?;
        serde_json::from_str(&self.claims).map_err(|error| {
            let refusal = Refusal::invalid("claims", &format!("the claims must be a JSON object: {error}"));
            refusal.remedy("paste what is between the first and the second dot of the token, decoded")
        })
    }
}

async fn tried(own: &Own, form: &Try) -> Result<Tries, AppError> {
    let claims = form.claims()?;
    let snapshot = own.allowed.read().await?;
    let mut pipelines = BTreeMap::new();
    match form.pipeline.trim() {
        "" => {
            for line in lines(&snapshot, own).await?.0 {
                pipelines.insert(line.user.name.unwrap_or(line.user.id.clone()), ActorId::parse(&line.user.id)?);
            }
        }
        name => drop(pipelines.insert(name.to_owned(), named(&snapshot, &Label::parse(name)?).await?)),
    }
    let mut found = Vec::new();
    for (pipeline, id) in pipelines {
        let outcomes = workload::try_claims(&snapshot, &id, &claims).await?;
        found.extend(outcomes.into_iter().map(|tried| Outcome { pipeline: pipeline.clone(), fits: tried.outcome == Fit::Fits, tried }));
    }
    found.sort_by_key(|outcome| !outcome.fits);
    let mut fits: Vec<String> = found.iter().filter(|outcome| outcome.fits).map(|outcome| outcome.pipeline.clone()).collect();
    fits.dedup();
    Ok(Tries { fits, tried: found })
}

/// `POST /admin/pipelines/try`: records nothing.
pub(super) async fn try_claims(posted: Posted<caller::ReadEntries, Try>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, .. } = posted;
    let own: Own = own.again(&parts, PATH).await?;
    let outcome = async { tried(&own, &filled(form)?).await };
    match outcome.await {
        Ok(tries) => shown(&own, (StatusCode::OK, None), fields, Some(tries)).await,
        Err(error) => {
            let (status, note) = Note::of(&error);
            shown(&own, (status, Some(note)), fields, None).await
        }
    }
}

async fn refused(own: Shown<caller::ManageActors>, parts: &Parts, fields: Fields, error: &AppError) -> Result<Response, PageError> {
    let (status, note) = Note::of(error);
    shown(&own.again(parts, PATH).await?, (status, Some(note)), fields, None).await
}

/// A new identity.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewIdentity {
    pipeline: Label,
    issuer: String,
    #[serde(default)]
    claim: Several,
    #[serde(default, rename = "match")]
    how: Several,
    #[serde(default)]
    value: Several,
}

impl NewIdentity {
    /// The rules; a row without a claim is none.
    fn rules(&self) -> Result<Vec<Rule>, Refusal> {
        let rows = self.claim.0.iter().zip(&self.how.0).zip(&self.value.0).filter(|((claim, _), _)| !claim.trim().is_empty());
        rows.map(|((claim, how), value)| Ok(Rule { claim: claim.trim().to_owned(), how: Match::parse(how)?, value: value.trim().to_owned() })).collect()
    }
}

/// `POST /admin/pipelines/identities`.
pub(super) async fn add(posted: Posted<caller::ManageActors, NewIdentity>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let form = filled(form)?;
        let rules = form.rules()?;
        let (made, _) = add_identity(&own.allowed, &form.pipeline, form.issuer, rules, &requested).await?;
        Ok(recorded(PATH, &made))
    };
    match outcome.await {
        Ok(response) => Ok(response),
        Err(error) => refused(own, &parts, fields, &error).await,
    }
}

/// Which identity ends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remove {
    pipeline: Label,
    identity: IdentityId,
}

/// `POST /admin/pipelines/identities/remove`.
pub(super) async fn remove(posted: Posted<caller::ManageActors, Remove>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let Remove { pipeline, identity: id } = filled(form)?;
        let actor = named(&own.allowed.read().await?, &pipeline).await?;
        Ok(recorded(PATH, &own.allowed.execute(Command::RemoveIdentity { actor, id }, &requested).await?))
    };
    match outcome.await {
        Ok(response) => Ok(response),
        Err(error) => refused(own, &parts, fields, &error).await,
    }
}
