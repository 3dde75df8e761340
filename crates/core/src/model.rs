//! Models: creation, profile, rename, hiding, and in `govern` and `transfer` what only changes by rule: risk tier, policy mode, owning team.
//! A model has an id for ever; its name is a binding in time.

mod govern;
mod transfer;

pub mod document;

use serde::{Deserialize, Serialize};

use crate::access::{AccessClass, class};
use crate::command::{Context, Stop, begin, record};
use crate::entry::{Draft, Entry, PrivateText, Subject};
use crate::names::{
    ActorId, AliasName, Classification, Digest, Label, MAX_DESCRIPTION_BYTES, ModelId, ModelKind, ModelName, PolicyMode, RiskTier, TagKey, VersionNumber,
    check_text,
};
use crate::refusal::{Code, Refusal};
use crate::rows::{Missing, Rows};
use crate::tables::{BindingRow, ModelRow, NameRow, OPEN};
use crate::{alias, registry, tag, team, version};
use document::DocumentControl;

pub(crate) use govern::mode;
pub use govern::{GOVERNANCE, counts_as_high};

/// Most items of a list in a profile.
pub const MAX_LIST_ITEMS: usize = 100;

/// Who answers for a model (ENT-2): names of teams and role-like contacts, never of erasable persons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ownership {
    /// Team that owns the model; access policies read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owning_team: Option<Label>,
    /// Owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who steps in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_owner: Option<String>,
    /// Whom to call in an incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalation_contact: Option<String>,
    /// Business unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business_unit: Option<String>,
}

/// What is stated about risk (ENT-3); the tier itself is a governed fact beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RiskStatement {
    /// Rating of the security risk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_rating: Option<String>,
    /// Controls that mitigate it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mitigation_controls: Vec<String>,
    /// Status of compliance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compliance_status: Option<String>,
    /// Whether fairness was tested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fairness_tested: Option<bool>,
    /// How much it decides by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autonomy: Option<Autonomy>,
    /// Who meets what it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<Audience>,
}

crate::words! {
    /// How much a model decides by itself.
    Autonomy, "autonomy" {
        /// It helps a person who decides.
        Assists = "assists",
        /// It decides, and a person looks at each decision.
        Reviewed = "reviewed",
        /// It decides alone.
        Decides = "decides",
    }
}

crate::words! {
    /// Who meets what a model says.
    Audience, "audience" {
        /// People of the organisation.
        Internal = "internal",
        /// Known people of other organisations.
        Partners = "partners",
        /// Anybody.
        Public = "public",
    }
}

/// What a model's entry says about it (ENT-1, ENT-2, ENT-3, ENT-14, ENT-15). Every field is optional; gates ask for what they need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it is used for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_case: Option<String>,
    /// Known limitations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limitations: Option<String>,
    /// Who is meant to use it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intended_users: Vec<String>,
    /// Uses that are allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_uses: Vec<String>,
    /// Uses that are prohibited.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prohibited_uses: Vec<String>,
    /// Licence (SPDX expression).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Ownership.
    pub ownership: Ownership,
    /// Risk statements.
    pub risk: RiskStatement,
    /// Confidentiality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    /// Whether personal data is involved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_data: Option<bool>,
    /// Document control.
    #[serde(skip_serializing_if = "DocumentControl::is_empty")]
    pub document_control: DocumentControl,
}

impl Profile {
    /// Checks lengths and counts.
    ///
    /// # Errors
    /// A refusal that names the field over its limit.
    pub fn check(&self) -> Result<(), Refusal> {
        let texts = [
            ("description", &self.description),
            ("use_case", &self.use_case),
            ("limitations", &self.limitations),
            ("licence", &self.licence),
            ("owner", &self.ownership.owner),
            ("backup_owner", &self.ownership.backup_owner),
            ("escalation_contact", &self.ownership.escalation_contact),
            ("business_unit", &self.ownership.business_unit),
            ("security_rating", &self.risk.security_rating),
            ("compliance_status", &self.risk.compliance_status),
        ];
        for (field, text) in texts {
            check_text(field, text.as_deref().unwrap_or_default(), MAX_DESCRIPTION_BYTES)?;
        }
        let lists = [
            ("intended_users", &self.intended_users),
            ("allowed_uses", &self.allowed_uses),
            ("prohibited_uses", &self.prohibited_uses),
            ("mitigation_controls", &self.risk.mitigation_controls),
        ];
        for (field, list) in lists {
            if list.len() > MAX_LIST_ITEMS {
                return Err(Refusal::new(Code::TooLarge, &format!("{field} has {} items; at most {MAX_LIST_ITEMS} are accepted", list.len())).field(field));
            }
            list.iter().try_for_each(|item| check_text(field, item, 2000))?;
        }
        self.document_control.check()
    }
}

