//! The native view: what a model, version, piece of evidence or promotion looks like in the API, in the JSON of the command line,
//! and in what policies read. Views are built from one snapshot; nothing here writes.

use std::collections::BTreeMap;

use chancery_core::entry::Subject;
use chancery_core::evidence::Binding;
use chancery_core::model::Profile;
use chancery_core::names::{Digest, Grade, ModelId, ModelKind, ModelName, RiskTier, State, VersionNumber, clipped};
use chancery_core::policy::RiskScore;
use chancery_core::refusal::{Code, Refusal};
use chancery_core::rows::Value;
use chancery_core::tables::{
    AliasRow, DecisionRow, DirectoryRow, EntryRow, EvidenceRow, ModelRow, NameRow, PayloadRow, PrivateRow, PromotionRow, ReviewRow, RiskRow, TagRow,
    TierProposalRow, TimelineRow, TransferProposalRow, VersionRow, WHOLE_MODEL,
};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::AppError;
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// A model.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelView {
    /// Identifier, given once.
    pub id: String,
    /// Current name.
    pub name: String,
    /// Kind.
    pub kind: String,
    /// Governed risk tier.
    pub risk_tier: String,
    /// A lower tier that waits for a second person.
    pub tier_proposal: Option<TierProposalView>,
    /// Policy mode of its own; null when that of the registry is in force.
    pub policy_mode: Option<String>,
    /// Description, uses, ownership, risk statements.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub profile: Profile,
    /// Risk score from what is declared {score, level, factors: [{factor, value, points}]}.
    #[schema(value_type = Object)]
    pub risk_score: RiskScore,
    /// Whether it is out of listings.
    pub hidden: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Aliases and the version each names.
    pub aliases: BTreeMap<String, u64>,
    /// Newest version.
    pub latest: Option<LatestView>,
    /// Versions in production.
    pub production: Vec<u64>,
    /// When it was created (RFC 3339).
    pub created_at: String,
    /// Who created it.
    pub created_by: String,
    /// When it last changed (RFC 3339).
    pub updated_at: String,
    /// Index of the last entry that changed it: the ETag.
    pub revision: u64,
}

/// A risk tier that somebody proposed.
#[derive(Debug, Serialize, ToSchema)]
pub struct TierProposalView {
    /// The proposed tier.
    pub risk_tier: String,
    /// Who proposed it.
    pub proposed_by: String,
    /// Name for people.
    pub proposed_by_name: Option<String>,
    /// When (RFC 3339).
    pub proposed_at: String,
    /// Why; null when it came with the creation of the model or was erased.
    pub reason: Option<String>,
}

/// The newest version of a model, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct LatestView {
    /// Number.
    pub number: u64,
    /// Semantic version.
    pub semver: String,
    /// State.
    pub state: String,
}

/// What an entry, review or finding is about, with the names that people know it by.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SubjectView {
    /// Subject, as in entries.
    pub id: String,
    /// Name of the model, when it is one or belongs to one.
    pub model: Option<String>,
    /// Number of the version, when it is one.
    pub version: Option<u64>,
    /// Title, when it is a risk.
    pub title: Option<String>,
}

/// The view of a subject.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn subject(snapshot: &Snapshot, subject: &Subject) -> Result<SubjectView, AppError> {
    let mut view = SubjectView { id: subject.to_string(), model: None, version: None, title: None };
    match subject {
        Subject::Model(id) | Subject::Version(id, _) => view.model = snapshot.get::<ModelRow>(values![*id]).await?.map(|row| row.name.to_string()),
        Subject::Risk(id) => view.title = snapshot.get::<RiskRow>(values![*id]).await?.map(|row| row.title),
        Subject::Review(id) => {
            // A review has no name: what it looks at has one.
            if let Some(model) = snapshot.get::<ReviewRow>(values![*id]).await?.and_then(|row| row.model_id) {
                view.model = snapshot.get::<ModelRow>(values![model]).await?.map(|row| row.name.to_string());
            }
        }
        Subject::Registry
        | Subject::Promotion(_)
        | Subject::Actor(_)
        | Subject::Token(_)
        | Subject::Exception(_)
        | Subject::Bundle(_)
        | Subject::Template(_)
        | Subject::Team(_)
        | Subject::AccessPolicy(_) => {}
    }
    if let Subject::Version(_, number) = subject {
        view.version = Some(number.get());
    }
    Ok(view)
}

