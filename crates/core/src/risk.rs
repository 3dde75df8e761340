//! The risk register (RSK-1): risks with severity, likelihood and mitigations, linked to models and systems; gates read the open ones.
//!
//! INVARIANT: a high or critical risk stops being open only by a second person in a role that answers for risk: accepted, mitigated,
//! closed, assessed lower or unlinked. Otherwise its author could take it out of a gate's way alone.
//! INVARIANT: every change moves the revision of what is attached to the models that it is linked to, so no verdict is older.
//! Titles, descriptions and mitigations are registry data, not private; reasons and notes are private.

mod apply;
pub mod level;
pub mod score;
pub mod transfer;

use serde::{Deserialize, Serialize};

pub use apply::apply;
pub use level::{Level, Likelihood, Severity, level};

use crate::actor::ActorKind;
use crate::command::{Context, Stop};
use crate::entry::{Draft, PrivateText, Subject};
use crate::model;
use crate::names::{ActorId, Digest, Label, ModelId, RiskId, Timestamp, check_text};
use crate::refusal::{Code, Refusal};
use crate::rows::Rows;
use crate::speakers::Authors;
use crate::tables::{ActorRow, RiskRow};

/// Longest title, in bytes.
pub const MAX_TITLE_BYTES: usize = 300;
/// Longest description, in bytes: the entry that holds it has a largest size.
pub const MAX_DESCRIPTION_BYTES: usize = 8_000;
/// Most requirement references of a risk.
pub const MAX_REQUIREMENTS: usize = 50;
/// Longest requirement reference, in bytes.
pub const MAX_REQUIREMENT_BYTES: usize = 200;
/// Most mitigations of a risk.
pub const MAX_MITIGATIONS: usize = 100;
/// Longest text of a mitigation, in bytes.
pub const MAX_MITIGATION_BYTES: usize = 2_000;
/// Most models that a risk is linked to.
pub const MAX_LINKS: usize = 200;
/// Roles of approval whose holders may let a high or critical risk stop being open.
pub const DECIDING_ROLES: &[&str] = &["ai-governance", "security"];

crate::words! {
    /// Where a risk stands.
    Status, "status" {
        /// Nothing was decided.
        Open = "open",
        /// Every mitigation is done.
        Mitigated = "mitigated",
        /// It is borne as it is.
        Accepted = "accepted",
        /// It does not exist any more.
        Closed = "closed",
    }
}

/// What is said about a risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// One line.
    pub title: String,
    /// Category, a word of the organisation, such as `fairness`.
    pub category: Label,
    /// How bad.
    pub severity: Severity,
    /// How likely.
    pub likelihood: Likelihood,
    /// More words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Requirements that it concerns, such as `EU-AI-Act Art. 10`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<String>,
    /// When it must be looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_date: Option<Timestamp>,
}

impl Assessment {
    /// The level that follows.
    pub fn level(&self) -> Level {
        level(self.severity, self.likelihood)
    }

    /// Checks lengths and counts.
    ///
    /// # Errors
    /// `invalid_field` and `too_large`, which name the field.
    pub fn check(&self) -> Result<(), Refusal> {
        check_line("title", &self.title, MAX_TITLE_BYTES)?;
        check_text("description", &self.description, MAX_DESCRIPTION_BYTES)?;
        if self.requirements.len() > MAX_REQUIREMENTS {
            return Err(too_many("requirements", self.requirements.len(), MAX_REQUIREMENTS));
        }
        self.requirements.iter().try_for_each(|item| check_line("requirements", item, MAX_REQUIREMENT_BYTES))
    }
}

/// A mitigation that is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMitigation {
    /// What is done.
    pub text: String,
    /// Who owes it: a team, a role or a handle.
    pub owner: Label,
    /// By when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
}

/// A mitigation as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mitigation {
    /// Number within the risk, from 1.
    pub number: u64,
    /// What is done.
    pub text: String,
    /// Who owes it.
    pub owner: Label,
    /// By when.
    pub due: Option<Timestamp>,
    /// When it was done.
    pub done_at: Option<Timestamp>,
    /// Who said so.
    pub done_by: Option<ActorId>,
}

