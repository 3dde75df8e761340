//! What an action is done to: the registry, a team, or a model as its access class. And which of them a command is about.

use super::class::AccessClass;
use super::{Action, Grant, Role, Scope};
use crate::command::Command;
use crate::entry::{Door, Subject};
use crate::names::{Digest, ExceptionId, Label, ModelId, PromotionId, ReviewId, RiskId};
use crate::tables::ActorRow;
use crate::{actor, alias, attestation, calendar, delegation, evidence, exception, model, promotion, registry, risk, tag, version};

/// What an action is done to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// What belongs to no model: settings, actors, policies, the ledger.
    Registry,
    /// A team.
    Team(Label),
    /// A model, as its class.
    Model(AccessClass),
}

/// Around a decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Circumstances {
    /// Surface.
    pub door: Door,
    /// Environment of a promotion.
    pub environment: Option<Label>,
}

impl Circumstances {
    /// At a surface, without an environment.
    pub fn at(door: Door) -> Self {
        Self { door, environment: None }
    }
}

/// Where a command has to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is the caller's own matter: some role that allows it is enough, wherever it holds.
    Anywhere,
    /// At each of these.
    At(Vec<Resource>),
}

impl Scope {
    /// Whether the scope holds a resource.
    pub fn holds(&self, resource: &Resource) -> bool {
        match (self, resource) {
            (Self::Registry, _) => true,
            (Self::Team(team), Resource::Team(name)) => team == name,
            (Self::Team(team), Resource::Model(class)) => class.team.as_ref() == Some(team),
            (Self::Model(model), Resource::Model(class)) => class.model.as_ref() == Some(model),
            (Self::Team(_) | Self::Model(_), Resource::Registry) | (Self::Model(_), Resource::Team(_)) => false,
        }
    }

    /// Whether the scope holds everything at a place, or something somewhere.
    pub fn reaches(&self, place: &Place) -> bool {
        match place {
            Place::Anywhere => true,
            Place::At(resources) => resources.iter().all(|resource| self.holds(resource)),
        }
    }
}

impl ActorRow {
    /// Whether the actor has a role at a resource.
    pub fn holds_at(&self, role: &Role, resource: &Resource) -> bool {
        self.grants().iter().any(|grant| grant.role == *role && grant.scope.holds(resource))
    }

    /// The scopes in which the actor has a role.
    pub fn scopes_of(&self, role: &Role) -> Vec<Scope> {
        self.grants().into_iter().filter(|grant| grant.role == *role).map(|Grant { scope, .. }| scope).collect()
    }
}

/// Where the right to an action has to be looked for before it is known which model it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The registry as a whole: a role in a team is not enough.
    Registry,
    /// Models, each by itself: a caller with a role somewhere is let to the look-up, and the model decides.
    Models,
    /// The caller's own matters.
    Own,
}

/// Where the right to an action has to be looked for.
pub fn reach(action: Action) -> Reach {
    match action {
        Action::ReadEntries
        | Action::ManageActors
        | Action::ManageSettings
        | Action::ManagePolicy
        | Action::ManageTemplates
        | Action::RunChecks
        | Action::ManageTeams
        | Action::ErasePerson
        | Action::ManageAccess
        | Action::ReadAccessLog => Reach::Registry,
        Action::Read
        | Action::EditModel
        | Action::ManageModel
        | Action::SetRiskTier
        | Action::Register
        | Action::SetAlias
        | Action::AskPromotion
        | Action::Review
        | Action::Comment
        | Action::Decide
        | Action::Execute
        | Action::Demote
        | Action::Retire
        | Action::Rollback
        | Action::SetPolicyMode
        | Action::RequestException
        | Action::GrantException
        | Action::BreakGlass
        | Action::ManageRisks
        | Action::ScheduleReview
        | Action::RevokeAttestation
        | Action::TransferModel => Reach::Models,
        Action::Upload | Action::ManageOwnKeys | Action::Delegate | Action::ManageOwnAccount => Reach::Own,
    }
}