/// Name and identifier of a model.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ModelReference {
    /// Identifier.
    pub id: String,
    /// Current name.
    pub name: String,
}

/// A version.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    /// Its model.
    pub model: ModelReference,
    /// Number, counted per name, never reused.
    pub number: u64,
    /// Semantic version.
    pub semver: String,
    /// State.
    pub state: String,
    /// `chancery:<name>/<number>@sha256:<version digest>`, for inferences.
    pub composite_id: String,
    /// Digest of the manifest.
    pub content_digest: String,
    /// Digest of the sealed facts.
    pub facts_digest: String,
    /// Subject of approvals and decisions.
    pub version_digest: String,
    /// Number of files.
    pub files: u64,
    /// Bytes of all files.
    pub size: u64,
    /// Description.
    pub description: String,
    /// Where the bytes come from, in the words of who registered it; empty when nobody said.
    pub source: String,
    /// The run that made it; empty when nobody said.
    pub run_id: String,
    /// Where the run can be looked at; empty when nobody said.
    pub run_link: String,
    /// Whether the registry holds the bytes; otherwise there are no files, and the bytes are at the source.
    pub held: bool,
    /// Whether it is out of listings.
    pub hidden: bool,
    /// Whether it passed a gate in warn mode although a rule failed.
    pub ungated: bool,
    /// What a version of a system is made of; absent for every other version.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub composition: Vec<ComponentView>,
    /// Sealed facts, as they were sealed.
    #[schema(value_type = Object)]
    pub facts: BTreeMap<String, Box<RawValue>>,
    /// Source grade of each fact.
    pub grades: BTreeMap<String, String>,
    /// Share of the fields that the policy asks for on the way to production and that are filled, 0 to 1 (`entry.complete` says which
    /// are missing); null for a moment of the past, which had other rules.
    pub completeness: Option<f64>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Aliases that name it.
    pub aliases: Vec<String>,
    /// Version that replaces it, once deprecated.
    pub successor: Option<u64>,
    /// Sunset date, once deprecated (RFC 3339).
    pub sunset: Option<String>,
    /// When it was registered (RFC 3339).
    pub registered_at: String,
    /// Who registered it.
    pub registered_by: String,
    /// Entry that registered it.
    pub registered_index: u64,
    /// Entry by which it last entered production.
    pub production_index: Option<u64>,
    /// When it last changed (RFC 3339).
    pub updated_at: String,
    /// Index of the last entry that changed it: the ETag.
    pub revision: u64,
}

/// A part of a version of a system.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ComponentView {
    /// One that the caller may read.
    Readable(PartView),
    /// One that he may not.
    Unreadable(UnreadablePart),
}

/// That a version of a system has a part which the caller may not read.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnreadablePart {
    /// What it is in the system.
    pub role: String,
    /// Always false.
    pub readable: bool,
}

/// A part that may be read.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartView {
    /// What it is in the system.
    pub role: String,
    /// Its model.
    pub model: ModelReference,
    /// Kind of its model.
    pub kind: String,
    /// Its number.
    pub number: u64,
    /// The version digest that is pinned.
    pub version_digest: String,
    /// Its state.
    pub state: String,
    /// The newest version of its model, when that is newer than the part.
    pub newer: Option<u64>,
}