/// Commands on models.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Creates a model.
    Create {
        /// New identifier.
        id: ModelId,
        /// Name.
        name: ModelName,
        /// Kind.
        kind: ModelKind,
        /// Risk tier.
        risk_tier: RiskTier,
        /// What is said about it.
        profile: Box<Profile>,
        /// Tags that it has from the start; of a key that appears twice the last value counts.
        tags: Vec<(TagKey, String)>,
    },
    /// Replaces the profile.
    Update {
        /// Model.
        id: ModelId,
        /// The new profile, whole.
        profile: Box<Profile>,
        /// Revision that the caller saw (If-Match).
        expected: Option<u64>,
    },
    /// Raises the risk tier at once, or proposes a lower one.
    SetRiskTier {
        /// Model.
        id: ModelId,
        /// New tier.
        risk_tier: RiskTier,
        /// Why.
        reason: PrivateText,
    },
    /// Confirms the tier that somebody else proposed.
    ConfirmTier {
        /// Model.
        id: ModelId,
        /// The proposed tier, as the person saw it.
        risk_tier: RiskTier,
        /// Why.
        reason: PrivateText,
    },
    /// Says no to a proposed tier.
    RejectTier {
        /// Model.
        id: ModelId,
        /// Why.
        reason: PrivateText,
    },
    /// Takes one's own proposal back.
    WithdrawTier {
        /// Model.
        id: ModelId,
        /// Why.
        reason: PrivateText,
    },
    /// Gives the model a policy mode of its own, or takes it away.
    SetPolicyMode {
        /// Model.
        id: ModelId,
        /// The mode; none for that of the registry.
        mode: Option<PolicyMode>,
        /// Why.
        reason: PrivateText,
        /// Its ungated versions in production that no exceptions cover, found in prepare.
        ungated: Vec<VersionNumber>,
    },
    /// Proposes that a team owns the model.
    ProposeTransfer {
        /// Model.
        id: ModelId,
        /// The team.
        to: Label,
        /// Why.
        reason: PrivateText,
    },
    /// Accepts for the other side what was proposed.
    AcceptTransfer {
        /// Model.
        id: ModelId,
        /// The proposed team, as the person saw it.
        to: Label,
    },
    /// Says no to a proposed transfer.
    RejectTransfer {
        /// Model.
        id: ModelId,
        /// Why.
        reason: PrivateText,
    },
    /// Takes one's own proposal of a transfer back.
    WithdrawTransfer {
        /// Model.
        id: ModelId,
        /// Why.
        reason: PrivateText,
    },
    /// Binds a new name.
    Rename {
        /// Model.
        id: ModelId,
        /// New name.
        to: ModelName,
    },
    /// Takes the model out of listings, with its versions, and removes its aliases.
    Hide {
        /// Model.
        id: ModelId,
        /// Why.
        reason: PrivateText,
        /// Every alias that it had when its releases were at revision `releases`; those that are gone meanwhile do not matter.
        aliases: Vec<AliasName>,
        /// Revision of the model's releases ([`registry::releases`]) at which the aliases were read: an alias that is set moves it.
        releases: u64,
    },
}