/// What a command is about, as it stands in the command; what lies behind an id is looked up by the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The registry.
    Registry,
    /// The caller's own matter.
    Own,
    /// A model that is to be made.
    New(AccessClass),
    /// A model.
    Model(ModelId),
    /// A model that another team shall own: who may do it on the model as it is, or on the model as that team would own it, may do it.
    Transfer(ModelId, Option<Label>),
    /// A model that would be of another class: allowed as it is, and as it would be.
    Changed(ModelId, Box<model::Profile>),
    /// Models; none is the registry.
    Models(Vec<ModelId>),
    /// The model of a promotion.
    Promotion(PromotionId),
    /// The model of an exception.
    Exception(ExceptionId),
    /// The models that a risk is linked to.
    Risk(RiskId),
    /// A model that a risk is, or shall be, linked to. Whoever does it may read the risk.
    Link(RiskId, ModelId),
    /// The model of a review.
    Review(ReviewId),
    /// The model of an attestation.
    Attestation(Digest),
}

/// What a command is about.
pub fn about(command: &Command) -> About {
    use actor::key::Whose;
    use actor::password::Command as Password;
    match command {
        Command::Actor(
            actor::Command::AddKey { whose: actor::key::Whose::Own, .. }
            | actor::Command::RemoveKey { whose: actor::key::Whose::Own, .. }
            | actor::Command::RotateToken(actor::token::Rotate { whose: actor::key::Whose::Own, .. })
            | actor::Command::RevokeToken { whose: actor::key::Whose::Own, .. },
        ) => About::Own,
        Command::Actor(actor::Command::IssueToken(issue)) if issue.by == actor::token::Issuer::Self_ => About::Own,
        Command::Actor(actor::Command::Password(Password::Set { .. } | Password::LogIn { .. } | Password::RevokeOwnToken { .. })) => About::Own,
        Command::Alias(alias::Command::Set { model, .. } | alias::Command::Delete { model, .. })
        | Command::Evidence(evidence::Command::Add { model, .. })
        | Command::Registry(registry::Command::RecordCheck { model, .. })
        | Command::Tag(tag::Command::Set { model, .. } | tag::Command::Delete { model, .. }) => About::Model(model.clone()),
        Command::Attestation(attestation::Command::Revoke { digest, .. }) => About::Attestation(*digest),
        Command::Calendar(calendar::Command::Schedule { review, .. }) => of_subject(&review.subject),
        Command::Calendar(calendar::Command::Done { id, .. }) => About::Review(id.clone()),
        Command::Delegation(delegation::Command::Give { .. } | delegation::Command::End { .. }) => About::Own,
        Command::Exception(command) => of_exception(command),
        Command::Model(command) => of_model(command),
        Command::Promotion(command) => of_promotion(command),
        Command::Risk(risk::Command::Link { id, model } | risk::Command::Unlink { id, model }) => About::Link(id.clone(), model.clone()),
        Command::Risk(risk::Command::Add { models, .. }) => About::Models(models.clone()),
        Command::Risk(
            risk::Command::Change { id, .. } | risk::Command::Mitigate { id, .. } | risk::Command::Finish { id, .. } | risk::Command::SetStatus { id, .. },
        ) => About::Risk(id.clone()),
        Command::Version(command) => of_version(command),
        Command::Actor(
            actor::Command::Create { .. }
            | actor::Command::SetRoles { .. }
            | actor::Command::Deactivate { .. }
            | actor::Command::IssueToken(_)
            | actor::Command::RotateToken(_)
            | actor::Command::AddIdentity { .. }
            | actor::Command::RemoveIdentity { .. }
            | actor::Command::RevokeToken { .. }
            | actor::Command::Password(Password::Reset { .. })
            | actor::Command::Binding(_)
            | actor::Command::AddKey { whose: Whose::Other, .. }
            | actor::Command::RemoveKey { whose: Whose::Other, .. },
        )
        | Command::Registry(
            registry::Command::SetPolicyMode { .. }
            | registry::Command::MoveClock { .. }
            | registry::Command::RotateKey { .. }
            | registry::Command::Start { .. },
        )
        | Command::AccessLog(_)
        | Command::AccessPolicy(_)
        | Command::Bundle(_)
        | Command::Erasure(_)
        | Command::Finding(_)
        | Command::Grant(_)
        | Command::Group(_)
        | Command::Team(_)
        | Command::Template(_) => About::Registry,
    }
}