/// A piece of evidence.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceView {
    /// Digest of the document.
    pub digest: String,
    /// Type.
    #[serde(rename = "type")]
    pub evidence_type: String,
    /// Source grade.
    pub grade: String,
    /// File name or title.
    pub title: String,
    /// Bytes.
    pub size: u64,
    /// What it is about.
    pub binds_to: BindingView,
    /// Format that it was read as; null when it is kept unread.
    pub format: Option<String>,
    /// What was read in it; null when it is kept unread. A list leaves out what has more than 16 KiB: the document itself shows it.
    #[schema(value_type = Option<Object>)]
    pub summary: Option<Box<RawValue>>,
    /// Digest of the summary.
    pub summary_digest: Option<String>,
    /// Role of approval in which a reviewer spoke.
    pub role: Option<String>,
    /// Ids of the trusted keys whose signature over it was verified.
    #[schema(value_type = Vec<String>)]
    pub signed_by: serde_json::Value,
    /// Who added it.
    pub actor: String,
    /// When (RFC 3339).
    pub at: String,
    /// Entry that added it.
    pub index: u64,
}

/// What a piece of evidence is about.
#[derive(Debug, Serialize, ToSchema)]
pub struct BindingView {
    /// `version`, `content` or `file`.
    pub kind: String,
    /// The digest.
    pub digest: String,
}

/// Largest summary that a list of evidence shows, in bytes.
const MAX_LISTED_SUMMARY: i64 = 16 * 1024;

impl EvidenceView {
    /// The view of a row with the bytes of its summary.
    ///
    /// # Errors
    /// A fault when the summary is not JSON.
    pub fn new(row: &EvidenceRow, summary: Option<&[u8]>) -> Result<Self, AppError> {
        let read = |bytes| serde_json::from_slice(bytes).map_err(|error| Fault::database("read a summary", error));
        Ok(Self {
            digest: row.digest.to_string(),
            evidence_type: row.evidence_type.to_string(),
            grade: row.grade.to_string(),
            title: row.title.clone(),
            size: row.size,
            binds_to: BindingView { kind: row.binds_to.to_string(), digest: row.binds_digest.to_string() },
            format: Some(row.format.clone()).filter(|format| !format.is_empty()),
            summary: summary.map(read).transpose()?,
            summary_digest: row.summary.map(|digest| digest.to_string()),
            role: row.role.as_ref().map(ToString::to_string),
            signed_by: row.signed_by.clone(),
            actor: row.actor.to_string(),
            at: row.at.to_string(),
            index: row.entry_index,
        })
    }
}

/// The views of some documents of a version, with their summaries unless those are long.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn evidence_views(snapshot: &Snapshot, version: &VersionRow, rows: &[EvidenceRow]) -> Result<Vec<EvidenceView>, AppError> {
    let (first, last) = (rows.first().map_or(0, |row| row.entry_index), rows.last().map_or(0, |row| row.entry_index));
    let tail = "WHERE digest IN (SELECT summary FROM evidence WHERE model_id = $1 AND number = $2 AND entry_index >= $3 AND entry_index <= $4)
        AND length(bytes) <= $5";
    let parameters = values![version.model_id, version.number, first, last, MAX_LISTED_SUMMARY];
    let payloads = snapshot.rows::<PayloadRow>(tail, &parameters).await?;
    let summaries: BTreeMap<Digest, Vec<u8>> = payloads.into_iter().map(|row| (row.digest, row.bytes)).collect();
    rows.iter().map(|row| EvidenceView::new(row, row.summary.and_then(|digest| summaries.get(&digest)).map(Vec::as_slice))).collect()
}

/// The model that has `name` now.
///
/// # Errors
/// `not_found`.
pub async fn model_named(snapshot: &Snapshot, name: &ModelName) -> Result<ModelRow, AppError> {
    let tail = "names JOIN models ON models.model_id = names.model_id WHERE names.name = $1";
    let found = snapshot.pairs::<NameRow, ModelRow>(tail, &values![*name]).await?.into_iter().next();
    Ok(found.map(|(_, model)| model).ok_or_else(|| Refusal::not_found("model", name.as_str()))?)
}

