//! The list of models: which records match, and in what state are they?

use std::collections::BTreeMap;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::model::Profile;
use chancery_core::names::{ModelId, ModelKind, RiskTier, State, Timestamp};
use chancery_core::refusal::Refusal;
use chancery_core::tables::ModelRow;
use chancery_core::wording::counted;

use super::super::filters;
use super::super::frame::{Area, Frame, Visit, query_path};
use super::super::layout::{Note, NoteKind, page, sentence};
use super::super::session::{PageError, Shown};
use super::parts::{Choice, beginning, choices};
use crate::app::AppError;
use crate::app::models::{self, Standing};
use crate::fault::Fault;
use crate::http::api::model::{ModelFilter, found};
use crate::http::caller;
use crate::http::mlflow::search::Has;
use crate::http::{Page, PageQuery};
use crate::store::Snapshot;

/// Fields of the query that narrow the list; the API takes the same.
const FIELDS: &[&str] = &["q", "kind", "state", "tier", "team", "has"];
/// Most rows of a page: a row has some 800 bytes, and no page should have more than 60 kB.
const MOST: u32 = 60;
/// Most names beside what was looked for.
const NEAREST: u32 = 5;

#[derive(Template)]
#[template(path = "models-list.html")]
struct List {
    frame: Frame,
    lede: String,
    fields: Fields,
    rows: Vec<Line>,
    next: Option<String>,
    /// Names that begin alike, when nothing was found.
    nearest: Vec<String>,
    narrowed: bool,
}

/// The filters as they were filled in.
struct Fields {
    q: String,
    /// What is wrong with `q`.
    wrong: String,
    team: String,
    kinds: Vec<Choice>,
    states: Vec<Choice>,
    tiers: Vec<Choice>,
    has: Vec<Choice>,
}

struct Line {
    name: String,
    kind: String,
    tier: String,
    owner: String,
    team: String,
    production: Option<InProduction>,
    newest: Option<Newest>,
    findings: u64,
    description: String,
}

struct InProduction {
    number: u64,
    semver: String,
    since: Option<Timestamp>,
    others: usize,
    ungated: bool,
}

struct Newest {
    number: u64,
    semver: String,
    state: State,
}

/// `GET /models`.
pub(in super::super) async fn list(own: Shown<caller::Read>) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let visit = &own.visit;
    let asked = |name: &str| visit.get(name).map(str::to_owned);
    let filter =
        ModelFilter { q: asked("q"), kind: asked("kind"), tier: asked("tier"), state: asked("state"), team: asked("team"), has: asked("has"), prefix: None };
    let wanted = PageQuery { limit: visit.get("limit").and_then(|text| text.parse::<u32>().ok()).map(|limit| limit.min(MOST)), after: asked("after") };
    let (rows, wrong) = match found(&snapshot, &filter, &wanted).await {
        Ok(rows) => (rows, None),
        // The list stays as it is without the field that is wrong, and says which.
        Err(AppError::Refused(refusal, _)) => (found(&snapshot, &ModelFilter::default(), &PageQuery { limit: None, after: None }).await?, Some(refusal)),
        Err(fault) => return Err(fault.into()),
    };
    let narrowed = FIELDS.iter().any(|name| visit.get(name).is_some());
    let nearest = if rows.items.is_empty() && narrowed { nearest(&snapshot, visit.get("q").unwrap_or_default()).await? } else { Vec::new() };
    let lines = lines(&snapshot, &rows.items).await?;
    let json = query_path(
        "/api/v1/models",
        visit.query.iter().filter(|(name, value)| name != "as_of" && !value.is_empty()).map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let note = wrong.as_deref().map(wrong_note);
    let frame = own.frame(&snapshot, Area::Models, "Models").await?.present_only().json(json).with(note);
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let template = List {
        lede: lede(&lines, narrowed && wrong.is_none(), rows.next.is_some()),
        next: rows.next.map(|after| visit.with("after", Some(&after))),
        fields: fields(visit, wrong.as_deref()),
        rows: lines,
        nearest,
        narrowed,
        frame,
    };
    Ok(page(status, &template))
}

fn wrong_note(refusal: &Refusal) -> Note {
    let lines = vec!["The list below is not filtered.".to_owned()];
    Note { lines, ..Note::new(NoteKind::Refused, &sentence(&refusal.message)) }
}

