//! What a caller is allowed: the access policies in force decide about a caller, an action and what it is done to.
//!
//! INVARIANT: a command is allowed on the models that it is about, as they are at the caller's access revision. When a role, a team, a policy or
//! the class of a model changes, the revision moves, the sequencer sends the command back, and it is decided again.
//! INVARIANT: what a caller may not read does not exist for him: the refusal is that of a model that is not there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chancery_core::Command;
use chancery_core::access::{
    About, AccessClass, Action, Authorized, Circumstances, Decision, Grant, Place, Policies, Resource, Scope, about, action_of, authorize, authorize_read,
    denied, lets_in,
};
use chancery_core::access_policy::ACCESS_POLICY;
use chancery_core::actor;
use chancery_core::actor::key::Whose;
use chancery_core::actor::token::Rotate;
use chancery_core::entry::Subject;
use chancery_core::model::Profile;
use chancery_core::names::{Digest, Label, ModelId, ModelKind, RiskTier};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{ModelRow, PayloadRow, SettingRow};

use super::access::{Caller, Reading};
use super::places::{Found, Place as Where};
use super::{App, AppError};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// Most classes of models that are remembered.
const CACHED_CLASSES: usize = 50_000;

/// The policies in force, and classes of models, as of an access revision.
#[derive(Debug)]
pub(super) struct Kept {
    policies: RwLock<(Option<u64>, Arc<Policies>)>,
    classes: Mutex<(u64, HashMap<ModelId, AccessClass>)>,
}

impl Default for Kept {
    fn default() -> Self {
        Self { policies: RwLock::new((None, Policies::shipped())), classes: Mutex::default() }
    }
}

impl Kept {
    fn class(&self, revision: u64, model: &ModelId) -> Option<AccessClass> {
        let classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        if classes.0 == revision { classes.1.get(model).cloned() } else { None }
    }

    fn keep_class(&self, revision: u64, model: ModelId, class: AccessClass) {
        let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        if classes.0 < revision || classes.1.len() >= CACHED_CLASSES {
            *classes = (revision, HashMap::new());
        }
        if classes.0 == revision {
            classes.1.insert(model, class);
        }
    }
}