/// How many models of a team are in sight and in listings.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn models_of_team(snapshot: &Snapshot, team: &chancery_core::names::Label) -> Result<u64, AppError> {
    // The class begins with the team (`access::AccessClass`), and no label has a letter that LIKE minds but `_`.
    let begin = format!("{team}/");
    let sql = "SELECT count(*) FROM models WHERE substr(access_class, 1, length(CAST($1 AS TEXT))) = $1 AND hidden = 0";
    let rows = snapshot.query(sql, &values![begin]).await?;
    rows.first().map_or(Ok(0), |row| column(row, 0))
}

/// The model of a transfer that is in sight: who is asked to take a model over hears its name, also when it is not his yet.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn offered(snapshot: &Snapshot, row: &TransferProposalRow) -> Result<Option<ModelReference>, AppError> {
    let model = snapshot.everything().get::<ModelRow>(values![row.model_id]).await?;
    Ok(model.map(|model| ModelReference { id: model.model_id.to_string(), name: model.name.to_string() }))
}

/// The version that `name/number` means, for ever: also after a rename, and when the name belongs to another model now.
///
/// # Errors
/// `not_found`.
pub async fn version_named(snapshot: &Snapshot, name: &ModelName, number: VersionNumber) -> Result<(ModelRow, VersionRow), AppError> {
    let tail = "bindings JOIN versions ON versions.model_id = bindings.model_id JOIN models ON models.model_id = bindings.model_id
        WHERE bindings.name = $1 AND bindings.last_number >= $2 AND versions.number = $2 ORDER BY bindings.model_id LIMIT 1";
    if let Some(found) = snapshot.pairs::<ModelRow, VersionRow>(tail, &values![*name, number]).await?.into_iter().next() {
        return Ok(found);
    }
    Err(Refusal::not_found("version", &format!("{name}/{number}")).into())
}

/// The version that a subject is, or whose promotion it is.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn version_behind(snapshot: &Snapshot, subject: &Subject) -> Result<Option<(ModelId, VersionNumber)>, AppError> {
    if let Subject::Promotion(id) = subject {
        return Ok(snapshot.get::<PromotionRow>(values![*id]).await?.map(|row| (row.model_id, row.number)));
    }
    Ok(subject.version().map(|(model, number)| (model.clone(), number)))
}

/// Refuses to serve bytes that the registry does not hold.
///
/// # Errors
/// `not_found`, with the source.
pub fn check_held(version: &VersionRow) -> Result<(), Refusal> {
    if version.held {
        return Ok(());
    }
    Err(Refusal::new(Code::NotFound, &format!("the bytes of version {} are not held; they are at `{}`", version.number, clipped(&version.source)))
        .field("version")
        .remedy("fetch them there, or bring them in with `chancery version attach`"))
}

/// A payload by digest.
///
/// # Errors
/// A fault when it is missing: entries never name a payload that is not stored.
pub async fn payload(snapshot: &Snapshot, digest: &Digest) -> Result<Vec<u8>, AppError> {
    let row = snapshot.get::<PayloadRow>(values![*digest]).await?;
    Ok(row.ok_or_else(|| Fault::Config(format!("payload {digest} is missing from the database; run `chancery ledger verify`")))?.bytes)
}

/// The sealed facts of a version.
///
/// # Errors
/// As [`payload`].
pub async fn facts(snapshot: &Snapshot, version: &VersionRow) -> Result<serde_json::Value, AppError> {
    let bytes = payload(snapshot, &version.facts_digest).await?;
    Ok(serde_json::from_slice(&bytes).map_err(|error| Fault::database("read sealed facts", error))?)
}

