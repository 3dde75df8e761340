//! Who may do what. [`Authorized`] can only be made by [`authorize`], and the write path takes nothing else.
//!
//! Access is deny by default. Which role allows what stands in `policies/access/roles.cedar` and nowhere else; [`Policies`] decides. What
//! stays here is the very role of approval in which somebody speaks, which no policy can lend him.

pub mod class;
pub mod grant;
pub mod limits;
pub mod policies;
mod prepared;
mod remembered;
pub mod resource;
pub mod source;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use class::AccessClass;
pub use grant::{Grant, Scope};
pub use limits::Limits;
pub use policies::{Decision, Policies};
pub use resource::{About, Circumstances, Place, Resource, about};

use crate::actor::{self, ActorKind};
use crate::command::Command;
use crate::names::{ActorId, Label};
use crate::refusal::{Code, Refusal};
use crate::{delegation, evidence, exception, model, promotion, registry, version};

/// A role (`design.md` section 7). Written as a word; approvers as `approver:ROLE`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Creates models, registers versions, adds evidence, asks for promotion.
    Contributor,
    /// A contributor who also answers for the lifecycle.
    Owner,
    /// Gives verdicts in a named role of approval.
    Approver(Label),
    /// Executes promotions.
    Deployer,
    /// Rolls back and demotes in an incident.
    Incident,
    /// Reads everything, entries included.
    Auditor,
    /// Manages actors, tokens and settings.
    Administrator,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Viewer => formatter.write_str("viewer"),
            Self::Contributor => formatter.write_str("contributor"),
            Self::Owner => formatter.write_str("owner"),
            Self::Approver(role) => write!(formatter, "approver:{role}"),
            Self::Deployer => formatter.write_str("deployer"),
            Self::Incident => formatter.write_str("incident"),
            Self::Auditor => formatter.write_str("auditor"),
            Self::Administrator => formatter.write_str("administrator"),
        }
    }
}

impl Role {
    /// Parses the written form.
    ///
    /// # Errors
    /// A refusal that lists the known roles.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if let Some(role) = text.strip_prefix("approver:") {
            return Label::parse(role).map(Self::Approver);
        }
        match text {
            "viewer" => Ok(Self::Viewer),
            "contributor" => Ok(Self::Contributor),
            "owner" => Ok(Self::Owner),
            "deployer" => Ok(Self::Deployer),
            "incident" => Ok(Self::Incident),
            "auditor" => Ok(Self::Auditor),
            "administrator" => Ok(Self::Administrator),
            _ => Err(Refusal::unknown_word(
                "role",
                text,
                &["viewer", "contributor", "owner", "approver:ROLE", "deployer", "incident", "auditor", "administrator"],
            )),
        }
    }
}

impl TryFrom<String> for Role {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        Self::parse(&text)
    }
}

impl From<Role> for String {
    fn from(role: Role) -> String {
        role.to_string()
    }
}

crate::words! {
    /// Something that an actor may be allowed to do.
    Action, "action" {
        /// Read models, versions, evidence, promotions, decisions and their history.
        Read = "read",
        /// Read whole entries and entry bundles of the ledger.
        ReadEntries = "read-entries",
        /// Upload bytes.
        Upload = "upload",
        /// Create a model or change its profile.
        EditModel = "edit-model",
        /// Rename or hide a model.
        ManageModel = "manage-model",
        /// Change the risk tier.
        SetRiskTier = "set-risk-tier",
        /// Register a version, describe or tag it, add evidence, record a check.
        Register = "register",
        /// Set or remove an alias.
        SetAlias = "set-alias",
        /// Open or refresh a promotion.
        AskPromotion = "ask-promotion",
        /// Give a verdict, or say that a condition is met.
        Review = "review",
        /// Comment on a promotion.
        Comment = "comment",
        /// Have the decision signed once nothing is missing for it.
        Decide = "decide",
        /// Execute a promotion.
        Execute = "execute",
        /// Demote or deprecate.
        Demote = "demote",
        /// Retire, reinstate or hide a version.
        Retire = "retire",
        /// Roll back.
        Rollback = "rollback",
        /// Manage actors and tokens.
        ManageActors = "manage-actors",
        /// Register or remove a public key of one's own.
        ManageOwnKeys = "manage-own-keys",
        /// Change settings.
        ManageSettings = "manage-settings",
        /// Give a model a policy mode of its own.
        SetPolicyMode = "set-policy-mode",
        /// Ask for a waiver of a rule.
        RequestException = "request-exception",
        /// Grant, refuse or revoke a waiver, in a role that the policy names.
        GrantException = "grant-exception",
        /// Release in an emergency what only waivable rules hold back.
        BreakGlass = "break-glass",
        /// Let somebody stand in for one's own role of approval.
        Delegate = "delegate",
        /// Add or change risks of the register.
        ManageRisks = "manage-risks",
        /// Schedule a review, or say that it is done.
        ScheduleReview = "schedule-review",
        /// Install, activate or withdraw a policy bundle.
        ManagePolicy = "manage-policy",
        /// Add or approve a template of a document.
        ManageTemplates = "manage-templates",
        /// Run the scheduled checks now.
        RunChecks = "run-checks",
        /// Put a version on the list of those that lost their attestation.
        RevokeAttestation = "revoke-attestation",
        /// Change one's own password, sessions and tokens.
        ManageOwnAccount = "manage-own-account",
        /// Create, change or dissolve a team, add or remove members.
        ManageTeams = "manage-teams",
        /// Propose that another team owns a model, or take one over for one's own.
        TransferModel = "transfer-model",
        /// Erase the name, the address and the private texts of a person.
        ErasePerson = "erase-person",
        /// Install, activate or withdraw access policies.
        ManageAccess = "manage-access",
        /// Read who downloaded, exported and logged in.
        ReadAccessLog = "read-access-log",
    }
}