/// What happened to a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Event {
    /// A model was created.
    #[serde(rename = "model.created")]
    Created {
        /// Name.
        name: ModelName,
        /// Kind.
        kind: ModelKind,
        /// Risk tier.
        risk_tier: RiskTier,
        /// Profile.
        profile: Box<Profile>,
    },
    /// Its profile was replaced.
    #[serde(rename = "model.updated")]
    Updated {
        /// The profile, whole.
        profile: Box<Profile>,
    },
    /// Its risk tier changed.
    #[serde(rename = "model.risk-tier-changed")]
    RiskTierChanged {
        /// Before.
        from: RiskTier,
        /// After.
        to: RiskTier,
        /// Why, in the vault.
        reason: Digest,
        /// Who had proposed it, when it was lowered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proposed_by: Option<ActorId>,
    },
    /// A lower tier was proposed.
    #[serde(rename = "model.tier-proposed")]
    TierProposed {
        /// The tier now.
        from: RiskTier,
        /// The proposed one.
        to: RiskTier,
        /// Why, in the vault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Digest>,
    },
    /// A proposed tier was rejected.
    #[serde(rename = "model.tier-rejected")]
    TierRejected {
        /// The proposed one.
        to: RiskTier,
        /// Why, in the vault.
        reason: Digest,
    },
    /// Who proposed a tier took it back.
    #[serde(rename = "model.tier-withdrawn")]
    TierWithdrawn {
        /// The proposed one.
        to: RiskTier,
        /// Why, in the vault.
        reason: Digest,
    },
    /// It has another policy mode of its own, or none any more.
    #[serde(rename = "model.policy-mode-changed")]
    PolicyModeChanged {
        /// The mode; null for that of the registry.
        mode: Option<PolicyMode>,
        /// Why, in the vault.
        reason: Digest,
    },
    /// Another team shall own it.
    #[serde(rename = "model.transfer-proposed")]
    TransferProposed {
        /// The team that owns it; null for a claim.
        from: Option<Label>,
        /// The team that shall own it.
        to: Label,
        /// Why, in the vault.
        reason: Digest,
    },
    /// Another team owns it.
    #[serde(rename = "model.transferred")]
    Transferred {
        /// The team that owned it; null when it had none.
        from: Option<Label>,
        /// The team that owns it.
        to: Label,
        /// Who had proposed it.
        proposed_by: ActorId,
    },
    /// A proposed transfer was rejected.
    #[serde(rename = "model.transfer-rejected")]
    TransferRejected {
        /// The team that would have owned it.
        to: Label,
        /// Why, in the vault.
        reason: Digest,
    },
    /// Who proposed a transfer took it back.
    #[serde(rename = "model.transfer-withdrawn")]
    TransferWithdrawn {
        /// The team that would have owned it.
        to: Label,
        /// Why, in the vault.
        reason: Digest,
    },
    /// A new name was bound.
    #[serde(rename = "model.renamed")]
    Renamed {
        /// Before.
        from: ModelName,
        /// After.
        to: ModelName,
    },
    /// It was taken out of listings; its name is free again.
    #[serde(rename = "model.hidden")]
    Hidden {
        /// The name it had.
        name: ModelName,
        /// Why, in the vault.
        reason: Digest,
    },
}

/// The model, or the refusal that it does not exist.
pub(crate) fn existing(rows: &mut Rows, id: &ModelId) -> Result<ModelRow, Stop> {
    rows.get::<ModelRow>(&[id])?.ok_or_else(|| Refusal::not_found("model", id.as_str()).into())
}

/// The model, or the refusal that it is hidden: its name is free, and another model may have it by now.
fn visible(rows: &mut Rows, id: &ModelId) -> Result<ModelRow, Stop> {
    let model = existing(rows, id)?;
    if model.hidden {
        return Err(Refusal::new(Code::TransitionRefused, &format!("model `{}` is hidden and has no name any more", model.name)).field("name").into());
    }
    Ok(model)
}

/// Refuses when the caller saw another revision.
pub(crate) fn check_revision(what: &str, expected: Option<u64>, actual: u64) -> Result<(), Refusal> {
    match expected {
        Some(seen) if seen != actual => Err(Refusal::new(Code::PreconditionFailed, &format!("the {what} changed: you saw revision {seen}, it is at {actual}"))
            .field("If-Match")
            .remedy("read it again, compare, and repeat the command with the new ETag")),
        _ => Ok(()),
    }
}

fn name_taken(name: &ModelName) -> Refusal {
    Refusal::new(Code::AlreadyExists, &format!("a model with name `{name}` exists already"))
        .field("name")
        .remedy("choose another name, or register a new version of that model")
}