/// The composite id of a version (VER-3).
pub fn composite_id(name: &ModelName, version: &VersionRow) -> String {
    format!("chancery:{name}/{}@sha256:{}", version.number, version.version_digest)
}

async fn tags(snapshot: &Snapshot, model: &ModelRow, number: u64) -> Result<BTreeMap<String, String>, AppError> {
    let rows = snapshot.rows::<TagRow>("WHERE model_id = $1 AND number = $2 ORDER BY key", &values![model.model_id, number]).await?;
    Ok(rows.into_iter().map(|row| (row.key.to_string(), row.value)).collect())
}

/// The view of a model.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn model(snapshot: &Snapshot, row: &ModelRow) -> Result<ModelView, AppError> {
    let aliases = snapshot.rows::<AliasRow>("WHERE model_id = $1 ORDER BY alias", &values![row.model_id]).await?;
    let latest = snapshot.rows::<VersionRow>("WHERE model_id = $1 AND hidden = 0 ORDER BY number DESC LIMIT 1", &values![row.model_id]).await?;
    let production = production(snapshot, row).await?;
    Ok(ModelView {
        id: row.model_id.to_string(),
        name: row.name.to_string(),
        kind: row.kind.to_string(),
        risk_tier: row.risk_tier.to_string(),
        tier_proposal: match snapshot.get::<TierProposalRow>(values![row.model_id]).await? {
            Some(proposal) => Some(tier_proposal(snapshot, proposal).await?),
            None => None,
        },
        policy_mode: row.policy_mode.map(|mode| mode.to_string()),
        risk_score: super::gate::risks::score(row)?,
        profile: serde_json::from_value(row.profile.clone()).map_err(|error| Fault::database("read a profile", error))?,
        hidden: row.hidden,
        tags: tags(snapshot, row, WHOLE_MODEL).await?,
        aliases: aliases.into_iter().map(|row| (row.alias.to_string(), row.number.get())).collect(),
        latest: latest.first().map(|row| LatestView { number: row.number.get(), semver: row.semver.clone(), state: row.state.to_string() }),
        production: production.into_iter().map(|row| row.number.get()).collect(),
        created_at: row.created_at.to_string(),
        created_by: row.created_by.to_string(),
        updated_at: row.updated_at.to_string(),
        revision: row.revision,
    })
}

/// The view of a proposed risk tier.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn tier_proposal(snapshot: &Snapshot, row: TierProposalRow) -> Result<TierProposalView, AppError> {
    let reason = match row.reason {
        Some(digest) => snapshot.get::<PrivateRow>(values![digest]).await?.map(|row| row.text),
        None => None,
    };
    Ok(TierProposalView {
        risk_tier: row.risk_tier.to_string(),
        proposed_by_name: display_name(snapshot, &row.proposed_by).await?,
        proposed_by: row.proposed_by.to_string(),
        proposed_at: row.proposed_at.to_string(),
        reason,
    })
}

/// The versions of a model that are in production, newest release first.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn production(snapshot: &Snapshot, model: &ModelRow) -> Result<Vec<VersionRow>, AppError> {
    let mut rows = snapshot.rows::<VersionRow>("WHERE model_id = $1 AND state = $2", &values![model.model_id, State::Production]).await?;
    rows.sort_by_key(|row| std::cmp::Reverse(row.production_index));
    Ok(rows)
}

/// The other versions of a model that one replaces when it becomes `target`.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn replaced(snapshot: &Snapshot, version: &VersionRow, target: State) -> Result<Vec<VersionNumber>, AppError> {
    let mut found = Vec::new();
    for state in chancery_core::promotion::replaceable(target) {
        let rows = snapshot.rows::<VersionRow>("WHERE model_id = $1 AND state = $2", &values![version.model_id, *state]).await?;
        found.extend(rows.into_iter().map(|row| row.number).filter(|number| *number != version.number));
    }
    Ok(found)
}