/// A role of approval in which an actor stands in for somebody who has it.
///
/// It allows to look, to comment and to give verdicts in that role, and nothing else that the role allows: it is not passed on, and
/// grants no exceptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegated {
    /// The role.
    pub role: Label,
    /// Who has it.
    pub by: ActorId,
    /// Where that one has it.
    pub scopes: Vec<Scope>,
}

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Identifier, as in entries.
    pub id: ActorId,
    /// Kind.
    pub kind: ActorKind,
    /// Roles at the access revision at which it was authenticated.
    pub roles: Vec<Grant>,
    /// Teams that it is a member of, at that revision.
    pub teams: Vec<Label>,
    /// Roles of approval in which it stands in, at that revision and moment.
    pub delegated: Vec<Delegated>,
    /// Revision of the access data that the roles were read at.
    pub access_revision: u64,
}

impl Actor {
    /// Whether the actor has a role himself at a place.
    pub fn holds(&self, role: &Role, place: &Place) -> bool {
        self.roles.iter().any(|grant| grant.role == *role && grant.scope.reaches(place))
    }

    /// For whom the actor speaks in a role of approval at a place: `None` when he has no say in it, `Some(None)` for himself, and
    /// `Some(Some(giver))` for the one whose delegation he uses.
    pub fn speaks_for(&self, role: &Label, place: &Place) -> Option<Option<&ActorId>> {
        if self.holds(&Role::Approver(role.clone()), place) {
            return Some(None);
        }
        self.delegated.iter().find(|delegated| delegated.role == *role && delegated.reaches(place)).map(|delegated| Some(&delegated.by))
    }
}

impl Delegated {
    fn reaches(&self, place: &Place) -> bool {
        self.scopes.iter().any(|scope| scope.reaches(place))
    }
}

/// Something an actor was allowed: made only by [`authorize`] and [`authorize_read`].
#[derive(Clone, Debug, PartialEq)]
pub struct Authorized<T> {
    actor: Actor,
    what: T,
}

impl<T> Authorized<T> {
    /// Who was allowed.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// What was allowed.
    pub fn what(&self) -> &T {
        &self.what
    }

    /// Takes it apart.
    pub fn into_parts(self) -> (Actor, T) {
        (self.actor, self.what)
    }
}

/// A read that was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading(Action);

/// Whether a command makes something by which somebody gets in afterwards: a token, a one-time secret, an identity of a pipeline or of a person.
pub fn lets_in(command: &Command) -> bool {
    use actor::{Command as Of, binding, password};
    let Command::Actor(command) = command else { return false };
    match command {
        Of::IssueToken(_) | Of::RotateToken(_) | Of::AddIdentity { .. } | Of::Password(password::Command::Reset { .. }) => true,
        Of::Binding(command) => matches!(command, binding::Command::Bind { .. }),
        Of::Create { .. }
        | Of::SetRoles { .. }
        | Of::Deactivate { .. }
        | Of::RevokeToken { .. }
        | Of::RemoveIdentity { .. }
        | Of::Password(password::Command::Set { .. } | password::Command::LogIn { .. } | password::Command::RevokeOwnToken { .. })
        | Of::AddKey { .. }
        | Of::RemoveKey { .. } => false,
    }
}

