//! `GET /promotions/{id}`: may this go to the target, and do I sign? The order of the page is the argument.

use std::borrow::Borrow;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::names::{PromotionId, Timestamp};
use chancery_core::promotion::waits_for_others;
use chancery_core::tables::DecisionRow;
use chancery_core::wording::counted;

use super::super::filters;
use super::super::form::Fields;
use super::super::frame::{Area, Frame};
use super::super::layout::{Link, Note, NoteKind, page};
use super::super::open;
use super::super::session::{PageError, Path, Shown};
use super::finding::{self, Line, names};
use super::hand::{Hand, Turn, why_not};
use super::score::{self, Score, scores};
use super::words::{clip, difference, joined};
use crate::app::promotions::{ApprovalView, Ending, PromotionView};
use crate::http::{Permit, caller};

/// Most facts, files, documents and comments of a page; the comparison and the JSON have all.
const MOST_FACTS: usize = 20;
const MOST_FILES: usize = 15;
const MOST_DOCUMENTS: usize = 12;
const MOST_COMMENTS: usize = 20;
/// Longest comment of a page, in letters.
const LONGEST: usize = 1_000;

/// What a missed condition leads to: value and words.
const EFFECTS: [(&str, &str); 3] =
    [("block", "further promotions are blocked"), ("deprecate", "the version is deprecated"), ("finding", "only a finding opens")];

/// A fact that differs.
struct Fact {
    path: String,
    old: Option<String>,
    new: Option<String>,
    grade: Option<String>,
}

/// A form that was refused: which one, what was in it, and which field was wrong.
#[derive(Default)]
pub(super) struct Refused {
    /// Which form.
    pub(super) form: String,
    /// What was filled in.
    pub(super) fields: Fields,
    /// The field, and what is wrong with it.
    pub(super) wrong: Option<(String, String)>,
    /// What to say.
    pub(super) note: Option<Note>,
}

#[derive(Template)]
#[template(path = "promotion-show.html")]
struct Show {
    frame: Frame,
    view: PromotionView,
    hand: Hand,
    ending: Option<Ending>,
    refused: Refused,
    now: Timestamp,
    facts: Vec<Fact>,
    scores: Vec<Score>,
    own_findings: Vec<Line>,
    other_findings: Vec<Line>,
    not_applicable: usize,
    tally: (usize, usize, usize),
    expires_at: Timestamp,
}

impl Show {
    fn path(&self) -> String {
        format!("/promotions/{}", self.view.id)
    }

    fn open(&self) -> bool {
        self.view.status == "open"
    }

    /// Approvals that are missing.
    fn waiting(&self) -> usize {
        let missing = self.view.roles.iter().map(|role| role.needed.saturating_sub(role.given)).sum::<u64>();
        if self.open() { usize::try_from(missing).unwrap_or(usize::MAX) } else { 0 }
    }

    fn several(&self, count: impl Borrow<usize>, one: &str, many: &str) -> String {
        counted(*count.borrow(), one, many)
    }

    /// The name of the form by which a condition is met.
    fn meeting(&self, number: &u64) -> String {
        format!("met-{number}")
    }

    fn withdrawal(&self, role: &str) -> String {
        format!("withdraw-{role}")
    }

    /// The stamp: its kind, and its words.
    fn stamp(&self) -> (String, String) {
        let (given, needed) = self.view.roles.iter().fold((0, 0), |(given, needed), role| (given + role.given.min(role.needed), needed + role.needed));
        match self.view.status.as_str() {
            "open" if self.view.ready => ("approved".to_owned(), "ready to execute".to_owned()),
            "open" if needed > 0 => ("waiting".to_owned(), format!("{given} of {}", counted(needed, "approval", "approvals"))),
            other => (other.to_owned(), other.to_owned()),
        }
    }