/// Commands on risks.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Adds a risk.
    Add {
        /// New identifier.
        id: RiskId,
        /// What is said about it.
        assessment: Box<Assessment>,
        /// Models that it is linked to from the start.
        models: Vec<ModelId>,
        /// Mitigations that it has from the start.
        mitigations: Vec<NewMitigation>,
    },
    /// Replaces what is said about a risk.
    Change {
        /// The risk.
        id: RiskId,
        /// The new text, whole.
        assessment: Box<Assessment>,
        /// Revision that the caller saw (If-Match).
        expected: Option<u64>,
    },
    /// Links a risk to a model.
    Link {
        /// The risk.
        id: RiskId,
        /// The model.
        model: ModelId,
    },
    /// Takes the link away.
    Unlink {
        /// The risk.
        id: RiskId,
        /// The model.
        model: ModelId,
    },
    /// Plans a mitigation.
    Mitigate {
        /// The risk.
        id: RiskId,
        /// The mitigation.
        mitigation: NewMitigation,
    },
    /// Says that a mitigation is done.
    Finish {
        /// The risk.
        id: RiskId,
        /// Number of the mitigation.
        number: u64,
        /// What was done.
        note: Option<PrivateText>,
    },
    /// Accepts, closes, reopens a risk, or says that it is mitigated.
    SetStatus {
        /// The risk.
        id: RiskId,
        /// New status.
        to: Status,
        /// Why.
        reason: PrivateText,
        /// Revision that the caller saw (If-Match).
        expected: Option<u64>,
    },
}

impl Command {
    /// The risk that it is about.
    pub fn id(&self) -> &RiskId {
        match self {
            Self::Add { id, .. }
            | Self::Change { id, .. }
            | Self::Link { id, .. }
            | Self::Unlink { id, .. }
            | Self::Mitigate { id, .. }
            | Self::Finish { id, .. }
            | Self::SetStatus { id, .. } => id,
        }
    }
}

/// What happened to a risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// It was added.
    #[serde(rename = "risk.added")]
    Added(Box<Assessment>),
    /// What is said about it was replaced.
    #[serde(rename = "risk.changed")]
    Changed(Box<Assessment>),
    /// It was linked to a model.
    #[serde(rename = "risk.linked")]
    Linked {
        /// The model.
        model: ModelId,
    },
    /// It was unlinked from a model.
    #[serde(rename = "risk.unlinked")]
    Unlinked {
        /// The model.
        model: ModelId,
        /// Role in which the second person decided, where one was needed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<Label>,
    },
    /// A mitigation was planned.
    #[serde(rename = "risk.mitigation-added")]
    MitigationAdded {
        /// Its number within the risk.
        number: u64,
        /// What is done, by whom, by when.
        mitigation: NewMitigation,
    },
    /// A mitigation is done.
    #[serde(rename = "risk.mitigation-finished")]
    MitigationFinished {
        /// Its number within the risk.
        number: u64,
        /// What was done, in the vault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Digest>,
    },
    /// Its status changed.
    #[serde(rename = "risk.status-changed")]
    StatusChanged {
        /// Before.
        from: Status,
        /// After.
        to: Status,
        /// Why, in the vault; absent when the level rose and the risk is open again by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Digest>,
        /// Role in which the second person decided, where one was needed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<Label>,
    },
}

/// The risk, or the refusal that it does not exist.
pub(crate) fn existing(rows: &mut Rows, id: &RiskId) -> Result<RiskRow, Stop> {
    rows.get::<RiskRow>(&[id])?.ok_or_else(|| Refusal::not_found("risk", id.as_str()).into())
}