/// The action that a command is.
pub fn action_of(command: &Command) -> Action {
    match command {
        Command::Actor(actor::Command::AddKey { whose: actor::key::Whose::Own, .. } | actor::Command::RemoveKey { whose: actor::key::Whose::Own, .. }) => {
            Action::ManageOwnKeys
        }
        Command::Actor(actor::Command::Password(
            actor::password::Command::Set { .. } | actor::password::Command::LogIn { .. } | actor::password::Command::RevokeOwnToken { .. },
        )) => Action::ManageOwnAccount,
        Command::AccessLog(_) => Action::ManageSettings,
        Command::AccessPolicy(_) => Action::ManageAccess,
        Command::Actor(
            actor::Command::RotateToken(actor::token::Rotate { whose: actor::key::Whose::Own, .. })
            | actor::Command::RevokeToken { whose: actor::key::Whose::Own, .. },
        ) => Action::ManageOwnAccount,
        Command::Actor(actor::Command::IssueToken(issue)) if issue.by == actor::token::Issuer::Self_ => Action::ManageOwnAccount,
        Command::Actor(_) | Command::Grant(_) => Action::ManageActors,
        Command::Alias(_) => Action::SetAlias,
        Command::Attestation(_) => Action::RevokeAttestation,
        Command::Bundle(_) => Action::ManagePolicy,
        Command::Calendar(_) => Action::ScheduleReview,
        Command::Delegation(_) => Action::Delegate,
        Command::Exception(command) => match command {
            exception::Command::Request { .. } | exception::Command::Revoke { .. } => Action::RequestException,
            exception::Command::Grant { .. } | exception::Command::Refuse { .. } => Action::GrantException,
            exception::Command::BreakGlass(_) | exception::Command::Release { .. } => Action::BreakGlass,
        },
        Command::Erasure(_) => Action::ErasePerson,
        Command::Finding(_) => Action::RunChecks,
        Command::Group(_) => Action::ManageActors,
        Command::Risk(_) => Action::ManageRisks,
        Command::Team(_) => Action::ManageTeams,
        Command::Template(_) => Action::ManageTemplates,
        // A reviewer who speaks in a role of approval gives a verdict.
        Command::Evidence(evidence::Command::Add { role: Some(_), .. }) => Action::Review,
        Command::Evidence(evidence::Command::Add { role: None, .. }) | Command::Tag(_) => Action::Register,
        Command::Model(command) => match command {
            model::Command::Create { .. } | model::Command::Update { .. } | model::Command::WithdrawTier { .. } => Action::EditModel,
            model::Command::SetRiskTier { .. } | model::Command::ConfirmTier { .. } | model::Command::RejectTier { .. } => Action::SetRiskTier,
            model::Command::SetPolicyMode { .. } => Action::SetPolicyMode,
            model::Command::Rename { .. } | model::Command::Hide { .. } => Action::ManageModel,
            model::Command::ProposeTransfer { .. }
            | model::Command::AcceptTransfer { .. }
            | model::Command::RejectTransfer { .. }
            | model::Command::WithdrawTransfer { .. } => Action::TransferModel,
        },
        Command::Promotion(command) => match command {
            promotion::Command::Open { .. } | promotion::Command::Refresh { .. } | promotion::Command::Cancel { .. } => Action::AskPromotion,
            promotion::Command::Review(_) | promotion::Command::Withdraw { .. } | promotion::Command::MeetCondition { .. } => Action::Review,
            promotion::Command::Comment { .. } => Action::Comment,
            promotion::Command::Decide { .. } | promotion::Command::Complete { .. } => Action::Decide,
            promotion::Command::Execute { .. } => Action::Execute,
            promotion::Command::Rollback { .. } => Action::Rollback,
        },
        Command::Registry(command) => match command {
            registry::Command::SetPolicyMode { .. } | registry::Command::MoveClock { .. } | registry::Command::RotateKey { .. } => Action::ManageSettings,
            registry::Command::RecordCheck { .. } => Action::Register,
            registry::Command::Start { .. } => Action::ManageSettings,
        },
        Command::Version(command) => match command {
            version::Command::Register { .. } | version::Command::Attach { .. } | version::Command::Describe { .. } => Action::Register,
            version::Command::Transition { to, .. } => match version::move_kind(*to) {
                version::DirectMove::Demotion => Action::Demote,
                version::DirectMove::End => Action::Retire,
            },
            version::Command::Hide { .. } => Action::Retire,
        },
    }
}