impl App {
    /// The access policies in force.
    pub fn access_policies(&self) -> Arc<Policies> {
        Arc::clone(&self.inner.authorization.policies.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Sees to it that the policies in force at an access revision, or later ones, decide.
    pub(super) async fn keep_policies(&self, snapshot: &Snapshot, revision: u64) -> Result<(), AppError> {
        let (kept, known) = {
            let kept = self.inner.authorization.policies.read().unwrap_or_else(PoisonError::into_inner);
            (kept.0, kept.1.digest())
        };
        if kept.is_some_and(|kept| kept >= revision) {
            return Ok(());
        }
        let setting = snapshot.get::<SettingRow>(values![ACCESS_POLICY]).await?;
        let digest = setting.filter(|row| !row.value.is_empty()).map(|row| Digest::parse(&row.value)).transpose()?;
        let made = match digest {
            None => Policies::shipped(),
            Some(digest) if known == Some(digest) => self.access_policies(),
            Some(digest) => Arc::new(self.policies_of(snapshot, digest).await?),
        };
        let mut kept = self.inner.authorization.policies.write().unwrap_or_else(PoisonError::into_inner);
        if kept.0.is_none_or(|kept| kept < revision) {
            *kept = (Some(revision), made);
        }
        Ok(())
    }

    /// The shipped policies with those of an organisation. Those that this program cannot compile forbid everything to everybody but
    /// administrators, who can withdraw them.
    async fn policies_of(&self, snapshot: &Snapshot, digest: Digest) -> Result<Policies, AppError> {
        let gone = || Fault::Config(format!("access policy {digest} is in force and not in the ledger"));
        let document = snapshot.get::<PayloadRow>(values![digest]).await?.ok_or_else(gone)?;
        let files: BTreeMap<String, String> =
            serde_json::from_slice(&document.bytes).map_err(|error| Fault::database("read the access policies in force", error))?;
        Ok(Policies::with(&files, digest)
            .or_else(|error| {
                tracing::error!(%digest, %error, "the access policies in force do not work with this program: only administrators are let in");
                Policies::closed(digest)
            })
            .map_err(|error| Fault::Config(format!("the access policies: {error}")))?)
    }

    /// Decides about a caller at a resource: the limits of the token first, then the policies. Records nothing.
    pub fn decision(&self, caller: &Caller, action: Action, resource: &Resource, environment: Option<&Label>) -> Decision {
        let circumstances = Circumstances { door: caller.door, environment: environment.cloned() };
        if !within_limits(caller, action, resource, None) {
            return Decision { allowed: false, policies: Vec::new() };
        }
        self.access_policies().decide(&caller.actor, action, resource, &circumstances)
    }

    /// Whether the caller may read whole entries, whatever they are about. Records nothing: who may not is shown less.
    pub fn reads_entries(&self, caller: &Caller) -> bool {
        self.decision(caller, Action::ReadEntries, &Resource::Registry, None).allowed
    }

    /// Whether the caller may do something to a model. Records nothing.
    pub fn may(&self, caller: &Caller, action: Action, model: &ModelRow) -> bool {
        model.class().is_some_and(|class| self.decision(caller, action, &Resource::Model(class), None).allowed)
    }

    /// Whether the caller may do something to whatever lies behind an id. Records nothing.
    pub(super) async fn may_for(&self, caller: &Caller, action: Action, about: &About) -> Result<bool, AppError> {
        let found = self.find_place(caller, about).await?;
        if self.check_found(caller, action, &found).is_err() {
            return Ok(false);
        }
        Ok(match found.place() {
            Place::Anywhere => self.access_policies().admits(&caller.actor, action, &Circumstances::at(caller.door)),
            Place::At(resources) => resources.iter().all(|resource| self.decide_within(caller, action, resource, found.environment.as_ref()).allowed),
        })
    }

    /// Whether the caller may read the models of an access class ([`AccessClass`]). Records nothing.
    pub fn may_read(&self, caller: &Caller, class: &str) -> bool {
        AccessClass::parse(class).is_ok_and(|class| self.decision(caller, Action::Read, &Resource::Model(class), None).allowed)
    }

    /// Allows an action of which it is not known yet what it is done to, or records the refused attempt. What is done to a model is decided
    /// again when the model is known; the rest is decided here.
    ///
    /// # Errors
    /// `access_denied`, with the index of its entry.
    pub async fn allow(&self, caller: &Caller, action: Action) -> Result<Reading, AppError> {
        let result = match limits_refusal(caller, action) {
            Some(refusal) => Err(refusal),
            None => authorize_read(&self.access_policies(), &caller.actor, action, &Circumstances::at(caller.door)),
        };
        match result {
            Ok(permit) => Ok(permit),
            Err(refusal) => Err(self.refuse(caller, Subject::Registry, action.as_str(), refusal, None).await),
        }
    }

    /// Allows an action on a model, or records the refused attempt.
    ///
    /// # Errors
    /// `not_found` for what the caller may not read; `access_denied`, with the index of its entry.
    pub async fn allow_on(&self, caller: &Caller, action: Action, model: &ModelRow) -> Result<(), AppError> {
        let not_found = || Refusal::not_found("model", model.name.as_str());
        let class = model.class().ok_or_else(not_found)?;
        self.check_limits(caller, action, &class, &model.model_id)?;
        let resource = Resource::Model(class);
        if !self.decide_within(caller, Action::Read, &resource, None).allowed {
            return Err(not_found().into());
        }
        let decision = self.decide_within(caller, action, &resource, None);
        if decision.allowed {
            return Ok(());
        }
        let refusal = denied(&caller.actor, action, &decision.policies);
        Err(self.refuse(caller, Subject::Model(model.model_id.clone()), action.as_str(), refusal, None).await)
    }

    /// Allows a command on what it is about, or records the refused attempt.
    ///
    /// # Errors
    /// `not_found` for what the caller may not read; `access_denied`, with the index of its entry.
    pub async fn allow_command(&self, caller: &Caller, command: impl Into<Command>) -> Result<Authorized<Command>, AppError> {
        let command = command.into();
        let action = action_of(&command);
        match self.authorized(caller, command).await {
            Err(AppError::Refused(refusal, None)) if refusal.code == Code::AccessDenied => {
                Err(self.refuse(caller, Subject::Registry, action.as_str(), *refusal, None).await)
            }
            other => other,
        }
    }

    /// Allows a command on what it is about. Records nothing: whoever prepares it does.
    pub(super) async fn authorized(&self, caller: &Caller, command: impl Into<Command>) -> Result<Authorized<Command>, AppError> {
        let command = command.into();
        check_lets_in(caller, &command)?;
        let found = self.find_place(caller, &about(&command)).await?;
        let circumstances = Circumstances { door: caller.door, environment: found.environment.clone() };
        self.check_found(caller, action_of(&command), &found)?;
        Ok(authorize(&self.access_policies(), &caller.actor, &found.place(), &circumstances, command)?)
    }

    /// Refuses models that the caller may not read, and what the limits of the token exclude.
    fn check_found(&self, caller: &Caller, action: Action, found: &Found) -> Result<(), AppError> {
        for place in &found.places {
            match place {
                Where::Model { id, class } => {
                    if !self.decide_within(caller, Action::Read, &Resource::Model(class.clone()), None).allowed {
                        return Err(found.not_found().into());
                    }
                    self.check_limits(caller, action, class, id)?;
                }
                Where::New(class) => {
                    if !within_limits(caller, action, &Resource::Model(class.clone()), None) {
                        return Err(limits_error(caller, action).into());
                    }
                }
                Where::Registry => {
                    if !within_limits(caller, action, &Resource::Registry, None) {
                        return Err(limits_error(caller, action).into());
                    }
                }
            }
        }
        Ok(())
    }

    fn check_limits(&self, caller: &Caller, action: Action, class: &AccessClass, model: &ModelId) -> Result<(), Refusal> {
        let resource = Resource::Model(class.clone());
        // What the token is not for at all does not exist for it.
        if !within_limits(caller, Action::Read, &resource, Some(model)) && caller.limits.as_ref().is_some_and(|limits| limits.permits(Action::Read)) {
            return Err(Refusal::not_found("model", model.as_str()));
        }
        if within_limits(caller, action, &resource, Some(model)) { Ok(()) } else { Err(limits_error(caller, action)) }
    }

    /// The team that owns what a caller makes at a door at which he cannot say for whom: none when he may make what no team owns, or when more
    /// than one team could be meant.
    pub fn team_for_new(&self, caller: &Caller, kind: ModelKind, tier: RiskTier) -> Option<Label> {
        let class = |team: Option<Label>| AccessClass { team, ..AccessClass::of(&Profile::default(), kind, tier) };
        let may = |team: Option<Label>| self.decision(caller, Action::EditModel, &Resource::Model(class(team)), None).allowed;
        if may(None) {
            return None;
        }
        let granted = caller.actor.roles.iter().filter_map(|grant| match &grant.scope {
            Scope::Team(team) => Some(team),
            Scope::Registry | Scope::Model(_) => None,
        });
        let teams: BTreeSet<&Label> = granted.chain(&caller.actor.teams).collect();
        let mut able = teams.into_iter().filter(|team| may(Some((*team).clone())));
        match (able.next(), able.next()) {
            (Some(team), None) => Some(team.clone()),
            (Some(_) | None, _) => None,
        }
    }

    /// The decision of the policies alone.
    fn decide_within(&self, caller: &Caller, action: Action, resource: &Resource, environment: Option<&Label>) -> Decision {
        let circumstances = Circumstances { door: caller.door, environment: environment.cloned() };
        self.access_policies().decide(&caller.actor, action, resource, &circumstances)
    }

    /// The class of a model, as of the caller's access revision or later; none when there is no such model.
    pub(super) async fn known_class(&self, caller: &Caller, model: &ModelId) -> Result<Option<AccessClass>, AppError> {
        let revision = caller.actor.access_revision;
        if let Some(class) = self.inner.authorization.class(revision, model) {
            return Ok(Some(class));
        }
        let Some(row) = self.store().read().await?.get::<ModelRow>(values![*model]).await? else { return Ok(None) };
        let class = row.class();
        if let Some(class) = &class {
            self.inner.authorization.keep_class(revision, model.clone(), class.clone());
        }
        Ok(class)
    }
}

impl Caller {
    /// The roles that the caller has for a model, as words without their scopes.
    pub fn roles_for(&self, model: &ModelRow) -> Vec<String> {
        let Some(class) = model.class() else { return Vec::new() };
        let resource = Resource::Model(class);
        let mut words: Vec<String> = Vec::new();
        for Grant { role, scope } in &self.actor.roles {
            let word = role.to_string();
            if scope.holds(&resource) && !words.contains(&word) {
                words.push(word);
            }
        }
        words
    }

    /// For whom the caller speaks in a role of approval about a model; as [`chancery_core::access::Actor::speaks_for`].
    pub fn speaks_for(&self, role: &Label, model: &ModelRow) -> Option<Option<&chancery_core::names::ActorId>> {
        let class = model.class()?;
        self.actor.speaks_for(role, &Place::At(vec![Resource::Model(class)]))
    }
}

/// Whether the limits of the caller's token let it do something there.
fn within_limits(caller: &Caller, action: Action, resource: &Resource, model: Option<&ModelId>) -> bool {
    let Some(limits) = &caller.limits else { return true };
    let reaches = match resource {
        Resource::Registry | Resource::Team(_) => limits.reaches_registry(action),
        Resource::Model(class) => {
            let by_id = model.or(class.model.as_ref()).is_some_and(|model| limits.models.contains(model));
            !limits.limits_models() || by_id || class.team.as_ref().is_some_and(|team| limits.teams.contains(team))
        }
    };
    limits.permits(action) && reaches
}

/// With a limited token, or that of a pipeline run, nobody makes a credential, which could do more; but the token may be replaced by its like.
fn check_lets_in(caller: &Caller, command: &Command) -> Result<(), Refusal> {
    let limited = caller.limits.as_ref().is_some_and(|limits| !limits.is_none()) || caller.credential.run().is_some();
    let own_like = |rotate: &Rotate| rotate.whose == Whose::Own && caller.credential.token() == Some(&rotate.token);
    let replaces_itself = matches!(command, Command::Actor(actor::Command::RotateToken(rotate)) if own_like(rotate));
    if !limited || !lets_in(command) || replaces_itself {
        return Ok(());
    }
    let message = "a limited token, or that of a pipeline run, makes no credentials: no tokens, no secrets of a reset, no identities";
    Err(Refusal::new(Code::AccessDenied, message).remedy("use a token without limits, or log in"))
}

/// The refusal of an action that the token is not for, wherever.
fn limits_refusal(caller: &Caller, action: Action) -> Option<Refusal> {
    let limits = caller.limits.as_ref()?;
    let of_registry = match chancery_core::access::resource::reach(action) {
        chancery_core::access::resource::Reach::Registry | chancery_core::access::resource::Reach::Own => limits.reaches_registry(action),
        chancery_core::access::resource::Reach::Models => true,
    };
    if limits.permits(action) && of_registry { None } else { Some(limits_error(caller, action)) }
}

fn limits_error(caller: &Caller, action: Action) -> Refusal {
    let token = caller.credential.token().map(ToString::to_string).unwrap_or_default();
    match &caller.limits {
        Some(limits) => limits.refusal(action, &token),
        None => denied(&caller.actor, action, &[]),
    }
}
