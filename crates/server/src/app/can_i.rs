//! May somebody do something, and why: the decision with the policies behind it, or what would have to change.

use chancery_core::access::resource::{Reach, reach};
use chancery_core::access::source::Source;
use chancery_core::access::{Action, Circumstances, Policies, Resource, Scope};
use chancery_core::names::{ActorId, Label, ModelId};
use chancery_core::refusal::Refusal;
use chancery_core::registry::ACCESS;
use chancery_core::tables::{ActorRow, ModelRow, SettingRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::access::{Caller, Credential};
use super::{App, AppError};
use crate::store::Snapshot;
use crate::values;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// The action.
    pub action: Action,
    /// The model; none for the registry, or for models in general.
    pub model: Option<ModelRow>,
    /// Environment of a promotion.
    pub environment: Option<Label>,
    /// Who; none for the caller.
    pub who: Option<ActorId>,
}

/// A policy that had a part in the answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecidingPolicy {
    /// Its `@id`.
    pub id: String,
    /// Its `@title`; empty when it has none.
    pub title: String,
    /// `permit` or `forbid`.
    pub effect: String,
    /// File and line where it stands.
    pub source: String,
}

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct CanI {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The action.
    pub action: String,
    /// Whom it is about: actor id.
    pub actor: String,
    /// What it would be done to: `registry`, `model/ID`, or `models` when none was named.
    pub resource: String,
    /// The policies that decided: those that permit, or those that forbid; none when nothing permits it.
    pub policies: Vec<DecidingPolicy>,
    /// Roles that would allow it there, each with the narrowest scope first; empty when it is allowed.
    pub roles_that_would: Vec<String>,
    /// Policies that permit the action to somebody, when it is not allowed.
    pub policies_that_permit: Vec<DecidingPolicy>,
    /// What to do; null when it is allowed.
    pub remedy: Option<String>,
    /// What the answer does not say.
    pub note: Option<String>,
}

impl App {
    /// Answers whether somebody may do something, and why.
    ///
    /// # Errors
    /// `access_denied` (recorded) for who asks about others and neither audits nor administers; `not_found` for an unknown actor.
    pub async fn can_i(&self, caller: &Caller, question: Question) -> Result<CanI, AppError> {
        let asked = match &question.who {
            Some(id) if *id != caller.actor.id => {
                self.allow(caller, Action::ReadEntries).await?;
                self.as_caller(caller, id).await?
            }
            Some(_) | None => caller.clone(),
        };
        let policies = self.access_policies();
        let (allowed, ids) = self.answer(&asked, &policies, &question);
        let resource = match (&question.model, reach(question.action)) {
            (Some(model), _) => format!("model/{}", model.model_id),
            (None, Reach::Models) => "models".to_owned(),
            (None, Reach::Registry | Reach::Own) => "registry".to_owned(),
        };
        let roles_that_would = if allowed { Vec::new() } else { roles(&policies, question.action, question.model.as_ref()) };
        let permitting = if allowed { Vec::new() } else { policies.permitting(question.action).into_iter().map(str::to_owned).collect() };
        Ok(CanI {
            allowed,
            action: question.action.to_string(),
            actor: asked.actor.id.to_string(),
            resource,
            remedy: remedy(allowed, &asked, &ids, &roles_that_would, question.action),
            policies: views(&policies, &ids),
            policies_that_permit: views(&policies, &permitting),
            roles_that_would,
            note: note(question.action),
        })
    }

    /// Grants that would allow an action on a model, the narrowest first.
    pub fn roles_for(&self, action: Action, model: &ModelRow) -> Vec<String> {
        roles(&self.access_policies(), action, Some(model))
    }

    /// The decision, with the ids of the policies behind it.
    fn answer(&self, asked: &Caller, policies: &Policies, question: &Question) -> (bool, Vec<String>) {
        let resource = match question.model.as_ref().map(ModelRow::class) {
            Some(Some(class)) => Resource::Model(class),
            Some(None) => return (false, Vec::new()),
            None => {
                let decision = self.decision(asked, question.action, &Resource::Registry, None);
                return match reach(question.action) {
                    Reach::Registry => (decision.allowed, decision.policies),
                    // Allowed somewhere: which policy permits it there is known once a model is named.
                    Reach::Models | Reach::Own => {
                        let within = asked.limits.as_ref().is_none_or(|limits| limits.permits(question.action));
                        (within && policies.admits(&asked.actor, question.action, &Circumstances::at(asked.door)), decision.policies)
                    }
                };
            }
        };
        let read = self.decision(asked, Action::Read, &resource, None);
        if !read.allowed {
            return (false, read.policies);
        }
        let decision = self.decision(asked, question.action, &resource, question.environment.as_ref());
        (decision.allowed, decision.policies)
    }