/// The view of a version.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn version(snapshot: &Snapshot, model: &ModelRow, row: &VersionRow) -> Result<VersionView, AppError> {
    // Sent at once: on PostgreSQL one round trip instead of three.
    let parameters = values![row.model_id, row.number];
    let aliases = async { Ok(snapshot.rows::<AliasRow>("WHERE model_id = $1 AND number = $2 ORDER BY alias", &parameters).await?) };
    let (sealed, aliases, tags) = tokio::try_join!(payload(snapshot, &row.facts_digest), aliases, tags(snapshot, model, row.number.get()))?;
    let (facts, grades) = facts_and_grades(&sealed)?;
    let composition = if model.kind == ModelKind::System { composition(snapshot, row, u64::MAX).await? } else { Vec::new() };
    Ok(VersionView {
        model: ModelReference { id: model.model_id.to_string(), name: model.name.to_string() },
        number: row.number.get(),
        semver: row.semver.clone(),
        state: row.state.to_string(),
        composite_id: composite_id(&model.name, row),
        content_digest: row.content_digest.to_string(),
        facts_digest: row.facts_digest.to_string(),
        version_digest: row.version_digest.to_string(),
        files: row.files,
        size: row.size,
        description: row.description.clone(),
        source: row.source.clone(),
        run_id: row.run_id.clone(),
        run_link: row.run_link.clone(),
        held: row.held,
        hidden: row.hidden,
        ungated: row.ungated,
        composition,
        facts,
        grades,
        completeness: None,
        tags,
        aliases: aliases.into_iter().map(|row| row.alias.to_string()).collect(),
        successor: row.successor,
        sunset: row.sunset.map(|at| at.to_string()),
        registered_at: row.registered_at.to_string(),
        registered_by: row.registered_by.to_string(),
        registered_index: row.registered_index,
        production_index: row.production_index,
        updated_at: row.updated_at.to_string(),
        revision: row.revision,
    })
}

/// The parts of a version of a system, with their names and states after entry `cut`: the timeline knows them.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn composition(snapshot: &Snapshot, row: &VersionRow, cut: u64) -> Result<Vec<ComponentView>, AppError> {
    const PARTS: &str = "SELECT components.role, components.part_model, components.part_number, components.version_digest, models.kind,
            COALESCE((SELECT value FROM timeline WHERE subject = 'model/' || components.part_model AND attribute = 'name'
                AND from_index <= $3 AND to_index > $3), models.name),
            (SELECT value FROM timeline WHERE subject = 'model/' || components.part_model || '/' || CAST(components.part_number AS TEXT)
                AND attribute = 'state' AND from_index <= $3 AND to_index > $3),
            (SELECT versions.number FROM versions WHERE versions.model_id = components.part_model AND versions.number > components.part_number
                AND versions.registered_index <= $3 AND NOT EXISTS (SELECT 1 FROM timeline
                    WHERE subject = 'model/' || versions.model_id || '/' || CAST(versions.number AS TEXT) AND attribute = 'hidden' AND from_index <= $3)
                ORDER BY versions.number DESC LIMIT 1)
        FROM components JOIN models ON models.model_id = components.part_model
        WHERE components.model_id = $1 AND components.number = $2 ORDER BY components.role, components.part_model, components.part_number";
    // Before the end of rows that are still in force, and after every entry that there is.
    let cut = cut.min(snapshot.head().size);
    let mut parts = Vec::new();
    for row in snapshot.everything().query(PARTS, &values![row.model_id, row.number, cut]).await? {
        let model: chancery_core::names::ModelId = column(&row, 1)?;
        if snapshot.is_limited() && snapshot.get::<ModelRow>(values![model]).await?.is_none() {
            parts.push(ComponentView::Unreadable(UnreadablePart { role: column(&row, 0)?, readable: false }));
            continue;
        }
        parts.push(ComponentView::Readable(PartView {
            role: column(&row, 0)?,
            model: ModelReference { id: model.to_string(), name: column(&row, 5)? },
            kind: column(&row, 4)?,
            number: column(&row, 2)?,
            version_digest: column(&row, 3)?,
            state: column::<Option<String>>(&row, 6)?.unwrap_or_default(),
            newer: column(&row, 7)?,
        }));
    }
    Ok(parts)
}

