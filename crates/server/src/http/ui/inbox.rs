//! `GET /`: what waits for me? In the order decide, fix, due; beside it what happened since the last visit, and how the record stands.

use std::borrow::Borrow;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use chancery_core::access::Role;
use chancery_core::approval::Effect;
use chancery_core::entry::Subject;
use chancery_core::names::{ActorId, Timestamp};
use chancery_core::tables::CheckpointRow;
use chancery_core::wording::counted;

use super::frame::{Area, Frame};
use super::layout::{Note, NoteKind, page};
use super::ledger::names::Names;
use super::session::{PageError, Shown};
use super::{Page, Visitor, filters};
use crate::app::as_of::Cut;
use crate::app::entries::{self, About, Ask};
use crate::app::inbox::{Decision, Duty, Question, What};
use crate::app::promotions::{recorded_failures, waits_for_others_alone};
use crate::app::{AppError, exceptions, view};
use crate::http::caller;
use crate::http::file::encode;
use crate::ledger::newest_checkpoint;
use crate::sentence::words::{Said, said};
use crate::store::Snapshot;
use crate::values;

/// Most items of a block; what is behind them is told by their number.
const MOST: usize = 20;
/// Entries since the last visit that are shown.
const RECENT: usize = 8;
/// Failed rules that an item names.
const RULES: usize = 5;
/// Longest words of an item, in letters.
const LONGEST: usize = 300;

/// The pages of this area.
pub(super) fn pages() -> Vec<Page> {
    vec![(("GET", "/", Visitor::Person), get(show))]
}

/// An item: something to decide, to mend, or that comes due.
struct Item {
    path: String,
    title: String,
    why: String,
    tier: Option<String>,
    when: When,
    go: String,
}

/// Beside an item.
enum When {
    Since(Timestamp),
    Due(Timestamp),
    Late(Timestamp),
    Nothing,
}

/// An entry since the last visit.
struct Line {
    index: u64,
    said: Said,
    path: String,
    subject: String,
    who: String,
}

impl Line {
    /// The mark before the line.
    fn class(&self) -> &'static str {
        match self.said.mark() {
            Some("fail") => "no",
            Some(_) => "key",
            None => "",
        }
    }
}