    /// Another actor as if he called at the same door, without the limits of a token.
    async fn as_caller(&self, caller: &Caller, id: &ActorId) -> Result<Caller, AppError> {
        let snapshot: Snapshot = self.store().read().await?;
        let row = snapshot.get::<ActorRow>(values![*id]).await?.ok_or_else(|| Refusal::not_found("user", id.as_str()))?;
        let revision = snapshot.get::<SettingRow>(values![ACCESS]).await?.map_or(0, |row| row.revision);
        // Whose access ended may do nothing, whatever roles stand in his row.
        let row = if row.active { row } else { ActorRow { roles: serde_json::json!([]), ..row } };
        let (actor, _) = self.actor_of(&snapshot, row, revision).await?;
        Ok(Caller { actor, door: caller.door, credential: Credential::None, made_by: Vec::new(), limits: None })
    }
}

fn views(policies: &Policies, ids: &[String]) -> Vec<DecidingPolicy> {
    let known = |id: &String| policies.sources().iter().find(|source| source.id == *id);
    ids.iter().filter_map(known).map(DecidingPolicy::from).collect()
}

impl From<&Source> for DecidingPolicy {
    fn from(source: &Source) -> Self {
        Self { id: source.id.clone(), title: source.title.clone(), effect: source.effect.to_string(), source: format!("{}:{}", source.file, source.line) }
    }
}

/// Grants that would allow an action on a model, or on the registry.
fn roles(policies: &Policies, action: Action, model: Option<&ModelRow>) -> Vec<String> {
    let team = model.and_then(ModelRow::class).and_then(|class| class.team).map(Scope::Team);
    let mut found = Vec::new();
    for role in policies.roles_that_allow(action) {
        found.extend(team.iter().map(|scope| format!("{role}@{scope}")));
        found.push(role);
    }
    found
}

fn remedy(allowed: bool, asked: &Caller, ids: &[String], roles: &[String], action: Action) -> Option<String> {
    if allowed {
        return None;
    }
    let token = asked.limits.as_ref().filter(|limits| !limits.permits(action) || limits.limits_models());
    if token.is_some() && ids.is_empty() {
        return Some("the token of the caller is limited: use one with wider limits".to_owned());
    }
    if !ids.is_empty() {
        return Some(format!("policy {} forbids it, whatever roles are granted: read it with `chancery access-policy show`", ids.join(", ")));
    }
    match roles.first() {
        Some(role) => Some(format!("have an administrator grant one of the roles, such as `{role}`")),
        None => Some("no role allows it; an access policy of the organisation can".to_owned()),
    }
}

/// The rules that no access policy can see.
fn note(action: Action) -> Option<String> {
    let text = match action {
        Action::Review | Action::GrantException => {
            "which role of approval somebody speaks in, and that nobody approves his own work, is decided with the promotion"
        }
        Action::Execute => "the gates of the promotion decide too, and for high tiers only a pipeline executes",
        Action::Read
        | Action::ReadEntries
        | Action::Upload
        | Action::EditModel
        | Action::ManageModel
        | Action::SetRiskTier
        | Action::Register
        | Action::SetAlias
        | Action::AskPromotion
        | Action::Comment
        | Action::Decide
        | Action::Demote
        | Action::Retire
        | Action::Rollback
        | Action::ManageActors
        | Action::ManageOwnKeys
        | Action::ManageSettings
        | Action::SetPolicyMode
        | Action::RequestException
        | Action::BreakGlass
        | Action::Delegate
        | Action::ManageRisks
        | Action::ScheduleReview
        | Action::ManagePolicy
        | Action::ManageTemplates
        | Action::RunChecks
        | Action::RevokeAttestation
        | Action::ManageOwnAccount
        | Action::ManageTeams
        | Action::TransferModel
        | Action::ErasePerson
        | Action::ManageAccess
        | Action::ReadAccessLog => return None,
    };
    Some(text.to_owned())
}

/// The models that a question can name: by name, or by id.
pub(crate) async fn model_meant(snapshot: &Snapshot, text: &str) -> Result<ModelRow, AppError> {
    let not_found = || Refusal::not_found("model", text).field("model");
    if let Ok(id) = ModelId::parse(text)
        && let Some(row) = snapshot.get::<ModelRow>(values![id]).await?
    {
        return Ok(row);
    }
    let name = chancery_core::names::ModelName::parse(text)?;
    let rows = snapshot.rows::<ModelRow>("WHERE name = $1 AND hidden = 0 LIMIT 1", &values![name]).await?;
    Ok(rows.into_iter().next().ok_or_else(not_found)?)
}