    /// The answer to the question of the page.
    fn answer(&self) -> String {
        let (fails, waiting) = (self.tally.0, self.waiting());
        match self.view.status.as_str() {
            "executed" => return format!("It was executed: version {} went to {}.", self.view.version, self.view.target),
            "rejected" => return "It was rejected: a reviewer said no. A new one can be opened.".to_owned(),
            "cancelled" => return "It was cancelled: somebody took it back, or its version went where no promotion leads on.".to_owned(),
            _ => {}
        }
        if self.view.ready {
            let who = if self.hand.pipeline_only { "a pipeline executes it" } else { "it can be executed" };
            return format!("Yes: nothing is missing but the execution, and {who}.");
        }
        let lacks: Vec<String> = [(fails, "rule fails", "rules fail"), (waiting, "approval is missing", "approvals are missing")]
            .into_iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| counted(count, one, many))
            .collect();
        format!("Not yet: {}.", if lacks.is_empty() { "the decision is not signed".to_owned() } else { joined(&lacks) })
    }

    /// What this person has to do with it.
    fn part(&self) -> String {
        match self.hand.turn {
            Turn::Closed => String::new(),
            Turn::Open => format!("Your verdict as {} is asked for.", joined(&self.hand.roles)),
            Turn::Spoken => "You have given your verdict.".to_owned(),
            Turn::Author => "You are one of its authors, so others decide.".to_owned(),
            Turn::NoRole => "Others decide: you have none of the roles that it needs.".to_owned(),
        }
    }

    /// What who ended it did.
    fn ended(&self, ending: &Ending) -> &'static str {
        match ending.kind.as_str() {
            "promotion.executed" => "executed it",
            "promotion.rejected" => "rejected it",
            _ => "cancelled it",
        }
    }

    /// Where the envelope of a decision is.
    fn decision_path(&self, decision: &DecisionRow) -> String {
        open::path(&format!("/api/v1/decisions/{}", decision.digest))
    }

    fn others(&self) -> String {
        Hand::others(&self.view)
    }

    fn opened_by(&self) -> &str {
        self.view.opened_by_name.as_deref().unwrap_or(&self.view.opened_by)
    }

    fn authors(&self) -> String {
        joined(&names(&self.view.authors))
    }

    /// Failing rules that do not only repeat what the approvals say.
    fn failing(&self) -> Vec<&Line> {
        self.lines().filter(|line| line.kind == "fail" && !waits_for_others(&line.rule)).collect()
    }

    /// Whether rules fail that wait for others.
    fn others_fail(&self) -> bool {
        self.lines().any(|line| line.kind == "fail" && waits_for_others(&line.rule))
    }

    fn waived(&self) -> Vec<&Line> {
        self.lines().filter(|line| line.kind == "waived").collect()
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.own_findings.iter().chain(&self.other_findings)
    }

    /// What is worth a look although no rule minds it.
    fn worth(&self) -> Vec<String> {
        let licence = self.facts.iter().filter(|fact| fact.path == "licence" || fact.path.starts_with("licence."));
        let licence = licence.map(|_| "The licence differs from that of the version that it is compared with".to_owned());
        let framework = self.facts.iter().filter(|fact| fact.path == "framework.name").map(|_| "It is made with another framework".to_owned());
        let later = self.later().then(|| "Documents came after the evidence was frozen: nobody signs for them before it is frozen anew".to_owned());
        let failing = self.failing();
        let minded = |score: &&Score| failing.iter().any(|line| line.message.contains(&score.name));
        let scores: Vec<String> = self.scores.iter().filter(|score| !minded(score)).filter_map(Score::worth).collect();
        scores.into_iter().take(5).chain(licence).chain(framework).chain(later).collect()
    }

    /// Whether evidence came after the set was frozen.
    fn later(&self) -> bool {
        self.open() && self.view.evidence_set != self.view.current_evidence_set
    }

    fn more_scores(&self) -> usize {
        self.view.metrics.len().saturating_sub(score::MOST)
    }

    fn suite(&self) -> String {
        self.view.reference.as_ref().map_or_else(String::new, |reference| format!("{}, {}", reference.number, reference.why))
    }

    fn role_words(&self) -> String {
        joined(&self.hand.roles)
    }

    /// Documents that are signed for, the newest first.
    fn documents(&self) -> Vec<&crate::app::promotions::DocumentView> {
        self.view.documents.iter().rev().filter(|document| document.frozen).take(MOST_DOCUMENTS).collect()
    }

    fn more_documents(&self) -> usize {
        self.frozen_count().saturating_sub(MOST_DOCUMENTS)
    }

    fn frozen_count(&self) -> usize {
        self.view.documents.iter().filter(|document| document.frozen).count()
    }

    /// The newest document that is signed for: a verdict says it, so that what came later can be named.
    fn newest(&self) -> u64 {
        self.view.documents.iter().filter(|document| document.frozen).map(|document| document.index).max().unwrap_or_default()
    }

    fn files(&self) -> Vec<(&'static str, String)> {
        let files = self.view.changes.iter().flat_map(|changes| &changes.files);
        files.take(MOST_FILES).map(|file| (file.change, clip(&file.path, 200))).collect()
    }

    fn contract(&self) -> Vec<String> {
        let signature = self.view.changes.as_ref().and_then(|changes| changes.signature.as_ref());
        signature.map(|change| change.reasons.iter().take(10).map(|reason| clip(&reason.text, 300)).collect()).unwrap_or_default()
    }

    /// The verdicts in a role that are shown beside it.
    fn given(&self, role: &str) -> Vec<&ApprovalView> {
        self.view.approvals.iter().filter(|given| given.role == role && given.counts).collect()
    }

    fn people(&self, people: &[crate::app::promotions::PersonView]) -> String {
        joined(&names(people))
    }

    /// Verdicts that do not count, each with the reason.
    fn past_verdicts(&self) -> Vec<(&ApprovalView, &'static str)> {
        let why = |given: &ApprovalView| if given.verdict == "reject" { "rejected" } else { why_not(given, self.now) };
        self.view.approvals.iter().filter(|given| !given.counts).map(|given| (given, why(given))).collect()
    }

    fn comments(&self) -> Vec<(String, String, String)> {
        let newest = self.view.comments.iter().rev().take(MOST_COMMENTS);
        let by =
            |comment: &crate::app::promotions::CommentView| comment.by.iter().map(|by| by.name.clone().unwrap_or_else(|| by.id.clone())).collect::<String>();
        newest
            .map(|comment| (by(comment), comment.at.clone(), comment.text.as_deref().map_or_else(|| "(erased)".to_owned(), |text| clip(text, LONGEST))))
            .collect()
    }

    fn said(&self, text: &str) -> String {
        clip(text, LONGEST)
    }

    /// What a missed condition may lead to: value and words.
    fn effects(&self) -> [(&'static str, &'static str); 3] {
        EFFECTS
    }

    fn effect(&self, value: &str) -> &'static str {
        EFFECTS.iter().find(|(known, _)| *known == value).map_or("nothing", |(_, words)| words)
    }

    /// The kind of outcome that the status of a condition is.
    fn standing(&self, status: &str) -> &'static str {
        match status {
            "met" => "pass",
            "missed" => "fail",
            _ => "wait",
        }
    }

    fn meets(&self, number: &u64) -> bool {
        self.frame.acts() && self.hand.meets.contains(number)
    }

    /// What was filled into a field of a form that was refused.
    fn kept(&self, form: impl AsRef<str>, field: &str) -> &str {
        if self.refused.form == form.as_ref() { self.refused.fields.get(field) } else { "" }
    }

    /// What is wrong with a field of a form.
    fn wrong(&self, form: impl AsRef<str>, field: &str) -> Option<&str> {
        let wrong = self.refused.wrong.as_ref().filter(|_| self.refused.form == form.as_ref());
        wrong.filter(|(name, _)| name == field).map(|(_, message)| message.as_str())
    }
}