/// Decides a command on a risk.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    let subject = Subject::Risk(command.id().clone());
    match command {
        Command::Add { id, assessment, models, mitigations } => add(rows, id, assessment, models, mitigations),
        Command::Change { id, assessment, expected } => change(rows, context, id, assessment, *expected),
        Command::Link { id, model } => {
            let risk = existing(rows, id)?;
            model::existing(rows, model)?;
            let models = risk.models();
            if models.contains(model) {
                return Err(Refusal::new(Code::AlreadyExists, "the risk is linked to this model already").field("model").into());
            }
            if models.len() >= MAX_LINKS {
                return Err(too_many("models", models.len() + 1, MAX_LINKS).into());
            }
            Ok(vec![Draft::new(subject, Event::Linked { model: model.clone() })])
        }
        Command::Unlink { id, model } => {
            let risk = existing(rows, id)?;
            if !risk.models().contains(model) {
                return Err(Refusal::new(Code::NotFound, "the risk is not linked to this model").field("model").into());
            }
            let role = if is_grave(&risk) { Some(second_person(rows, context, &risk, "unlinked")?) } else { None };
            Ok(vec![Draft::new(subject, Event::Unlinked { model: model.clone(), role })])
        }
        Command::Mitigate { id, mitigation } => {
            let risk = existing(rows, id)?;
            check_alive(&risk)?;
            check_mitigation(mitigation)?;
            let known = risk.mitigations().len();
            if known >= MAX_MITIGATIONS {
                return Err(too_many("mitigations", known + 1, MAX_MITIGATIONS).into());
            }
            Ok(vec![Draft::new(subject, Event::MitigationAdded { number: known as u64 + 1, mitigation: mitigation.clone() })])
        }
        Command::Finish { id, number, note } => {
            let risk = existing(rows, id)?;
            let found = risk.mitigations().into_iter().find(|mitigation| mitigation.number == *number);
            let mitigation = found.ok_or_else(|| Refusal::not_found("mitigation", &number.to_string()))?;
            if mitigation.done_at.is_some() {
                return Err(Refusal::new(Code::AlreadyExists, &format!("mitigation {number} is done already")).field("number").into());
            }
            let event = Event::MitigationFinished { number: *number, note: note.as_ref().map(|note| note.digest) };
            Ok(vec![Draft::new(subject, event).private(note.as_ref())])
        }
        Command::SetStatus { id, to, reason, expected } => set_status(rows, context, id, *to, reason, *expected),
    }
}

fn add(rows: &mut Rows, id: &RiskId, assessment: &Assessment, models: &[ModelId], mitigations: &[NewMitigation]) -> Result<Vec<Draft>, Stop> {
    assessment.check()?;
    if rows.get::<RiskRow>(&[id])?.is_some() {
        return Err(Refusal::new(Code::AlreadyExists, &format!("risk `{id}` exists already")).field("id").into());
    }
    if models.len() > MAX_LINKS {
        return Err(too_many("models", models.len(), MAX_LINKS).into());
    }
    if mitigations.len() > MAX_MITIGATIONS {
        return Err(too_many("mitigations", mitigations.len(), MAX_MITIGATIONS).into());
    }
    let subject = || Subject::Risk(id.clone());
    let mut drafts = vec![Draft::new(subject(), Event::Added(Box::new(assessment.clone())))];
    let mut linked = std::collections::BTreeSet::new();
    for model in models.iter().filter(|model| linked.insert(*model)) {
        model::existing(rows, model)?;
        drafts.push(Draft::new(subject(), Event::Linked { model: model.clone() }));
    }
    for (mitigation, number) in mitigations.iter().zip(1..) {
        check_mitigation(mitigation)?;
        drafts.push(Draft::new(subject(), Event::MitigationAdded { number, mitigation: mitigation.clone() }));
    }
    Ok(drafts)
}

fn change(rows: &mut Rows, context: &Context, id: &RiskId, assessment: &Assessment, expected: Option<u64>) -> Result<Vec<Draft>, Stop> {
    assessment.check()?;
    let risk = existing(rows, id)?;
    model::check_revision("risk", expected, risk.revision)?;
    check_alive(&risk)?;
    if is_grave(&risk) && assessment.level() < risk.level {
        second_person(rows, context, &risk, "assessed lower")?;
    }
    let subject = Subject::Risk(id.clone());
    let mut drafts = vec![Draft::new(subject.clone(), Event::Changed(Box::new(assessment.clone())))];
    // What was accepted or mitigated was the lower level.
    if assessment.level() > risk.level && risk.status != Status::Open {
        drafts.push(Draft::new(subject, Event::StatusChanged { from: risk.status, to: Status::Open, reason: None, role: None }));
    }
    Ok(drafts)
}

