//! A model: what is in production, since when, and what comes next?

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::alias::promised;
use chancery_core::names::{ModelName, State, Timestamp, VersionNumber};
use chancery_core::tables::{AliasRow, FindingRow, ModelRow, OPEN, VersionRow};
use chancery_core::wording::counted;

use super::super::filters;
use super::super::filters::Html;
use super::super::frame::{Area, Frame, cut};
use super::super::layout::{Note, page};
use super::super::session::{PageError, Path, Shown};
use super::chart;
use super::facts::{Fact, facts};
use super::forms::{Forms, Kept};
use super::parts::{LogLine, beginning, model_name};
use crate::app::AppError;
use crate::app::as_of::{self, Cut, Past};
use crate::app::models::{self, OpenPromotion, Window};
use crate::app::view::{self, ModelView};
use crate::http::api::history::history_of_model;
use crate::http::extract::cursor;
use crate::http::{PageQuery, caller};
use crate::store::Snapshot;
use crate::values;

/// Versions of a page.
const VERSIONS: usize = 50;
/// Changes that may be chosen to look back at; the newest of them are the history of the page.
const CHANGES: u32 = 20;
const HISTORY: usize = 5;
/// Most findings, aliases and tags that a page shows.
const MAX_FINDINGS: i64 = 20;
const MAX_ALIASES: usize = 50;
const MAX_TAGS: usize = 30;

#[derive(Template)]
#[template(path = "models-show.html")]
struct Show {
    frame: Frame,
    name: String,
    kind: String,
    tier: String,
    lede: Lede,
    chart: Option<Html>,
    windows: Vec<Window>,
    changes: Vec<LogLine>,
    versions: Vec<VersionLine>,
    older: Option<String>,
    compare: Option<(u64, u64)>,
    history: Vec<LogLine>,
    aliases: Vec<AliasLine>,
    aliases_left: usize,
    tags: Vec<TagLine>,
    tags_left: usize,
    facts: Vec<Fact>,
    missing: Vec<&'static str>,
    findings: Vec<FindingLine>,
    forms: Forms,
}

/// The answer of the page.
struct Lede {
    purpose: String,
    production: Vec<(u64, String, Option<Timestamp>)>,
    newest: Option<(u64, State)>,
    waiting: Vec<String>,
}

struct VersionLine {
    number: u64,
    semver: String,
    state: State,
    ungated: bool,
    aliases: Vec<String>,
    at: Timestamp,
    by: String,
    open: Vec<(String, String)>,
    sunset: Option<Timestamp>,
}

struct AliasLine {
    alias: String,
    number: u64,
    since: Option<Timestamp>,
    promises: String,
}

struct TagLine {
    key: String,
    value: String,
    long: bool,
}

struct FindingLine {
    rule: String,
    message: String,
    due: Option<Timestamp>,
    index: u64,
}

/// What was read of the model.
struct Read {
    row: ModelRow,
    view: ModelView,
    past: Option<Past>,
    cut: Option<Cut>,
}

/// `GET /models/{name}`.
pub(in super::super) async fn show(own: Shown<caller::Read>, Path(name): Path<String>) -> Result<Response, PageError> {
    rendered(&own, &model_name(&name)?, StatusCode::OK, None, Kept::default()).await
}

/// The page of a model, with a note and what was filled into its forms.
pub(super) async fn rendered(own: &Shown<caller::Read>, name: &ModelName, status: StatusCode, note: Option<Note>, kept: Kept) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let read = read(&snapshot, own, name).await?;
    let Read { row, view, past, cut } = &read;
    let path = format!("/models/{}", crate::http::file::encode(&view.name));
    let json = as_of_query(&format!("/api/v1{path}"), *cut);
    let mut frame = own.frame(&snapshot, Area::Models, &view.name).await?.under("/models", "Models").json(json).with(note);
    if let (Some(bar), Some(cut)) = (&mut frame.past, *cut) {
        let (earlier, later) = models::neighbours(&snapshot, &row.model_id, cut).await?;
        bar.earlier = earlier.map(|index| format!("{path}?as_of={index}"));
        bar.later = later.map(|index| format!("{path}?as_of={index}"));
    }
    let now = frame.past.as_ref().and_then(|past| past.at).unwrap_or(snapshot.head().at);
    let changes = history_of_model(&snapshot, &row.model_id, &PageQuery { limit: Some(CHANGES), after: None }, *cut).await?;
    let changes: Vec<LogLine> = changes.items.iter().map(LogLine::from).collect();
    let windows = models::windows(&snapshot, row, *cut).await?;
    let open = if cut.is_some() { Vec::new() } else { models::open_promotions(&snapshot, row).await? };
    let (rows, older) = version_rows(&snapshot, row, past.as_ref(), own.visit.get("after")).await?;
    let alias_rows = alias_rows(&snapshot, row, past.as_ref()).await?;
    let (tags, tags_left) = tag_lines(view);
    let (facts, missing) = facts(view, row);
    let template = Show {
        name: view.name.clone(),
        kind: view.kind.clone(),
        tier: view.risk_tier.clone(),
        lede: lede(view, &windows, &open, rows.first()),
        chart: chart::production(&windows, now),
        compare: compared(view, &rows),
        versions: version_lines(&snapshot, &rows, &alias_rows, &open).await?,
        older: older.map(|after| own.visit.with("after", Some(&after))),
        history: history_lines(&changes),
        aliases: alias_lines(&snapshot, row, &alias_rows, past.as_ref()).await?,
        aliases_left: alias_rows.len().saturating_sub(MAX_ALIASES),
        findings: if cut.is_some() { Vec::new() } else { findings(&snapshot, row).await? },
        forms: Forms::of(own, snapshot.head().size.saturating_sub(1), row, view, kept),
        windows,
        changes,
        tags,
        tags_left,
        facts,
        missing,
        frame,
    };
    Ok(page(status, &template))
}