/// Decides a command on a model.
///
/// # Errors
/// [`Stop`].
pub fn decide(rows: &mut Rows, context: &Context, command: &Command) -> Result<Vec<Draft>, Stop> {
    match command {
        Command::Create { id, name, kind, risk_tier, profile, tags } => {
            profile.check()?;
            if rows.get::<ModelRow>(&[id])?.is_some() {
                return Err(Refusal::new(Code::AlreadyExists, &format!("model id `{id}` is given already")).field("model_id").into());
            }
            if rows.get::<NameRow>(&[name])?.is_some_and(|row| row.model_id.is_some()) {
                return Err(name_taken(name).into());
            }
            transfer::check_new(rows, profile)?;
            let (given, proposed) = govern::at_creation(rows, &context.actor, AccessClass::of(profile, *kind, *risk_tier))?;
            let event = Event::Created { name: name.clone(), kind: *kind, risk_tier: given, profile: profile.clone() };
            let subject = Subject::Model(id.clone());
            let mut drafts = vec![Draft::new(subject.clone(), event)];
            drafts.extend(proposed.map(|event| Draft::new(subject.clone(), event)));
            drafts.extend(tag::drafts(&subject, tags)?);
            Ok(drafts)
        }
        Command::Update { id, profile, expected } => {
            profile.check()?;
            let model = existing(rows, id)?;
            check_revision("model", *expected, model.revision)?;
            let profile = Box::new(transfer::kept_team(&model, (**profile).clone())?);
            Ok(vec![Draft::new(Subject::Model(id.clone()), Event::Updated { profile })])
        }
        Command::SetRiskTier { id, risk_tier, reason } => govern::set_risk_tier(rows, id, *risk_tier, reason),
        Command::ConfirmTier { id, risk_tier, reason } => govern::confirm(rows, context, id, *risk_tier, reason),
        Command::RejectTier { id, reason } => govern::reject(rows, context, id, reason),
        Command::WithdrawTier { id, reason } => govern::withdraw(rows, context, id, reason),
        Command::SetPolicyMode { id, mode, reason, ungated } => govern::set_policy_mode(rows, id, *mode, reason, ungated),
        Command::ProposeTransfer { id, to, reason } => transfer::propose(rows, context, id, to, reason),
        Command::AcceptTransfer { id, to } => transfer::accept(rows, context, id, to),
        Command::RejectTransfer { id, reason } => transfer::reject(rows, context, id, reason),
        Command::WithdrawTransfer { id, reason } => transfer::withdraw(rows, context, id, reason),
        Command::Rename { id, to } => rename(rows, id, to),
        Command::Hide { id, reason, aliases, releases } => hide(rows, id, reason, aliases, *releases),
    }
}

fn hide(rows: &mut Rows, id: &ModelId, reason: &PrivateText, aliases: &[AliasName], releases: u64) -> Result<Vec<Draft>, Stop> {
    let model = existing(rows, id)?;
    if model.hidden {
        return Err(Refusal::not_found("model", model.name.as_str()).into());
    }
    if mode(rows, id)? == PolicyMode::Enforce && model.last_number > 0 {
        return Err(Refusal::new(Code::ProtectedDeletion, &format!("model `{}` has versions and is never deleted", model.name))
            .remedy("retire its versions: nothing serves a retired version and auditors can still fetch it")
            .into());
    }
    check_revision("model", Some(releases), registry::releases_revision(rows, id)?)?;
    let mut drafts = alias::removals(rows, id, aliases, None)?;
    let event = Event::Hidden { name: model.name, reason: reason.digest };
    drafts.push(Draft::new(Subject::Model(id.clone()), event).private(Some(reason)));
    Ok(drafts)
}

fn rename(rows: &mut Rows, id: &ModelId, to: &ModelName) -> Result<Vec<Draft>, Stop> {
    let model = visible(rows, id)?;
    if model.name == *to {
        return Err(Refusal::new(Code::AlreadyExists, &format!("the name of this model is `{to}` already")).field("name").into());
    }
    if let Some(row) = rows.get::<NameRow>(&[to])? {
        if row.model_id.as_ref().is_some_and(|holder| holder != id) {
            return Err(name_taken(to).into());
        }
        // INVARIANT: under one name two models never share a number; so a name with numbers of another model is closed.
        let known = rows.get::<BindingRow>(&[to, id])?.map_or(0, |binding| binding.last_number);
        if row.next_number - 1 > known {
            return Err(Refusal::new(Code::AlreadyExists, &format!("versions of another model are known under the name `{to}`"))
                .field("name")
                .remedy("choose a name that was never used")
                .into());
        }
    }
    let event = Event::Renamed { from: model.name, to: to.clone() };
    Ok(vec![Draft::new(Subject::Model(id.clone()), event)])
}