fn of_exception(command: &exception::Command) -> About {
    match command {
        exception::Command::Request { model, .. } => About::Model(model.clone()),
        exception::Command::Grant { id, .. } | exception::Command::Refuse { id, .. } | exception::Command::Revoke { id, .. } => About::Exception(id.clone()),
        exception::Command::BreakGlass(command) => About::Promotion(command.promotion.clone()),
        exception::Command::Release { promotion, .. } => About::Promotion(promotion.clone()),
    }
}

fn of_model(command: &model::Command) -> About {
    match command {
        model::Command::Create { kind, risk_tier, profile, .. } => About::New(AccessClass::of(profile, *kind, *risk_tier)),
        model::Command::Update { id, profile, .. } => About::Changed(id.clone(), profile.clone()),
        model::Command::ProposeTransfer { id, to, .. } => About::Transfer(id.clone(), Some(to.clone())),
        model::Command::AcceptTransfer { id, .. } | model::Command::RejectTransfer { id, .. } | model::Command::WithdrawTransfer { id, .. } => {
            About::Transfer(id.clone(), None)
        }
        model::Command::SetRiskTier { id, .. }
        | model::Command::ConfirmTier { id, .. }
        | model::Command::RejectTier { id, .. }
        | model::Command::WithdrawTier { id, .. }
        | model::Command::SetPolicyMode { id, .. }
        | model::Command::Rename { id, .. }
        | model::Command::Hide { id, .. } => About::Model(id.clone()),
    }
}

fn of_promotion(command: &promotion::Command) -> About {
    match command {
        promotion::Command::Open { model, .. } | promotion::Command::Rollback { model, .. } => About::Model(model.clone()),
        promotion::Command::Review(review) => About::Promotion(review.promotion.clone()),
        promotion::Command::Refresh { promotion, .. }
        | promotion::Command::MeetCondition { promotion, .. }
        | promotion::Command::Comment { promotion, .. }
        | promotion::Command::Complete { promotion, .. }
        | promotion::Command::Decide { promotion, .. }
        | promotion::Command::Withdraw { promotion, .. }
        | promotion::Command::Cancel { promotion, .. }
        | promotion::Command::Execute { promotion, .. } => About::Promotion(promotion.clone()),
    }
}

fn of_version(command: &version::Command) -> About {
    match command {
        version::Command::Register { model, .. }
        | version::Command::Attach { model, .. }
        | version::Command::Describe { model, .. }
        | version::Command::Transition { model, .. }
        | version::Command::Hide { model, .. } => About::Model(model.clone()),
    }
}

/// What lies behind a subject of entries.
pub fn of_subject(subject: &Subject) -> About {
    match subject {
        Subject::Model(id) | Subject::Version(id, _) => About::Model(id.clone()),
        Subject::Promotion(id) => About::Promotion(id.clone()),
        Subject::Exception(id) => About::Exception(id.clone()),
        Subject::Risk(id) => About::Risk(id.clone()),
        Subject::Review(id) => About::Review(id.clone()),
        Subject::Registry | Subject::Actor(_) | Subject::Token(_) | Subject::Bundle(_) | Subject::Template(_) | Subject::Team(_) | Subject::AccessPolicy(_) => {
            About::Registry
        }
    }
}
