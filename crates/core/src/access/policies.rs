//! The access policies: those that ship with the program, in `policies/access`, and those of the organisation beside them, in Cedar.
//!
//! INVARIANT: what no policy permits is denied, what one forbids is denied, and so is a decision in which a policy could not be evaluated.
//! INVARIANT: an organisation's policies stand beside the shipped ones and never in their place: a shipped `forbid` stays.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use cedar_policy::{
    ActionConstraint, Authorizer, Context, Decision as Outcome, Effect, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
    Schema,
};

use super::class::AccessClass;
use super::grant::{Grant, Scope};
use super::prepared::{Prepared, Seen};
use super::remembered::{Question, Remembered};
use super::resource::{Circumstances, Reach, Resource, reach};
use super::source::{self, Source, SourceError, Whose};
use super::{Action, Actor, Role};
use crate::model::GOVERNANCE;
use crate::names::{Classification, Digest, Label, ModelId};

const SCHEMA: &str = include_str!("../../../../policies/access/schema.cedarschema");
const SHIPPED: [(&str, &str); 2] = [
    ("classification.cedar", include_str!("../../../../policies/access/classification.cedar")),
    ("roles.cedar", include_str!("../../../../policies/access/roles.cedar")),
];

/// Keeps everybody out but administrators of the registry.
const CLOSED: &str = r#"@id("closed") forbid (principal, action, resource)
    unless { principal.administrator.contains(Chancery::Scope::"registry") };"#;

/// What was decided, and by which policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Ids of the policies that decided, in order: those that permit, or those that forbid; none when nothing permits.
    pub policies: Vec<String>,
}

/// A compiled set of policies.
#[derive(Debug)]
pub struct Policies {
    prepared: Option<Prepared>,
    sources: Vec<Source>,
    /// Actions that each shipped policy of a role permits, by the id of the policy.
    roles: BTreeMap<String, BTreeSet<Action>>,
    /// Actions that some policy of the organisation permits.
    permitted: BTreeSet<Action>,
    /// The organisation's files that are in it; none when the shipped policies are alone.
    digest: Option<Digest>,
    remembered: Remembered,
}

/// Types and actions by name, made once.
struct Words {
    schema: Schema,
    actor: EntityTypeName,
    scope: EntityTypeName,
    registry: EntityTypeName,
    team: EntityTypeName,
    model: EntityTypeName,
    actions: HashMap<&'static str, EntityUid>,
}

/// The shipped policies; none when they do not compile, and then nobody may do anything. A test compiles them.
static COMPILED: LazyLock<Option<(Words, Arc<Policies>)>> = LazyLock::new(|| {
    let words = Words::new()?;
    let shipped = source::read(SHIPPED, Whose::Shipped, &words.schema).ok()?;
    let policies = Policies::of(shipped, Vec::new(), None)?;
    Some((words, Arc::new(policies)))
});