fn check(policies: &Policies, actor: &Actor, action: Action, place: &Place, circumstances: &Circumstances) -> Result<(), Refusal> {
    let resources = match place {
        Place::Anywhere => return if policies.admits(actor, action, circumstances) { Ok(()) } else { Err(denied(actor, action, &[])) },
        Place::At(resources) => resources,
    };
    for resource in resources {
        let decision = policies.decide(actor, action, resource, circumstances);
        if !decision.allowed {
            return Err(denied(actor, action, &decision.policies));
        }
    }
    if resources.is_empty() { Err(denied(actor, action, &[])) } else { Ok(()) }
}

/// The refusal of an action, with the policies that forbid it; without any, nothing permits it.
pub fn denied(actor: &Actor, action: Action, forbidding: &[String]) -> Refusal {
    if !forbidding.is_empty() {
        let words: Vec<String> = forbidding.iter().map(|policy| format!("`{policy}`")).collect();
        return Refusal::new(Code::AccessDenied, &format!("action `{action}` is forbidden by access policy {}", words.join(", ")))
            .remedy("ask an administrator what the policy is for, or someone whom it leaves out to do this");
    }
    let held: Vec<String> = actor.roles.iter().map(ToString::to_string).collect();
    let held = if held.is_empty() { "no role".to_owned() } else { format!("role {}", held.join(", ")) };
    let needed = Policies::shipped().roles_that_allow(action).join(" or ");
    let needed = if needed.is_empty() { "a role that you do not have".to_owned() } else { format!("the role {needed}") };
    Refusal::new(Code::AccessDenied, &format!("action `{action}` needs {needed} there; you have {held}"))
        .remedy("ask an administrator for the role, or someone who has it to do this")
}

/// Allows a command at the place that it is about, or refuses it.
///
/// # Errors
/// `access_denied`; a review needs the very role of approval that it is given in, and a delegation is given in a role of one's own.
pub fn authorize(policies: &Policies, actor: &Actor, place: &Place, circumstances: &Circumstances, command: Command) -> Result<Authorized<Command>, Refusal> {
    check(policies, actor, action_of(&command), place, circumstances)?;
    if let Command::Exception(exception::Command::Grant { role, .. } | exception::Command::Refuse { role, .. }) = &command
        && !actor.holds(&Role::Approver(role.clone()), place)
    {
        return Err(Refusal::new(Code::AccessDenied, &format!("you do not have the approval role `{role}`"))
            .field("role")
            .remedy(&format!("ask somebody in the approval role {role}")));
    }
    check_role(actor, place, &command)?;
    Ok(Authorized { actor: actor.clone(), what: command })
}

/// Whether the actor has the role of approval that the command is given in, himself or by the delegation that the command names.
fn check_role(actor: &Actor, place: &Place, command: &Command) -> Result<(), Refusal> {
    let lent = |role: &Label, giver: &Option<ActorId>| match giver {
        None => actor.speaks_for(role, place) == Some(None),
        Some(giver) => actor.delegated.iter().any(|delegated| delegated.role == *role && delegated.by == *giver && delegated.reaches(place)),
    };
    let (role, holds) = if let Command::Promotion(promotion::Command::Review(review)) = command {
        (&review.role, lent(&review.role, &review.delegated_by))
    } else if let Command::Promotion(promotion::Command::MeetCondition { role, delegated_by, .. }) = command {
        (role, lent(role, delegated_by))
    } else if let Command::Promotion(promotion::Command::Withdraw { role, .. }) = command {
        (role, actor.speaks_for(role, place).is_some())
    } else if let Command::Delegation(delegation::Command::Give { role, .. }) | Command::Evidence(evidence::Command::Add { role: Some(role), .. }) = command {
        (role, actor.speaks_for(role, place) == Some(None))
    } else {
        return Ok(());
    };
    if holds {
        return Ok(());
    }
    Err(Refusal::new(Code::AccessDenied, &format!("you do not have the approval role `{role}`"))
        .field("role")
        .remedy("do it in a role that you have yourself, or ask somebody who has it"))
}

/// Allows a kind of request before its command is built, or refuses it: what is done to a model is decided again when the model is known.
///
/// # Errors
/// `access_denied`.
pub fn authorize_read(policies: &Policies, actor: &Actor, action: Action, circumstances: &Circumstances) -> Result<Authorized<Reading>, Refusal> {
    check(policies, actor, action, &Place::Anywhere, circumstances)?;
    Ok(Authorized { actor: actor.clone(), what: Reading(action) })
}

impl actor::ActorKind {
    /// The kind that the first letter of an actor id stands for.
    pub fn letter(self) -> char {
        match self {
            Self::Person => 'u',
            Self::Pipeline => 'p',
            Self::Service => 's',
        }
    }
}

#[cfg(test)]
mod tests;