fn facts(view: &PromotionView) -> Vec<Fact> {
    let Some(changes) = &view.changes else { return Vec::new() };
    let fact = |fact: &crate::app::compare::FactDifference| {
        let (old, new) = difference(&fact.old, &fact.new);
        let grade = fact.path.split('.').next().and_then(|name| changes.grades.get(name)).cloned();
        Fact { path: clip(&fact.path, 120), old, new, grade }
    };
    changes.facts.iter().take(MOST_FACTS).map(fact).collect()
}

/// `GET /promotions/{id}`.
pub(super) async fn show(mut own: Shown<caller::Read>, Path(id): Path<String>) -> Result<Response, PageError> {
    let id = PromotionId::parse(&id)?;
    let note = own.visit.get("as_of").map(|_| Note {
        lines: vec!["A closed promotion shows the verdict that was stored when it closed; every step before is an entry of the ledger.".to_owned()],
        links: vec![Link::new(format!("/ledger?subject=promotion/{id}"), "Read the entries of this promotion")],
        ..Note::new(NoteKind::Told, "This page shows the present")
    });
    own.visit.query.retain(|(name, _)| name != "as_of");
    shown(&own, &id, StatusCode::OK, Refused { note, ..Refused::default() }).await
}

/// The page, with what is to be said about a form.
pub(super) async fn shown<P: Permit>(own: &Shown<P>, id: &PromotionId, status: StatusCode, mut refused: Refused) -> Result<Response, PageError> {
    let (mut view, unreadable) = crate::http::api::promotion::read(&own.allowed, id).await?;
    view.leave_out(&unreadable);
    let snapshot = own.allowed.read().await?;
    let hand = Hand::of(&own.allowed, &snapshot, id, &view).await?;
    let title = format!("Move {}/{} to {}", view.model.name, view.version, view.target);
    let note = refused.note.take();
    let frame = own.frame(&snapshot, Area::Promotions, &title).await?.present_only();
    let frame = frame.under("/promotions", "Promotions").json(format!("/api/v1/promotions/{id}")).with(note);
    let (own_findings, other_findings, not_applicable) = finding::lists(&view, &hand.roles);
    let now = own.allowed.app.now();
    let show = Show {
        ending: Ending::of(&snapshot, id).await?,
        frame,
        facts: facts(&view),
        scores: scores(&view.metrics),
        tally: finding::tally(&view),
        expires_at: now.plus_seconds(i64::from(view.approval_days) * 86_400),
        own_findings,
        other_findings,
        not_applicable,
        refused,
        hand,
        now,
        view,
    };
    Ok(page(status, &show))
}