impl Words {
    fn new() -> Option<Self> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).ok()?;
        let kind = |name: &str| name.parse::<EntityTypeName>().ok();
        let action = kind("Chancery::Action")?;
        let uid = |word: &'static str| (word, EntityUid::from_type_name_and_id(action.clone(), EntityId::new(word)));
        Some(Self {
            schema,
            actor: kind("Chancery::Actor")?,
            scope: kind("Chancery::Scope")?,
            registry: kind("Chancery::Registry")?,
            team: kind("Chancery::Team")?,
            model: kind("Chancery::Model")?,
            actions: Action::ALL.iter().map(|action| uid(action.as_str())).collect(),
        })
    }

    fn scope(&self, scope: &Scope) -> EntityUid {
        EntityUid::from_type_name_and_id(self.scope.clone(), EntityId::new(scope.to_string()))
    }

    fn set<'a>(&self, scopes: impl IntoIterator<Item = &'a Scope>) -> RestrictedExpression {
        RestrictedExpression::new_set(scopes.into_iter().map(|scope| RestrictedExpression::new_entity_uid(self.scope(scope))))
    }

    /// The caller, with those of his scopes that policies look at.
    fn principal(&self, actor: &Actor, looks_at: &dyn Fn(&Scope) -> bool) -> Option<Entity> {
        let roles: Vec<&Grant> = actor.roles.iter().filter(|grant| looks_at(&grant.scope)).collect();
        let granted = |fits: &dyn Fn(&Role) -> bool| self.set(roles.iter().filter(|grant| fits(&grant.role)).map(|grant| &grant.scope));
        let teams: Vec<Scope> = actor.teams.iter().cloned().map(Scope::Team).filter(looks_at).collect();
        let lent: Vec<&Scope> = actor.delegated.iter().flat_map(|delegated| &delegated.scopes).filter(|scope| looks_at(scope)).collect();
        let near = roles.iter().map(|grant| &grant.scope).chain(&teams).chain(lent.iter().copied());
        let attributes = [
            ("kind", RestrictedExpression::new_string(actor.kind.as_str().to_owned())),
            ("near", self.set(near.filter(|scope| **scope != Scope::Registry))),
            ("teams", self.set(&teams)),
            ("viewer", granted(&|role| *role == Role::Viewer)),
            ("contributor", granted(&|role| *role == Role::Contributor)),
            ("owner", granted(&|role| *role == Role::Owner)),
            ("approver", granted(&|role| matches!(role, Role::Approver(_)))),
            ("governance", granted(&governs)),
            ("deployer", granted(&|role| *role == Role::Deployer)),
            ("incident", granted(&|role| *role == Role::Incident)),
            ("auditor", granted(&|role| *role == Role::Auditor)),
            ("administrator", granted(&|role| *role == Role::Administrator)),
            ("delegate", self.set(lent)),
        ];
        let uid = EntityUid::from_type_name_and_id(self.actor.clone(), EntityId::new(actor.id.as_str()));
        Entity::new(uid, attributes.map(|(name, value)| (name.to_owned(), value)).into(), HashSet::new()).ok()
    }

    fn resource(&self, resource: &Resource) -> Option<Entity> {
        let mut parents = HashSet::from([self.scope(&Scope::Registry)]);
        let uid = |kind: &EntityTypeName, id: &str| EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id));
        match resource {
            Resource::Registry => Some(Entity::new_no_attrs(uid(&self.registry, "registry"), parents)),
            Resource::Team(team) => {
                parents.insert(self.scope(&Scope::Team(team.clone())));
                Some(Entity::new_no_attrs(uid(&self.team, team.as_str()), parents))
            }
            Resource::Model(class) => {
                parents.extend(class.team.iter().map(|team| self.scope(&Scope::Team(team.clone()))));
                parents.extend(class.model.iter().map(|model| self.scope(&Scope::Model(model.clone()))));
                let id = class.model.as_ref().map_or("", ModelId::as_str);
                Entity::new(uid(&self.model, id), attributes(class), parents).ok()
            }
        }
    }
}

fn governs(role: &Role) -> bool {
    matches!(role, Role::Approver(role) if role.as_str() == GOVERNANCE)
}

fn attributes(class: &AccessClass) -> HashMap<String, RestrictedExpression> {
    let personal = match class.personal_data {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    };
    let texts = [
        ("kind", class.kind.as_str()),
        ("tier", class.tier.as_str()),
        ("classification", class.classification.map_or("", Classification::as_str)),
        ("personal_data", personal),
        ("team", class.team.as_ref().map_or("", Label::as_str)),
    ];
    texts.map(|(name, text)| (name.to_owned(), RestrictedExpression::new_string(text.to_owned()))).into()
}

/// The policies that ship with the program, as texts by path.
pub fn shipped_files() -> [(&'static str, &'static str); 2] {
    SHIPPED
}

/// The schema that access policies are checked against.
pub fn schema_text() -> &'static str {
    SCHEMA
}

impl Policies {
    /// The shipped policies alone.
    pub fn shipped() -> Arc<Self> {
        COMPILED.as_ref().map_or_else(|| Arc::new(Self::empty()), |(_, policies)| Arc::clone(policies))
    }

    /// The shipped policies with those of an organisation beside them: texts by path, which have this digest.
    ///
    /// # Errors
    /// The file and line that is wrong: over a limit, no Cedar, not of the schema, without an id or with one that is taken.
    pub fn with(files: &BTreeMap<String, String>, digest: Digest) -> Result<Self, SourceError> {
        source::check_limits(files)?;
        let broken = || SourceError { file: "roles.cedar".to_owned(), line: 0, message: "the shipped policies do not compile".to_owned() };
        let (words, shipped) = COMPILED.as_ref().ok_or_else(broken)?;
        let own = source::read(files.iter().map(|(path, text)| (path.as_str(), text.as_str())), Whose::Organisation, &words.schema)?;
        if own.is_empty() {
            let file = files.keys().next().cloned().unwrap_or_default();
            return Err(SourceError { file, line: 0, message: "there is no policy in the files".to_owned() });
        }
        Self::of(shipped.sources.clone(), own, Some(digest)).ok_or_else(broken)
    }