/// Applies an event to the rows.
///
/// # Errors
/// [`Missing`].
pub fn apply(rows: &mut Rows, entry: &Entry, event: &Event) -> Result<(), Missing> {
    let Subject::Model(id) = &entry.subject else { return Ok(()) };
    let model = rows.get::<ModelRow>(&[id])?;
    match (event, model) {
        (Event::Created { name, kind, risk_tier, profile }, _) => {
            bind(rows, entry, name, id)?;
            team::count_model(rows, None, profile.ownership.owning_team.as_ref())?;
            let access_class = class::noted(rows, &AccessClass::of(profile, *kind, *risk_tier));
            rows.put(&ModelRow {
                model_id: id.clone(),
                name: name.clone(),
                name_folded: name.as_str().to_lowercase(),
                kind: *kind,
                access_class,
                profile: serde_json::to_value(profile).unwrap_or_default(),
                risk_tier: *risk_tier,
                tier_index: entry.index,
                policy_mode: None,
                hidden: false,
                last_number: 0,
                last_semver: String::new(),
                created_index: entry.index,
                created_at: entry.at,
                created_by: entry.actor.clone(),
                last_updated_at: entry.at,
                updated_at: entry.at,
                revision: entry.index,
            });
            begin(rows, entry, "name", name.as_str());
            begin(rows, entry, "risk_tier", risk_tier.as_str());
            begin(rows, entry, "owning_team", profile.ownership.owning_team.as_ref().map_or("", Label::as_str));
            begin(rows, entry, "description", profile.description.as_deref().unwrap_or_default());
            Ok(())
        }
        (_, None) => Ok(()),
        (Event::Updated { profile }, Some(model)) => {
            record(rows, entry, &entry.subject, "description", profile.description.as_deref())?;
            let access_class = class::changed(rows, entry, &model, AccessClass::of(profile, model.kind, model.risk_tier))?;
            touch(rows, entry, ModelRow { access_class, profile: serde_json::to_value(profile).unwrap_or_default(), last_updated_at: entry.at, ..model });
            Ok(())
        }
        (
            Event::RiskTierChanged { .. }
            | Event::TierProposed { .. }
            | Event::TierRejected { .. }
            | Event::TierWithdrawn { .. }
            | Event::PolicyModeChanged { .. },
            Some(model),
        ) => govern::apply(rows, entry, event, model),
        (Event::TransferProposed { .. } | Event::Transferred { .. } | Event::TransferRejected { .. } | Event::TransferWithdrawn { .. }, Some(model)) => {
            transfer::apply(rows, entry, event, model)
        }
        (Event::Renamed { from, to }, Some(model)) => {
            release(rows, from, &model)?;
            bind(rows, entry, to, id)?;
            raise_next_number(rows, to, model.last_number + 1)?;
            record(rows, entry, &entry.subject, "name", Some(to.as_str()))?;
            version::note_update_of_all(rows, entry, id, model.last_number)?;
            touch(rows, entry, ModelRow { name: to.clone(), name_folded: to.as_str().to_lowercase(), last_updated_at: entry.at, ..model });
            Ok(())
        }
        (Event::Hidden { name, .. }, Some(model)) => {
            release(rows, name, &model)?;
            team::count_model(rows, model.owning_team().as_ref(), None)?;
            record(rows, entry, &entry.subject, "name", None)?;
            version::hide_all(rows, entry, id, model.last_number)?;
            touch(rows, entry, ModelRow { hidden: true, last_updated_at: entry.at, ..model });
            Ok(())
        }
    }
}

/// Writes a model with its revision moved to this entry.
pub(crate) fn touch(rows: &mut Rows, entry: &Entry, model: ModelRow) {
    rows.put(&ModelRow { updated_at: entry.at, revision: entry.index, ..model });
}

/// Notes that the versions of a model changed: its last update, not its revision.
pub(crate) fn note_update(rows: &mut Rows, entry: &Entry, id: &ModelId) -> Result<(), Missing> {
    if let Some(model) = rows.get::<ModelRow>(&[id])? {
        rows.put(&ModelRow { last_updated_at: entry.at, ..model });
    }
    Ok(())
}

fn bind(rows: &mut Rows, entry: &Entry, name: &ModelName, id: &ModelId) -> Result<(), Missing> {
    let next_number = rows.get::<NameRow>(&[name])?.map_or(1, |row| row.next_number);
    rows.put(&NameRow { name: name.clone(), model_id: Some(id.clone()), next_number });
    let from_index = rows.get::<BindingRow>(&[name, id])?.map_or(entry.index, |binding| binding.from_index);
    rows.put(&BindingRow { name: name.clone(), model_id: id.clone(), from_index, last_number: OPEN });
    Ok(())
}

fn release(rows: &mut Rows, name: &ModelName, model: &ModelRow) -> Result<(), Missing> {
    if let Some(row) = rows.get::<NameRow>(&[name])? {
        rows.put(&NameRow { model_id: None, ..row });
    }
    if let Some(binding) = rows.get::<BindingRow>(&[name, &model.model_id])? {
        rows.put(&BindingRow { last_number: model.last_number, ..binding });
    }
    Ok(())
}

/// Keeps the counter of a name above every number that is known under it.
pub(crate) fn raise_next_number(rows: &mut Rows, name: &ModelName, at_least: u64) -> Result<(), Missing> {
    if let Some(row) = rows.get::<NameRow>(&[name])?
        && row.next_number < at_least
    {
        rows.put(&NameRow { next_number: at_least, ..row });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