struct Recent {
    /// Since when; none when there was no visit before.
    since: Option<Timestamp>,
    lines: Vec<Line>,
    /// The whole list.
    all: String,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct Inbox {
    frame: Frame,
    roles: Vec<String>,
    no_role: bool,
    decide: Vec<Item>,
    fix: Vec<Item>,
    due: Vec<Item>,
    counts: [usize; 3],
    recent: Recent,
    checkpoint: Option<CheckpointRow>,
    exceptions: u64,
    open: u64,
}

impl Inbox {
    /// In what the person decides, in words.
    fn signs(&self) -> String {
        match self.roles.as_slice() {
            [] => String::new(),
            [one] => one.clone(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
        }
    }

    fn overdue(&self) -> usize {
        self.fix.iter().filter(|item| matches!(item.when, When::Late(_))).count()
    }

    fn nothing(&self) -> bool {
        self.counts == [0, 0, 0]
    }

    fn decisions(&self) -> usize {
        self.counts[0]
    }

    fn fixes(&self) -> usize {
        self.counts[1]
    }

    fn dues(&self) -> usize {
        self.counts[2]
    }

    fn many(&self, count: impl Borrow<usize>) -> bool {
        *count.borrow() > MOST
    }
}

/// `GET /`: also for somebody without a role, who is told how to get one.
pub(super) async fn show(mut own: Shown<caller::ManageOwnAccount>) -> Result<Response, PageError> {
    let note = own.visit.get("as_of").map(|_| Note::new(NoteKind::Told, "What waits for you is about the present: this page shows no past"));
    own.visit.query.retain(|(name, _)| name != "as_of");
    let (app, caller) = (&own.allowed.app, &own.allowed.caller);
    let since = last_here(&own).await?;
    let snapshot = own.allowed.read().await?;
    let decisions = app.decisions(caller, &snapshot).await?;
    let duties = app.duties(caller, &snapshot).await?;
    let counts = [decisions.len(), duties.fix.len(), duties.due.len()];
    let now = app.now();
    let names = names(&snapshot, &decisions, duties.fix.iter().chain(&duties.due)).await?;
    let items = |duties: Vec<Duty>| duties.into_iter().take(MOST).map(|duty| duty_item(duty, &names, now)).collect();
    let mut roles: Vec<String> = caller.actor.roles.iter().filter_map(|grant| approver(&grant.role)).collect();
    roles.extend(caller.actor.delegated.iter().map(|delegated| format!("{} (standing in)", delegated.role)));
    roles.sort();
    roles.dedup();
    let inbox = Inbox {
        frame: own.frame(&snapshot, Area::Inbox, "What waits for you").await?.present_only().with(note),
        no_role: caller.actor.roles.is_empty() && caller.actor.delegated.is_empty(),
        roles,
        decide: decisions.iter().take(MOST).map(|decision| decision_item(decision, &names)).collect(),
        fix: items(duties.fix),
        due: items(duties.due),
        counts,
        recent: recent(&own, &snapshot, since).await?,
        checkpoint: newest_checkpoint(&snapshot).await.map_err(AppError::from)?,
        exceptions: exceptions::count(&snapshot, now, 1_000).await?,
        open: some(&snapshot, "SELECT 1 AS one FROM promotions WHERE status = 'open' AND opened_index >= $1 LIMIT 1000", &values![0_u64]).await?,
    };
    Ok(page(StatusCode::OK, &inbox))
}

fn approver(role: &Role) -> Option<String> {
    match role {
        Role::Approver(role) => Some(role.to_string()),
        Role::Viewer | Role::Contributor | Role::Owner | Role::Deployer | Role::Incident | Role::Auditor | Role::Administrator => None,
    }
}

/// How many rows a bounded query gives.
async fn some(snapshot: &Snapshot, query: &str, parameters: &[chancery_core::rows::Value]) -> Result<u64, AppError> {
    let rows = snapshot.query(&format!("SELECT count(*) FROM ({query}) AS found"), parameters).await?;
    rows.first().map_or(Ok(0), |row| view::column(row, 0))
}

/// The names of everything that items are about.
async fn names(snapshot: &Snapshot, decisions: &[Decision], duties: impl Iterator<Item = &Duty>) -> Result<Names, AppError> {
    let actors: Vec<ActorId> = decisions.iter().flat_map(concerned).cloned().collect();
    let subjects: Vec<Subject> = duties.take(2 * MOST).map(|duty| duty.subject.clone()).collect();
    Names::of_subjects(snapshot, &subjects, &actors).await
}

/// The people whom an item names.
fn concerned(decision: &Decision) -> Vec<&ActorId> {
    match &decision.question {
        Question::Promotion { .. } => Vec::new(),
        Question::Exception(row, _) => vec![&row.requested_by],
        Question::Tier(row, _) => vec![&row.proposed_by],
        Question::Grant { row, .. } => vec![&row.proposed_by, &row.actor_id],
        Question::Transfer { row, .. } => vec![&row.proposed_by],
        Question::Bundle(row) => vec![&row.uploaded_by],
        Question::AccessPolicy(row) => vec![&row.installed_by],
        Question::Template(row) => vec![&row.added_by],
    }
}

fn decision_item(decision: &Decision, names: &Names) -> Item {
    let roles = decision.roles.join(" or ");
    // What a second person puts in force: it has no tier, and belongs to no environment.
    let second = |path: String, title: String, why: String| Item { path, title, why, tier: None, when: When::Since(decision.since), go: String::new() };
    match &decision.question {
        Question::Promotion { row, model, approved, open } => {
            let approved = if approved.is_empty() { "Nobody has approved yet".to_owned() } else { format!("Approved: {}", approved.join(", ")) };
            let failed = match recorded_failures(&row.missing).len() {
                0 if waits_for_others_alone(&row.missing) => "no rule failed when last recorded but those that wait for approvals and the pipeline".to_owned(),
                0 => "no rule failed when last recorded".to_owned(),
                some => format!("{} failed when last recorded", counted(some, "rule", "rules")),
            };
            Item {
                path: format!("/promotions/{}", row.promotion_id),
                title: format!("Move {}/{} to {}", model.name, row.number, row.target),
                why: format!("{approved}; open: {}; {failed}. Your verdict as {roles} is asked for.", open.join(", ")),
                tier: Some(row.risk_tier.to_string()),
                when: When::Since(decision.since),
                go: row.environment.to_string(),
            }
        }
        Question::Exception(row, model) => Item {
            path: format!("/exceptions/{}", row.exception_id),
            title: format!("Waive {} for {}/{}", row.rule, model.name, row.number),
            why: format!("{} asks for an exception until {}. You may grant or refuse it as {roles}.", names.actor(&row.requested_by), row.expires_at),
            tier: Some(model.risk_tier.to_string()),
            when: When::Since(decision.since),
            go: String::new(),
        },
        Question::Tier(row, model) => Item {
            path: format!("/models/{}", encode(model.name.as_str())),
            title: format!("Lower the risk tier of {} from {} to {}", model.name, model.risk_tier, row.risk_tier),
            why: format!("{} proposes it. You may confirm or reject it as {roles}.", names.actor(&row.proposed_by)),
            tier: Some(model.risk_tier.to_string()),
            when: When::Since(decision.since),
            go: String::new(),
        },
        Question::Grant { row, user } => {
            let words: Vec<String> = row.grants().iter().map(ToString::to_string).collect();
            let named: Vec<String> = words.iter().map(|role| format!("--role {role}")).collect();
            second(
                format!("/admin/people/{}", encode(user.as_str())),
                format!("Give {} to {}", words.join(", "), names.actor(&row.actor_id)),
                format!(
                    "{} proposes it; a second administrator confirms or rejects it. By command: chancery grant confirm {user} {}.",
                    names.actor(&row.proposed_by),
                    named.join(" ")
                ),
            )
        }
        Question::Transfer { row, name, readable } => second(
            // Until it is taken over its page may not be shown to him.
            if *readable { format!("/models/{}", encode(name.as_str())) } else { String::new() },
            match &row.from_team {
                Some(from) => format!("Transfer the model {name} from team {from} to team {}", row.to_team),
                None => format!("Give the model {name} to team {}", row.to_team),
            },
            format!(
                "{} proposes it; the other side accepts or rejects it. By command: chancery model transfer accept {name} {}.",
                names.actor(&row.proposed_by),
                row.to_team
            ),
        ),
        Question::Bundle(row) => second(
            names.subject(&Subject::Bundle(row.digest)).path,
            format!("Put the {} in force", names.subject(&Subject::Bundle(row.digest)).words),
            format!(
                "{} uploaded it; another person activates it. By command: chancery policy activate {} --reason TEXT.",
                names.actor(&row.uploaded_by),
                row.digest
            ),
        ),
        Question::AccessPolicy(row) => second(
            names.subject(&Subject::AccessPolicy(row.digest)).path,
            format!("Put the {} in force", names.subject(&Subject::AccessPolicy(row.digest)).words),
            format!(
                "{} installed them; another administrator activates them. By command: chancery access-policy activate {} --reason TEXT.",
                names.actor(&row.installed_by),
                row.digest
            ),
        ),
        Question::Template(row) => second(
            names.subject(&Subject::Template(row.name.clone())).path,
            format!("Approve version {} of the template {}", row.version, row.name),
            format!("{} added it; another person approves it. By command: chancery template approve {}@{}.", names.actor(&row.added_by), row.name, row.version),
        ),
    }
}

fn duty_item(duty: Duty, names: &Names, now: Timestamp) -> Item {
    let about = names.subject(&duty.subject);
    let when = match (duty.due, duty.since) {
        (Some(due), _) if due <= now => When::Late(due),
        (Some(due), _) => When::Due(due),
        (None, Some(since)) => When::Since(since),
        (None, None) => When::Nothing,
    };
    let (title, why) = match duty.what {
        What::Finding { rule, message } => (format!("{rule}: {}", about.words), message),
        What::Condition { text, owner, effect } => {
            (format!("Condition: {text}"), format!("An approval of {} carries it; {owner} owes it. If it is missed: {}.", about.words, effect_words(effect)))
        }
        What::Review { id, about: kind, owner } => {
            (format!("Review ({kind}) of {}", about.words), format!("Owed by {owner}. When it is done: chancery review done {id} --outcome OUTCOME."))
        }
        What::Blocked { rules } => {
            let (shown, rest) = rules.split_at(rules.len().min(RULES));
            let rest = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let failed = counted(rules.len(), "rule", "rules");
            (format!("The {} is held up", about.words), format!("You opened it; {failed} failed when last recorded: {}{rest}.", shown.join(", ")))
        }
        What::Exception { rule } => (format!("The exception from {rule} ends"), format!("You asked for {}.", about.words)),
    };
    let path = match &duty.subject {
        Subject::Version(model, number) => names.model(model).map_or(about.path, |name| format!("/models/{}/{number}/findings", encode(name))),
        Subject::Registry
        | Subject::Model(_)
        | Subject::Promotion(_)
        | Subject::Actor(_)
        | Subject::Token(_)
        | Subject::Exception(_)
        | Subject::Risk(_)
        | Subject::Review(_)
        | Subject::Bundle(_)
        | Subject::Template(_)
        | Subject::Team(_)
        | Subject::AccessPolicy(_) => about.path,
    };
    Item { path, title: clip(&title), why: clip(&why), tier: None, when, go: String::new() }
}

fn clip(text: &str) -> String {
    let cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

fn effect_words(effect: Effect) -> &'static str {
    match effect {
        Effect::Finding => "a finding opens",
        Effect::Block => "further promotions are blocked",
        Effect::Deprecate => "the version is deprecated",
    }
}

/// When the person was here before this session.
async fn last_here(own: &Shown<caller::ManageOwnAccount>) -> Result<Option<Timestamp>, AppError> {
    let app = &own.allowed.app;
    let sessions = if app.is_open() { Vec::new() } else { app.sessions(&own.allowed.caller).await? };
    Ok(sessions.iter().filter(|view| view.id != own.session.session).map(|view| view.used_at).max())
}

/// What happened since then.
async fn recent(own: &Shown<caller::ManageOwnAccount>, snapshot: &Snapshot, since: Option<Timestamp>) -> Result<Recent, AppError> {
    let (app, caller) = (&own.allowed.app, &own.allowed.caller);
    let from = match since {
        // Before the first entry there was nothing.
        Some(since) => Cut::at_time(snapshot, since).await.map_or(0, |cut| cut.index().saturating_add(1)),
        None => 0,
    };
    let whole = app.reads_entries(caller);
    let before = snapshot.head().size;
    let ask = Ask { about: About::Anything, kind: None, refusals: false, actor: None, door: None, from, before, whole };
    let found = entries::newest(snapshot, &ask, RECENT).await?;
    let names = Names::of(snapshot, &found.entries, &[]).await?;
    let line = |entry: &entries::Shown| {
        let subject = names.subject(&entry.subject);
        Line { index: entry.index, said: said(&entry.kind, &entry.data), path: subject.path, subject: subject.words, who: names.actor(&entry.actor) }
    };
    let since_text = since.map(|since| since.to_string());
    let all = super::frame::query_path("/ledger", since_text.iter().map(|since| ("from", since.as_str())));
    Ok(Recent { since, lines: found.entries.iter().map(line).collect(), all })
}
