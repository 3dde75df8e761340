//! The page of a version: what is it, can I believe it, and what is missing?

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::{ModelName, State, Timestamp, VersionNumber};
use chancery_core::policy::Input;
use chancery_core::tables::ExceptionRow;
use chancery_core::wording::counted;

use super::act::Acts;
use super::drawing::{Drawing, draw};
use super::evidence::{Document, documents};
use super::facts::{Fact, commit, facts, problems};
use super::files::{FileLine, Scans};
use super::gate::{Checked, Missing, Tally, Told};
use super::subject::{Subject, Version, path_of, read, subject, version_at};
use super::words::cut;
use crate::app::lineage::{Direction, drawn};
use crate::app::{AppError, exceptions, way_back};

use crate::app::promotions::PromotionSummary;
use crate::app::view::{self, StateView};
use crate::http::api::check::examined;
use crate::http::ui::filters;
use crate::http::ui::form::Fields;
use crate::http::ui::frame::Frame;
use crate::http::ui::layout::{Note, page};
use crate::http::ui::session::{PageError, Path, Shown};
use crate::http::{PageQuery, Permit, caller};
use crate::store::Snapshot;

/// Files, documents, tags, aliases, parts and promotions on this page; the whole lists have pages of their own, or are in its JSON.
const FILES: usize = 10;
const DOCUMENTS: u32 = 15;
const TAGS: usize = 12;
const ALIASES: usize = 10;
const PARTS: usize = 50;
const PROMOTIONS: u32 = 5;
/// States that a version came into.
const STATES: u32 = 20;

/// What a form left behind.
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) note: Option<Note>,
    pub(super) kept: Fields,
}

/// What stands between the version and production.
struct Way {
    checked: Checked,
    missing: Vec<Missing>,
    tally: Tally,
    open: Vec<Told>,
    held: String,
}

/// A step of the way to production.
struct Step {
    state: State,
    /// When and by which entry it was taken; none when it is ahead.
    taken: Option<(u64, String)>,
    /// What is to be said of it.
    words: String,
}

#[derive(Template)]
#[template(path = "version.html")]
struct Show {
    frame: Frame,
    v: Version,
    registrar: String,
    commit: Option<String>,
    description: String,
    way: Option<Way>,
    since: Option<StateView>,
    /// Whether it came into its state by a rollback.
    rolled_back_to: bool,
    /// The page of the rollback that leads away from it, or back to it.
    rollback: Option<String>,
    /// Exceptions that waive rules for it now.
    waivers: Vec<ExceptionRow>,
    successor: Option<String>,
    facts: Vec<Fact>,
    problems: Vec<String>,
    files: Vec<FileLine>,
    scans: String,
    drawing: Drawing,
    documents: Vec<Document>,
    more_documents: bool,
    steps: Vec<Step>,
    past: Vec<StateView>,
    promotions: Vec<PromotionSummary>,
    tags: Vec<(String, String)>,
    more_tags: usize,
    more_aliases: usize,
    more_parts: usize,
    acts: Acts,
}

/// `GET /models/{name}/{number}`.
pub(super) async fn show(own: Shown<caller::Read>, Path(place): Path<(String, String)>) -> Result<Response, PageError> {
    let (name, number) = version_at(&place)?;
    shown(&own, &name, number, Said { status: StatusCode::OK, note: None, kept: Fields::default() }).await
}

/// The page, with what a form left behind.
pub(super) async fn shown<P: Permit>(own: &Shown<P>, name: &ModelName, number: VersionNumber, said: Said) -> Result<Response, PageError> {
    let (checked, input) = examined(&own.allowed, name, number, State::Production).await?;
    let snapshot = own.allowed.read().await?;
    let subject = subject(own, &snapshot, name, number).await?;
    // The gates are asked about now.
    let checked: Option<Checked> = checked.filter(|_| subject.cut.is_none()).map(read).transpose()?;
    let acts = Acts::of(own, &subject, said.kept).await?;
    let frame = subject.frame(own, &snapshot).await?.with(said.note);
    Ok(page(said.status, &made(&snapshot, frame, subject, (checked, &input), acts, own.allowed.app.now()).await?))
}