fn set_status(rows: &mut Rows, context: &Context, id: &RiskId, to: Status, reason: &PrivateText, expected: Option<u64>) -> Result<Vec<Draft>, Stop> {
    let risk = existing(rows, id)?;
    model::check_revision("risk", expected, risk.revision)?;
    if risk.status == to {
        return Err(Refusal::new(Code::TransitionRefused, &format!("the risk is {to} already")).field("status").into());
    }
    let open = risk.mitigations().iter().filter(|mitigation| mitigation.done_at.is_none()).count();
    if to == Status::Mitigated && (open > 0 || risk.mitigations().is_empty()) {
        let why = if open > 0 { format!("{open} mitigations of the risk are not done") } else { "the risk has no mitigation".to_owned() };
        let remedy = "finish them, or accept or close the risk with a reason";
        return Err(Refusal::new(Code::TransitionRefused, &why).field("status").remedy(remedy).into());
    }
    let decided = is_grave(&risk) || (to == Status::Accepted && risk.level >= Level::High);
    let role = if decided { Some(second_person(rows, context, &risk, to.as_str())?) } else { None };
    let event = Event::StatusChanged { from: risk.status, to, reason: Some(reason.digest), role };
    Ok(vec![Draft::new(Subject::Risk(id.clone()), event).private(Some(reason))])
}

/// Whether only a second person may take the risk out of a gate's way.
fn is_grave(risk: &RiskRow) -> bool {
    risk.status == Status::Open && risk.level >= Level::High
}

/// The role in which the caller may decide about a high or critical risk of which he is no author.
fn second_person(rows: &mut Rows, context: &Context, risk: &RiskRow, what: &str) -> Result<Label, Stop> {
    let actor = rows.get::<ActorRow>(&[&context.actor])?.filter(|row| row.kind == ActorKind::Person);
    let held = actor.as_ref().and_then(|row| row.roles.as_array()).map(Vec::as_slice).unwrap_or_default();
    let role = DECIDING_ROLES.iter().find(|role| held.iter().any(|word| word.as_str().is_some_and(|word| word.strip_prefix("approver:") == Some(role))));
    let Some(role) = role else {
        let message = format!("a {} risk is {what} only by a person with the approval role {}", risk.level, DECIDING_ROLES.join(" or "));
        return Err(Refusal::new(Code::AccessDenied, &message).field("status").remedy("ask someone in that role who did not assess the risk").into());
    };
    let own = Refusal::new(Code::SeparationOfDuties, &format!("a {} risk is {what} by a second person: you assessed it", risk.level));
    let own = own.remedy("ask someone else with the approval role `ai-governance` or `security`");
    context.check_no_author(&Authors { made: risk.authors.clone(), behind: risk.behind.clone() }, own)?;
    Ok(Label::parse(role)?)
}

fn check_alive(risk: &RiskRow) -> Result<(), Refusal> {
    if risk.status == Status::Closed {
        return Err(Refusal::new(Code::TransitionRefused, "the risk is closed").field("status").remedy("open it again first, with a reason"));
    }
    Ok(())
}

/// Checks a mitigation.
///
/// # Errors
/// `invalid_field` and `too_large`.
pub fn check_mitigation(mitigation: &NewMitigation) -> Result<(), Refusal> {
    check_text("text", &mitigation.text, MAX_MITIGATION_BYTES)?;
    if mitigation.text.trim().is_empty() { Err(Refusal::invalid("text", "the mitigation has no text")) } else { Ok(()) }
}

/// Checks a text of one line.
fn check_line(field: &'static str, text: &str, limit: usize) -> Result<(), Refusal> {
    check_text(field, text, limit)?;
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(Refusal::invalid(field, &format!("{field} must be one line with at least one letter")));
    }
    Ok(())
}

fn too_many(field: &str, count: usize, limit: usize) -> Refusal {
    Refusal::new(Code::TooLarge, &format!("{field} has {count} items; at most {limit} are accepted")).field(field)
}

#[cfg(test)]
mod tests;