/// An address with the moment that the page shows.
pub(super) fn as_of_query(path: &str, cut: Option<Cut>) -> String {
    cut.map_or_else(|| path.to_owned(), |cut| format!("{path}?as_of={}", cut.index()))
}

async fn read(snapshot: &Snapshot, own: &Shown<caller::Read>, name: &ModelName) -> Result<Read, AppError> {
    let Some(cut) = cut(snapshot, &own.visit).await? else {
        let row = view::model_named(snapshot, name).await?;
        let view = view::model(snapshot, &row).await?;
        return Ok(Read { row, view, past: None, cut: None });
    };
    let past = as_of::model_named(snapshot, name, cut).await?;
    let view = past.model(snapshot).await?;
    Ok(Read { row: past.model_row().clone(), view, past: Some(past), cut: Some(cut) })
}

/// A page of versions, newest first, and where the next begins.
async fn version_rows(snapshot: &Snapshot, model: &ModelRow, past: Option<&Past>, after: Option<&str>) -> Result<(Vec<VersionRow>, Option<String>), AppError> {
    let page = PageQuery { limit: None, after: after.map(str::to_owned) };
    let before = crate::http::api::number_cursor(&page)?.unwrap_or(OPEN);
    let mut rows: Vec<VersionRow> = match past {
        Some(past) => past.listed(before).take(VERSIONS + 1).cloned().collect(),
        None => {
            let tail = "WHERE model_id = $1 AND hidden = 0 AND number < $2 ORDER BY number DESC LIMIT $3";
            snapshot.rows(tail, &values![model.model_id, before, VERSIONS as i64 + 1]).await?
        }
    };
    let more = rows.len() > VERSIONS;
    rows.truncate(VERSIONS);
    let next = rows.last().filter(|_| more).map(|row| cursor(&row.number.to_string()));
    Ok((rows, next))
}

async fn version_lines(snapshot: &Snapshot, rows: &[VersionRow], aliases: &[AliasRow], open: &[OpenPromotion]) -> Result<Vec<VersionLine>, AppError> {
    let names = models::names(snapshot, rows.iter().map(|row| row.registered_by.clone()).collect()).await?;
    let line = |row: &VersionRow| {
        let promotion = |open: &OpenPromotion| (open.id.to_string(), format!("to {}, {}", open.target, failed(open)));
        VersionLine {
            number: row.number.get(),
            semver: row.semver.clone(),
            state: row.state,
            ungated: row.ungated,
            aliases: aliases.iter().filter(|alias| alias.number == row.number).take(MAX_ALIASES).map(|alias| alias.alias.to_string()).collect(),
            at: row.registered_at,
            by: names.get(&row.registered_by).cloned().unwrap_or_default(),
            open: open.iter().filter(|open| open.number == row.number).map(promotion).collect(),
            sunset: row.sunset,
        }
    };
    Ok(rows.iter().map(line).collect())
}

async fn alias_rows(snapshot: &Snapshot, model: &ModelRow, past: Option<&Past>) -> Result<Vec<AliasRow>, AppError> {
    match past {
        Some(past) => Ok(past.aliases().to_vec()),
        None => Ok(snapshot.rows("WHERE model_id = $1 ORDER BY alias", &values![model.model_id]).await?),
    }
}