    /// What is in force when the policies of an organisation cannot be compiled any more: the shipped ones, for administrators alone.
    ///
    /// # Errors
    /// When the shipped ones do not compile.
    pub fn closed(digest: Digest) -> Result<Self, SourceError> {
        let broken = || SourceError { file: "closed.cedar".to_owned(), line: 0, message: "the shipped policies do not compile".to_owned() };
        let (words, shipped) = COMPILED.as_ref().ok_or_else(broken)?;
        let own = source::read([("closed.cedar", CLOSED)], Whose::Shipped, &words.schema)?;
        Self::of(shipped.sources.clone(), own, Some(digest)).ok_or_else(broken)
    }

    fn empty() -> Self {
        Self { prepared: None, sources: Vec::new(), roles: BTreeMap::new(), permitted: BTreeSet::new(), digest: None, remembered: Remembered::default() }
    }

    fn of(shipped: Vec<Source>, own: Vec<Source>, digest: Option<Digest>) -> Option<Self> {
        let roles = shipped.iter().filter(|source| source.effect == Effect::Permit).map(|source| (source.id.clone(), actions(source))).collect();
        let permitted = own.iter().filter(|source| source.effect == Effect::Permit).flat_map(actions).collect();
        let sources: Vec<Source> = shipped.into_iter().chain(own).collect();
        let prepared = Some(Prepared::of(sources.iter().map(|source| (source, actions(source))))?);
        Some(Self { prepared, sources, roles, permitted, digest, remembered: Remembered::default() })
    }

    /// Digest of the organisation's files in it; none when the shipped policies are alone.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Every policy, the shipped ones first.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Decides one request, as it was decided before when the very same was asked.
    pub fn decide(&self, actor: &Actor, action: Action, resource: &Resource, circumstances: &Circumstances) -> Decision {
        let question = Question { action, resource: resource.clone(), circumstances: circumstances.clone() };
        if let Some(decision) = self.remembered.answer(actor, &question) {
            return decision;
        }
        let decision = self.decide_anew(actor, action, resource, circumstances);
        self.remembered.keep(actor, question, &decision);
        decision
    }

    /// Decides one request. Costs some tens of microseconds, whatever the number of teams and models: only the resource is built,
    /// and what of the caller is about it.
    pub fn decide_anew(&self, actor: &Actor, action: Action, resource: &Resource, circumstances: &Circumstances) -> Decision {
        let nothing = Decision { allowed: false, policies: Vec::new() };
        let Some((words, _)) = COMPILED.as_ref() else { return nothing };
        let Some(response) = self.ask(words, actor, action, resource, circumstances) else { return nothing };
        let mut policies: Vec<String> = response.diagnostics().reason().map(|id| AsRef::<str>::as_ref(id).to_owned()).collect();
        policies.sort();
        let failed = response.diagnostics().errors().next().is_some();
        Decision { allowed: response.decision() == Outcome::Allow && !failed, policies }
    }

    fn ask(&self, words: &Words, actor: &Actor, action: Action, resource: &Resource, circumstances: &Circumstances) -> Option<cedar_policy::Response> {
        let prepared = self.prepared.as_ref()?;
        let principal = match prepared.seen() {
            Seen::All => words.principal(actor, &|_| true),
            Seen::Near(named) => words.principal(actor, &|scope| scope.holds(resource) || named.contains(scope)),
        };
        let (principal, resource) = (principal?, words.resource(resource)?);
        let mut pairs = vec![("door".to_owned(), RestrictedExpression::new_string(circumstances.door.as_str().to_owned()))];
        pairs.extend(circumstances.environment.iter().map(|name| ("environment".to_owned(), RestrictedExpression::new_string(name.to_string()))));
        let context = Context::from_pairs(pairs).ok()?;
        let request = Request::new(principal.uid(), words.actions.get(action.as_str())?.clone(), resource.uid(), context, None).ok()?;
        let entities = Entities::from_entities([principal, resource], None).ok()?;
        Some(Authorizer::new().is_authorized(&request, prepared.policies(action)?, &entities))
    }

    /// Whether a role by itself allows an action where it holds: what the policy of the role in `roles.cedar` permits.
    pub fn role_allows(&self, role: &Role, action: Action) -> bool {
        let permits = |id: &str| self.roles.get(id).is_some_and(|actions| actions.contains(&action));
        permits(policy_of(role)) || (governs(role) && permits("role.governance"))
    }