/// The sealed facts without the grades, as text, and the grade of each: a view shows them and needs not understand them.
fn facts_and_grades(sealed: &[u8]) -> Result<(BTreeMap<String, Box<RawValue>>, BTreeMap<String, String>), AppError> {
    let failed = |error| Fault::database("read sealed facts", error);
    let mut facts: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(sealed).map_err(failed)?;
    let given: serde_json::Value = facts.remove("grades").map(|grades| serde_json::from_str(grades.get())).transpose().map_err(failed)?.unwrap_or_default();
    let grades = facts.keys().map(|name| (name.clone(), grade(&given, name).to_string())).collect();
    Ok((facts, grades))
}

/// The grade of a fact; without one it is claimed.
fn grade(given: &serde_json::Value, name: &str) -> Grade {
    given.get(name).and_then(|grade| grade.as_str()).and_then(|grade| Grade::parse(grade).ok()).unwrap_or(Grade::Claimed)
}

/// Splits the grades off the sealed facts; a fact without a grade is claimed.
pub fn take_grades(facts: &mut serde_json::Value) -> BTreeMap<String, Grade> {
    let Some(members) = facts.as_object_mut() else { return BTreeMap::new() };
    let given = members.remove("grades").unwrap_or_default();
    members.keys().map(|name| (name.clone(), grade(&given, name))).collect()
}

/// The evidence of a version, oldest first.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn evidence(snapshot: &Snapshot, version: &VersionRow) -> Result<Vec<EvidenceRow>, AppError> {
    Ok(snapshot.rows::<EvidenceRow>("WHERE model_id = $1 AND number = $2 ORDER BY entry_index", &values![version.model_id, version.number]).await?)
}

/// The name of an actor for people, when the directory has it.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn display_name(snapshot: &Snapshot, actor: &chancery_core::names::ActorId) -> Result<Option<String>, AppError> {
    Ok(snapshot.get::<DirectoryRow>(values![*actor]).await?.map(|row| if row.display_name.is_empty() { row.handle.to_string() } else { row.display_name }))
}

/// Reads a column of a row as a typed value.
///
/// # Errors
/// [`AppError::Fault`].
pub fn column<T: chancery_core::rows::Field>(row: &[Value], at: usize) -> Result<T, AppError> {
    let value = row.get(at).cloned().unwrap_or(Value::Null);
    Ok(T::from_value(value)?)
}

/// Whether a model of this tier needs what `high` needs.
pub fn is_high(tier: RiskTier) -> bool {
    match tier {
        RiskTier::High | RiskTier::Unclassified | RiskTier::Prohibited => true,
        RiskTier::Limited | RiskTier::Minimal => false,
    }
}

/// The kind of a binding, as policies read it.
pub fn binding_kind(binding: Binding) -> chancery_core::policy::BindingKind {
    match binding {
        Binding::Version => chancery_core::policy::BindingKind::Version,
        Binding::Content => chancery_core::policy::BindingKind::Content,
        Binding::File => chancery_core::policy::BindingKind::File,
    }
}

/// What re-hashing the files of a version found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FixityView {
    /// Whether every file is what its digest says.
    pub intact: bool,
    /// The files, by path.
    pub files: Vec<FileFixityView>,
}

/// What re-hashing one file found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileFixityView {
    /// Path.
    pub path: String,
    /// Digest in the manifest.
    pub digest: String,
    /// `intact`, `missing` or `corrupt`.
    pub fixity: &'static str,
}