async fn alias_lines(snapshot: &Snapshot, model: &ModelRow, rows: &[AliasRow], past: Option<&Past>) -> Result<Vec<AliasLine>, AppError> {
    let shown = rows.iter().take(MAX_ALIASES);
    let since: BTreeMap<u64, Timestamp> = models::moments(snapshot, shown.clone().map(|row| row.revision).collect()).await?;
    let bound: BTreeSet<VersionNumber> = shown.clone().filter(|row| promised(&row.alias).is_some()).map(|row| row.number).collect();
    let states = match past {
        Some(past) => bound.into_iter().filter_map(|number| Some((number, past.state(number)?))).collect(),
        None => models::states(snapshot, &model.model_id, bound).await?,
    };
    let line = |row: &AliasRow| AliasLine {
        alias: row.alias.to_string(),
        number: row.number.get(),
        since: since.get(&row.revision).copied(),
        promises: promised(&row.alias).map_or_else(|| "Free".to_owned(), |kept| promise(kept, row.number, states.get(&row.number).copied())),
    };
    Ok(shown.map(line).collect())
}

/// What an alias promises, and whether its version keeps it: one that was set rightly stays where it is when the version moves.
fn promise(states: &[State], number: VersionNumber, state: Option<State>) -> String {
    let words = states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(" or ");
    match state {
        Some(state) if !states.contains(&state) => format!("Promises {words}, and version {number} is {state}"),
        Some(_) | None => format!("Promises {words}"),
    }
}

fn tag_lines(view: &ModelView) -> (Vec<TagLine>, usize) {
    let line = |(key, value): (&String, &String)| {
        let shown = beginning(value);
        TagLine { key: key.clone(), long: shown.len() != value.len(), value: shown }
    };
    (view.tags.iter().take(MAX_TAGS).map(line).collect(), view.tags.len().saturating_sub(MAX_TAGS))
}

async fn findings(snapshot: &Snapshot, model: &ModelRow) -> Result<Vec<FindingLine>, AppError> {
    let tail = "WHERE model_id = $1 AND status = 'open' ORDER BY opened_index DESC LIMIT $2";
    let rows = snapshot.rows::<FindingRow>(tail, &values![model.model_id, MAX_FINDINGS]).await?;
    Ok(rows.into_iter().map(|row| FindingLine { message: beginning(&row.message), rule: row.rule, due: row.due, index: row.opened_index }).collect())
}

fn history_lines(changes: &[LogLine]) -> Vec<LogLine> {
    changes.iter().take(HISTORY).cloned().collect()
}

/// What to compare: the version in production with the newest one.
fn compared(view: &ModelView, rows: &[VersionRow]) -> Option<(u64, u64)> {
    let newest = rows.first().map(|row| row.number.get())?;
    let other = view.production.iter().copied().chain(rows.get(1).map(|row| row.number.get())).find(|number| *number != newest)?;
    Some((other.min(newest), other.max(newest)))
}

/// What failed of an open promotion.
fn failed(open: &OpenPromotion) -> String {
    match open.missing {
        0 if open.waits => "nothing failed when last recorded but what waits for approvals and the pipeline".to_owned(),
        0 => "nothing failed when last recorded".to_owned(),
        some => counted(some, "rule failed when last recorded", "rules failed when last recorded"),
    }
}

fn lede(view: &ModelView, windows: &[Window], open: &[OpenPromotion], newest: Option<&VersionRow>) -> Lede {
    let since = |number: u64| windows.iter().find(|window| window.number == number && window.to.is_none());
    let production = view
        .production
        .iter()
        .map(|number| (*number, since(*number).map(|window| window.semver.clone()).unwrap_or_default(), since(*number).and_then(|window| window.from.1)));
    let waits = |open: &OpenPromotion| format!("version {} waits for {}: {}", open.number, open.target, failed(open));
    Lede {
        purpose: beginning(view.profile.description.as_deref().or(view.profile.use_case.as_deref()).unwrap_or_default().trim()),
        production: production.take(5).collect(),
        newest: newest.map(|row| (row.number.get(), row.state)),
        waiting: open.iter().take(3).map(waits).collect(),
    }
}

#[cfg(test)]
mod tests {
    use chancery_core::names::AliasName;

    use super::*;

    #[test]
    fn an_alias_says_when_its_version_does_not_keep_the_promise() {
        let number = VersionNumber::new(3).unwrap();
        let told = |alias: &str, state: State| promised(&AliasName::parse(alias).unwrap()).map(|states| promise(states, number, Some(state)));
        assert_eq!(told("champion", State::Production).as_deref(), Some("Promises production"));
        assert_eq!(told("champion", State::Draft).as_deref(), Some("Promises production, and version 3 is draft"));
        assert_eq!(told("challenger", State::Deprecated).as_deref(), Some("Promises approved or production, and version 3 is deprecated"));
        assert_eq!(told("mine", State::Draft), None);
    }
}