    /// The roles that by themselves allow an action, as they are granted; `approver:ROLE` for any role of approval.
    pub fn roles_that_allow(&self, action: Action) -> Vec<String> {
        let words = ["viewer", "contributor", "owner", "approver:ai-governance", "deployer", "incident", "auditor", "administrator"];
        let roles = words.iter().filter_map(|word| Role::parse(word).ok()).filter(|role| self.role_allows(role, action));
        // Any role of approval allows what the one that is tried allows, apart from what governance alone does.
        let any = Label::parse("any").map(Role::Approver).is_ok_and(|any| self.role_allows(&any, action));
        roles.map(|role| if any && matches!(role, Role::Approver(_)) { "approver:ROLE".to_owned() } else { role.to_string() }).collect()
    }

    /// Whether the caller could be allowed an action somewhere: false is final, true is for the decision on the resource.
    pub fn anywhere(&self, actor: &Actor, action: Action) -> bool {
        let by = |id: &str| self.roles.get(id).is_some_and(|actions| actions.contains(&action));
        actor.roles.iter().any(|grant| self.role_allows(&grant.role, action))
            || (!actor.delegated.is_empty() && by("role.delegate"))
            || (!actor.teams.is_empty() && by("team.member"))
            || self.permitted.contains(&action)
    }

    /// Whether the caller may go on with an action of which it is not known yet what it is done to.
    pub fn admits(&self, actor: &Actor, action: Action, circumstances: &Circumstances) -> bool {
        match reach(action) {
            Reach::Models => self.anywhere(actor, action),
            Reach::Registry => self.decide(actor, action, &Resource::Registry, circumstances).allowed,
            Reach::Own => {
                // A right to one's own matters is one that some role gives, and that no policy of the organisation takes away.
                let decision = || self.decide(actor, action, &Resource::Registry, circumstances);
                self.anywhere(actor, action) && (self.digest.is_none() || decision().allowed || decision().policies.is_empty())
            }
        }
    }

    /// Ids of the policies that permit an action to somebody.
    pub fn permitting(&self, action: Action) -> Vec<&str> {
        let permits = |source: &&Source| source.effect == Effect::Permit && actions(source).contains(&action);
        self.sources.iter().filter(permits).map(|source| source.id.as_str()).collect()
    }

    /// Models that policies name by their id: these have classes of their own.
    pub fn named_models(&self) -> BTreeSet<ModelId> {
        let Some((words, _)) = COMPILED.as_ref() else { return BTreeSet::new() };
        let mut found = BTreeSet::new();
        for uid in self.sources.iter().flat_map(|source| source.policy.entity_literals()) {
            let text: &str = uid.id().as_ref();
            if *uid.type_name() == words.model {
                found.extend(ModelId::parse(text));
            } else if *uid.type_name() == words.scope
                && let Ok(Scope::Model(model)) = Scope::parse(text)
            {
                found.insert(model);
            }
        }
        found
    }
}

/// Id of the policy of a role.
fn policy_of(role: &Role) -> &'static str {
    match role {
        Role::Viewer => "role.viewer",
        Role::Contributor => "role.contributor",
        Role::Owner => "role.owner",
        Role::Approver(_) => "role.approver",
        Role::Deployer => "role.deployer",
        Role::Incident => "role.incident",
        Role::Auditor => "role.auditor",
        Role::Administrator => "role.administrator",
    }
}

/// Actions that the head of a policy names.
fn actions(source: &Source) -> BTreeSet<Action> {
    let one = |uid: &EntityUid| Action::parse(uid.id().as_ref()).ok();
    match source.policy.action_constraint() {
        ActionConstraint::Any => Action::ALL.iter().copied().collect(),
        ActionConstraint::In(uids) => uids.iter().filter_map(one).collect(),
        ActionConstraint::Eq(uid) => one(&uid).into_iter().collect(),
    }
}

impl Actor {
    /// All that decisions about the actor depend on, as one digest: while it stays, and the policies stay, so does every decision.
    pub fn fingerprint(&self) -> Digest {
        let mut text = format!("{}\n{}\n", self.id, self.kind);
        for Grant { role, scope } in &self.roles {
            text.push_str(&format!("{role}@{scope}\n"));
        }
        for team in &self.teams {
            text.push_str(&format!("in {team}\n"));
        }
        for delegated in &self.delegated {
            let scopes: Vec<String> = delegated.scopes.iter().map(ToString::to_string).collect();
            text.push_str(&format!("for {} {} {}\n", delegated.by, delegated.role, scopes.join(" ")));
        }
        Digest::of(text.as_bytes())
    }
}

#[cfg(test)]
mod tests;