/// The manifest of a version.
///
/// # Errors
/// A fault when it is missing or damaged.
pub async fn manifest(snapshot: &Snapshot, version: &VersionRow) -> Result<chancery_core::manifest::Manifest, AppError> {
    super::gate::manifest(snapshot, version).await
}

/// Hashes every blob of a manifest again, each once.
///
/// # Errors
/// A fault when a file cannot be read.
pub async fn fixity(blobs: &crate::blobs::Blobs, manifest: &chancery_core::manifest::Manifest) -> Result<FixityView, AppError> {
    let mut found: BTreeMap<Digest, crate::blobs::Fixity> = BTreeMap::new();
    let mut files = Vec::with_capacity(manifest.files().len());
    for file in manifest.files() {
        let fixity = match found.get(&file.digest) {
            Some(fixity) => *fixity,
            None => blobs.verify(&file.digest).await?,
        };
        found.insert(file.digest, fixity);
        let word = match fixity {
            crate::blobs::Fixity::Intact { size } if size == file.size => "intact",
            crate::blobs::Fixity::Intact { .. } | crate::blobs::Fixity::Corrupt { .. } => "corrupt",
            crate::blobs::Fixity::Missing => "missing",
        };
        files.push(FileFixityView { path: file.path.to_string(), digest: file.digest.to_string(), fixity: word });
    }
    Ok(FixityView { intact: files.iter().all(|file| file.fixity == "intact"), files })
}

/// A state that a version came into.
#[derive(Debug)]
pub struct StateView {
    /// The state.
    pub state: State,
    /// Entry by which it came into it.
    pub index: u64,
    /// When.
    pub at: chancery_core::names::Timestamp,
}

/// The states that a version came into up to an entry, the latest first, at most so many.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn states(snapshot: &Snapshot, version: &VersionRow, cut: u64, most: u32) -> Result<Vec<StateView>, AppError> {
    let tail = "timeline JOIN entries ON entries.entry_index = timeline.from_index
        WHERE timeline.subject = $1 AND timeline.attribute = 'state' AND timeline.from_index <= $2 ORDER BY timeline.from_index DESC LIMIT $3";
    let subject = Subject::Version(version.model_id.clone(), version.number).to_string();
    let rows = snapshot.pairs::<TimelineRow, EntryRow>(tail, &values![subject, cut, i64::from(most)]).await?;
    rows.into_iter()
        .map(|(row, entry)| Ok(StateView { state: State::parse(&row.value)?, index: row.from_index, at: super::as_of::entry(&entry)?.at }))
        .collect()
}

/// A signed decision, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionView {
    /// Decision id inside the envelope.
    pub id: String,
    /// `approved`, `rejected`, ….
    pub decision: String,
    /// Digest of the DSSE envelope.
    pub digest: String,
    /// Target state.
    pub target: String,
    /// Environment.
    pub environment: String,
    /// Entry that recorded it.
    pub index: u64,
    /// When (RFC 3339).
    pub at: String,
}

/// The decisions about a version, oldest first.
///
/// # Errors
/// [`AppError::Fault`].
pub async fn decisions(snapshot: &Snapshot, version: &VersionRow) -> Result<Vec<DecisionView>, AppError> {
    let tail = "WHERE model_id = $1 AND number = $2 ORDER BY entry_index";
    let mut all = Vec::new();
    for row in snapshot.rows::<DecisionRow>(tail, &values![version.model_id, version.number]).await? {
        let entry = snapshot.get::<EntryRow>(values![row.entry_index]).await?;
        let entry = entry.ok_or_else(|| Fault::Config(format!("entry {} is missing", row.entry_index)))?;
        all.push(DecisionView {
            id: row.decision_id,
            decision: row.decision.to_string(),
            digest: row.digest.to_string(),
            target: row.target.to_string(),
            environment: row.environment.to_string(),
            index: row.entry_index,
            at: super::as_of::entry(&entry)?.at.to_string(),
        });
    }
    Ok(all)
}