fn fields(visit: &Visit, wrong: Option<&Refusal>) -> Fields {
    let get = |name: &str| visit.get(name).unwrap_or_default();
    let words = |words: &[(&'static str, &str)], chosen: &str| choices(words.iter().map(|(value, words)| (*value, (*words).to_owned())), chosen);
    Fields {
        q: get("q").to_owned(),
        wrong: wrong.filter(|refusal| refusal.field.as_deref() == Some("q")).map(|refusal| sentence(&refusal.message)).unwrap_or_default(),
        team: get("team").to_owned(),
        kinds: choices(ModelKind::ALL.iter().map(|kind| (kind.as_str(), kind.to_string())), get("kind")),
        states: choices(State::ALL.iter().map(|state| (state.as_str(), state.to_string())), get("state")),
        tiers: choices(RiskTier::ALL.iter().map(|tier| (tier.as_str(), tier.to_string())), get("tier")),
        has: words(
            &[
                (Has::Finding.as_str(), "an open finding"),
                (Has::Ungated.as_str(), "something ungated in production"),
                (Has::Promotion.as_str(), "an open promotion"),
                (Has::TierProposal.as_str(), "a tier that waits"),
            ],
            get("has"),
        ),
    }
}

/// The answer in words: how many, and how they stand.
fn lede(lines: &[Line], narrowed: bool, more: bool) -> String {
    if lines.is_empty() {
        return if narrowed { "No record that you may read matches." } else { "The registry holds no model that you may read." }.to_owned();
    }
    let here = counted(lines.len() as u64, "record", "records");
    let begin = match (narrowed, more) {
        (true, true) => format!("{here} that match are on this page, and more follow"),
        (true, false) if lines.len() == 1 => "1 record matches".to_owned(),
        (true, false) => format!("{here} match"),
        (false, true) => format!("{here} are on this page, by name, and more follow"),
        (false, false) if lines.len() == 1 => "1 record".to_owned(),
        (false, false) => format!("{here}, by name"),
    };
    let production = lines.iter().filter(|line| line.production.is_some()).count() as u64;
    let findings = lines.iter().filter(|line| line.findings > 0).count() as u64;
    let verb = |count: u64| if count == 1 { "has" } else { "have" };
    let none = |count: u64| if count == 0 { "none".to_owned() } else { count.to_string() };
    format!("{begin}: {} {} a version in production, {} {} an open finding.", none(production), verb(production), none(findings), verb(findings))
}

async fn lines(snapshot: &Snapshot, rows: &[ModelRow]) -> Result<Vec<Line>, AppError> {
    let mut standing: BTreeMap<ModelId, Standing> = models::standing(snapshot, rows).await?;
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let profile: Profile = serde_json::from_value(row.profile.clone()).map_err(|error| Fault::database("read a profile", error))?;
        let stands = standing.remove(&row.model_id).unwrap_or_default();
        let ungated = stands.production.iter().any(|(version, _)| version.ungated);
        let others = stands.production.len().saturating_sub(1);
        let production = stands.production.into_iter().next();
        lines.push(Line {
            name: row.name.to_string(),
            kind: row.kind.to_string(),
            tier: row.risk_tier.to_string(),
            owner: beginning(&profile.ownership.owner.unwrap_or_default()),
            team: profile.ownership.owning_team.map(|team| team.to_string()).unwrap_or_default(),
            production: production.map(|(version, since)| InProduction { number: version.number.get(), semver: version.semver, since, others, ungated }),
            newest: stands.newest.map(|version| Newest { number: version.number.get(), semver: version.semver, state: version.state }),
            findings: stands.findings,
            description: first_line(profile.description.as_deref().unwrap_or_default()),
        });
    }
    Ok(lines)
}

/// The beginning of the first line of a description.
fn first_line(text: &str) -> String {
    const MAX: usize = 90;
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let shown: String = line.chars().take(MAX).collect();
    if shown.len() < line.len() { format!("{shown}…") } else { shown }
}

/// Names that begin as the search does, or as its beginning does.
async fn nearest(snapshot: &Snapshot, text: &str) -> Result<Vec<String>, AppError> {
    let letters: Vec<char> = text.chars().filter(|letter| !letter.is_whitespace()).take(40).collect();
    let mut length = letters.len();
    while length > 0 {
        let prefix: String = letters.iter().take(length).collect();
        let filter = ModelFilter { prefix: Some(prefix), ..ModelFilter::default() };
        let Page { items, .. } = found(snapshot, &filter, &PageQuery { limit: Some(NEAREST), after: None }).await?;
        if !items.is_empty() {
            return Ok(items.into_iter().map(|row| row.name.to_string()).collect());
        }
        length /= 2;
    }
    Ok(Vec::new())
}