async fn made(
    snapshot: &Snapshot,
    frame: Frame,
    subject: Subject,
    (checked, input): (Option<Checked>, &Input),
    acts: Acts,
    now: Timestamp,
) -> Result<Show, AppError> {
    let promotions = PromotionSummary::of_version(snapshot, &subject.row, PROMOTIONS).await?;
    let open = promotions.iter().find(|promotion| promotion.status == "open" && promotion.target == "production").map(|promotion| promotion.id.as_str());
    let cut_at = subject.cut.map_or(u64::MAX >> 1, |cut| cut.index());
    let past = view::states(snapshot, &subject.row, cut_at, STATES).await?;
    let query = PageQuery { limit: Some(DOCUMENTS), after: None };
    let (documents, next) = documents(snapshot, &subject.row, subject.cut, &query).await?;
    let manifest = view::manifest(snapshot, &subject.row).await?;
    let scans = Scans::of(input);
    let drawing = draw(&drawn(snapshot, &subject.model, &subject.row, Direction::Both, 1).await?);
    // What could be done, and what is waived, is asked about now.
    let (back, waivers) = match subject.cut {
        None => (way_back(snapshot, &subject.model, &subject.row).await?, exceptions::of_version(snapshot, &subject.row, None, now).await?),
        Some(_) => (None, Vec::new()),
    };
    let mut v = subject.version;
    let more_aliases = v.aliases.len().saturating_sub(ALIASES);
    let more_parts = v.composition.len().saturating_sub(PARTS);
    v.aliases.truncate(ALIASES);
    v.composition.truncate(PARTS);
    let way = checked.map(|checked| Way { missing: checked.missing(&v, open), tally: checked.tally(), open: checked.open(&v), held: checked.held(), checked });
    Ok(Show {
        frame,
        registrar: subject.registrar,
        commit: commit(&v),
        description: cut(&v.description, 400),
        steps: steps(&v, &past, way.as_ref()),
        since: past.iter().find(|state| state.state.as_str() == v.state).map(|state| StateView { state: state.state, index: state.index, at: state.at }),
        rolled_back_to: matches!(past.as_slice(), [now, before, ..] if now.state == State::Production && before.state == State::Deprecated),
        rollback: back.map(|number| format!("{}/rollback", path_of(v.name(), number.get()))),
        waivers,
        successor: v.successor.map(|number| path_of(v.name(), number)),
        way,
        facts: facts(&v),
        problems: problems(&v),
        files: scans.worst(&v, manifest.files(), FILES),
        scans: scans.sentence(manifest.files()),
        drawing,
        documents,
        more_documents: next.is_some(),
        past,
        promotions,
        tags: v.tags.iter().take(TAGS).map(|(key, value)| (key.clone(), cut(value, 80))).collect(),
        more_aliases,
        more_parts,
        more_tags: v.tags.len().saturating_sub(TAGS),
        acts,
        v,
    })
}

/// The way to production: what was reached, and what stands before the rest.
fn steps(version: &Version, past: &[StateView], way: Option<&Way>) -> Vec<Step> {
    let now = State::parse(&version.state).unwrap_or(State::Draft);
    let on_the_way = now <= State::Production;
    let step = |state: &State| {
        let reached = past.iter().find(|known| known.state == *state).filter(|_| !on_the_way || *state <= now);
        let failing = way.map_or(0, |way| way.checked.failing_at(state.as_str()));
        let words = match (reached, on_the_way, failing) {
            (Some(_), _, _) => String::new(),
            (None, true, _) if *state <= now => "passed on the way".to_owned(),
            (None, true, 0) => "no rule of this gate fails".to_owned(),
            (None, true, failing) => format!("{} of this gate", counted(failing, "rule fails", "rules fail")),
            (None, false, _) => "not reached".to_owned(),
        };
        Step { state: *state, taken: reached.map(|known| (known.index, known.at.to_string())), words }
    };
    [State::Draft, State::Candidate, State::Approved, State::Production].iter().map(step).collect()
}
