//! Every table of the database, each with one class (`design.md` section 4).
//!
//! Log tables are the record. Derived tables are written only by `apply` and can be made anew from the entries. Vault tables
//! hold what must be erasable or secret. Scratch tables need no entry.

use crate::access_log::{AccessKind, Day};
use crate::names::{
    ActorId, AliasName, Digest, ExceptionId, FilePath, IdentityId, Label, ModelId, ModelKind, ModelName, PolicyMode, PromotionId, ReviewId, RiskId, RiskTier,
    State, TagKey, Timestamp, TokenId, VersionNumber,
};
use crate::rows::{Row, Table};
use crate::signing::foreign::Algorithm;
use crate::{actor, approval, attestation, bundle, calendar, evidence, exception, finding, identity, lineage, promotion, risk, template};

/// `to_index` of a timeline row that is still in force.
pub const OPEN: u64 = i64::MAX as u64;

/// Number that stands for the model itself where a row belongs to a model or to one of its versions.
pub const WHOLE_MODEL: u64 = 0;

crate::table! {
    /// A ledger entry: the exact bytes that were committed. The other columns repeat what the bytes say, for look-ups; verification compares them.
    EntryRow = "entries", Log, key 1 {
        /// Position in the ledger, from 0.
        entry_index: u64,
        /// RFC 8785 JSON.
        bytes: Vec<u8>,
        /// RFC 6962 leaf hash of the bytes.
        leaf_hash: Vec<u8>,
        /// Subject, as in the bytes.
        subject: String,
        /// Idempotency receipt: digest over actor and key, when the command carried one.
        request: Option<String>,
    }
}

crate::table! {
    /// Bytes that entries refer to by digest: manifests, facts, envelopes, small evidence.
    PayloadRow = "payloads", Log, key 1 {
        /// SHA-256 of the bytes.
        digest: Digest,
        /// The bytes, at most 1 MiB.
        bytes: Vec<u8>,
    }
}

crate::table! {
    /// A full tile of 256 hashes.
    TileRow = "tiles", Log, key 2 {
        /// Tile level.
        level: u64,
        /// Index in the level.
        tile_index: u64,
        /// 256 hashes of 32 bytes.
        hashes: Vec<u8>,
        /// Root over the 256 hashes: the hash in the tile above, so that a partial tile above needs no reading of these.
        root: Vec<u8>,
    }
}

crate::table! {
    /// A signed checkpoint that was published.
    CheckpointRow = "checkpoints", Log, key 1 {
        /// Tree size.
        size: u64,
        /// The signed note.
        note: String,
        /// When it was signed.
        at: Timestamp,
    }
}

crate::table! {
    /// A model as it stands.
    ModelRow = "models", Derived, key 1 {
        /// Identifier, given once.
        model_id: ModelId,
        /// Current name.
        name: ModelName,
        /// Name folded to lower case, for searches.
        name_folded: String,
        /// Kind.
        kind: ModelKind,
        /// Description, uses, ownership and risk statements as JSON (`model::Profile`).
        profile: serde_json::Value,
        /// Governed risk tier.
        risk_tier: RiskTier,
        /// Entry that set the tier: an approval given before it does not count, also when the word is the same again.
        tier_index: u64,
        /// Policy mode of its own; without one the registry's is in force.
        policy_mode: Option<PolicyMode>,
        /// Attributes that access policies read, as one word.
        access_class: String,
        /// Whether it is out of listings.
        hidden: bool,
        /// Highest number of a version so far, 0 when none.
        last_number: u64,
        /// Newest semantic version, empty when none.
        last_semver: String,
        /// Index of the entry that created it.
        created_index: u64,
        /// When it was created.
        created_at: Timestamp,
        /// Who created it.
        created_by: ActorId,
        /// When its name, description or versions last changed; tags and aliases do not count (MLflow: last_updated_timestamp).
        last_updated_at: Timestamp,
        /// When it last changed.
        updated_at: Timestamp,
        /// Index of the last entry that changed it.
        revision: u64,
    }
}

crate::table! {
    /// An access class that a model has or had: what a caller may read is decided once for each. Rows are only added.
    AccessClassRow = "access_classes", Derived, key 1 {
        /// The class, as written by `access::AccessClass`.
        class: String,
    }
}

crate::table! {
    /// A lower risk tier that somebody proposed for a model, until a second person confirms or rejects it.
    TierProposalRow = "tier_proposals", Derived, key 1 {
        /// Model.
        model_id: ModelId,
        /// The tier that was proposed.
        risk_tier: RiskTier,
        /// Why, in the vault; none for a proposal that came with the model's creation.
        reason: Option<Digest>,
        /// Who proposed it.
        proposed_by: ActorId,
        /// When.
        proposed_at: Timestamp,
        /// Entry that proposed it.
        entry_index: u64,
    }
}

crate::table! {
    /// Who else spoke in an entry that another person must agree to: those who made the credential by which it was done.
    SpeakerRow = "speakers", Derived, key 1 {
        /// The entry.
        entry_index: u64,
        /// Ids of actors, as a JSON list.
        made_by: Vec<ActorId>,
    }
}

crate::table! {
    /// A transfer of a model to another team that waits for the other side.
    TransferProposalRow = "transfer_proposals", Derived, key 1 {
        /// Model.
        model_id: ModelId,
        /// The team that owns it; none for a claim.
        from_team: Option<Label>,
        /// The team that would own it.
        to_team: Label,
        /// Why, in the vault.
        reason: Digest,
        /// Who proposed it.
        proposed_by: ActorId,
        /// When.
        proposed_at: Timestamp,
        /// Entry that proposed it.
        entry_index: u64,
    }
}

crate::table! {
    /// A name: who has it now, and which number comes next under it.
    NameRow = "names", Derived, key 1 {
        /// The name.
        name: ModelName,
        /// The model that has it now.
        model_id: Option<ModelId>,
        /// Next free number under this name.
        next_number: u64,
    }
}

crate::table! {
    /// A name that a model has or had: `name/3` finds its version also after a rename.
    BindingRow = "bindings", Derived, key 2 {
        /// The name.
        name: ModelName,
        /// The model.
        model_id: ModelId,
        /// Entry that bound them first.
        from_index: u64,
        /// Highest number of this model that is known under this name; [`OPEN`] while the model has it.
        last_number: u64,
    }
}

crate::table! {
    /// A version as it stands. Everything sealed is in the payloads that it names.
    VersionRow = "versions", Derived, key 2 {
        /// Model.
        model_id: ModelId,
        /// Number.
        number: VersionNumber,
        /// Semantic version.
        semver: String,
        /// State.
        state: State,
        /// Digest of the manifest.
        content_digest: Digest,
        /// Digest of the sealed facts.
        facts_digest: Digest,
        /// Subject of approvals and decisions.
        version_digest: Digest,
        /// Number of files.
        files: u64,
        /// Bytes of all files.
        size: u64,
        /// Description (mutable).
        description: String,
        /// Where the bytes come from, in the words of who registered it; empty when nobody said.
        source: String,
        /// The run that made it; empty when nobody said.
        run_id: String,
        /// Where the run can be looked at; empty when nobody said.
        run_link: String,
        /// Whether the registry holds the bytes. It does not: then there are no files, and the bytes are at the source.
        held: bool,
        /// Whether it is out of listings.
        hidden: bool,
        /// Whether a gate was passed in warn mode although a rule failed.
        ungated: bool,
        /// Whether it was ever a candidate, aliased or used: then it cannot be hidden in enforce mode.
        shared: bool,
        /// Whether a version of a system pins it: then its digest cannot change any more.
        pinned: bool,
        /// Entry by which it last entered production, when it ever did.
        production_index: Option<u64>,
        /// Successor, once deprecated.
        successor: Option<u64>,
        /// Sunset date, once deprecated.
        sunset: Option<Timestamp>,
        /// Index of the entry that registered it.
        registered_index: u64,
        /// When.
        registered_at: Timestamp,
        /// Who.
        registered_by: ActorId,
        /// Who brought in the bytes of a version that was registered without; none as long as nobody did.
        attached_by: Option<ActorId>,
        /// Index of the entry that brought them in.
        attached_index: Option<u64>,
        /// When its description, state, bytes or the name of its model last changed; tags and aliases do not count (MLflow: last_updated_timestamp).
        last_updated_at: Timestamp,
        /// When it last changed.
        updated_at: Timestamp,
        /// Index of the last entry that changed it.
        revision: u64,
    }
}

crate::table! {
    /// Semantic versions that are taken; build metadata does not count (SemVer 2.0.0, section 10).
    SemverRow = "semvers", Derived, key 2 {
        /// Model.
        model_id: ModelId,
        /// Version without build metadata.
        semver: String,
        /// Its version.
        number: VersionNumber,
    }
}

crate::table! {
    /// Which versions refer to a blob.
    BlobUseRow = "blob_uses", Derived, key 4 {
        /// The blob.
        digest: Digest,
        /// Model.
        model_id: ModelId,
        /// Version.
        number: VersionNumber,
        /// Path in the manifest, or the digest of the evidence.
        path: String,
    }
}

crate::table! {
    /// A version of a system: how deep its composition nests and how many parts it has itself.
    CompositionRow = "compositions", Derived, key 2 {
        /// Model.
        model_id: ModelId,
        /// Version.
        number: VersionNumber,
        /// 1 when no part is a system.
        depth: u64,
        /// Parts.
        components: u64,
    }
}

crate::table! {
    /// A part of a version of a system.
    ComponentRow = "components", Derived, key 5 {
        /// The system.
        model_id: ModelId,
        /// Its version.
        number: VersionNumber,
        /// What the part is in the system.
        role: Label,
        /// Model of the part.
        part_model: ModelId,
        /// Version of the part.
        part_number: VersionNumber,
        /// The version digest that the composition pins.
        version_digest: Digest,
    }
}

crate::table! {
    /// What a version comes from: one edge of the lineage, as its sealed facts or an addendum say.
    LineageRow = "lineage", Derived, key 4 {
        /// Model.
        model_id: ModelId,
        /// Version.
        number: VersionNumber,
        /// Digest of the facts or of the addendum that says so.
        source: Digest,
        /// Place among what the source says.
        place: u64,
        /// How the version relates to it.
        relation: lineage::Relation,
        /// Model, when it is a version of the registry.
        to_model: Option<ModelId>,
        /// Number, when it is a version of the registry.
        to_number: Option<u64>,
        /// What it is called: name of a dataset, commit, run id, pipeline run, reference of a parent or part.
        name: String,
        /// Version of a dataset; else empty.
        version: String,
        /// Its digest; of an environment the digest of its pinned packages.
        digest: Option<Digest>,
        /// Role of a dataset or part, method of a parent, repository of a commit; else empty.
        detail: String,
        /// How much its truth is established.
        grade: crate::names::Grade,
    }
}

crate::table! {
    /// A set of pinned packages. Versions that were made with the same packages share it.
    EnvironmentRow = "environments", Derived, key 1 {
        /// Digest over the packages.
        environment: Digest,
        /// How many there are.
        packages: u64,
    }
}

crate::table! {
    /// A package of a set.
    PackageRow = "packages", Derived, key 3 {
        /// The set.
        environment: Digest,
        /// Name, normalised (PEP 503).
        name: String,
        /// Version.
        version: String,
    }
}

crate::table! {
    /// An alias as it stands.
    AliasRow = "aliases", Derived, key 2 {
        /// Model.
        model_id: ModelId,
        /// Alias.
        alias: AliasName,
        /// Version it names.
        number: VersionNumber,
        /// Index of the entry that set it.
        revision: u64,
    }
}

crate::table! {
    /// A tag of a version, or of the model when the number is 0.
    TagRow = "tags", Derived, key 3 {
        /// Model.
        model_id: ModelId,
        /// Version, 0 for the model.
        number: u64,
        /// Key.
        key: TagKey,
        /// Value.
        value: String,
        /// Index of the entry that set it.
        revision: u64,
    }
}

crate::table! {
    /// A piece of evidence bound to a version.
    EvidenceRow = "evidence", Derived, key 3 {
        /// Model.
        model_id: ModelId,
        /// Version.
        number: VersionNumber,
        /// Digest of the document.
        digest: Digest,
        /// Type of the document.
        evidence_type: evidence::EvidenceType,
        /// How much its truth is established.
        grade: crate::names::Grade,
        /// What it says it is about.
        binds_to: evidence::Binding,
        /// The digest that it is about.
        binds_digest: Digest,
        /// File name or title given at upload.
        title: String,
        /// Bytes of the document.
        size: u64,
        /// Whether the document is a payload (true) or a blob.
        in_payloads: bool,
        /// Format that it was read as; empty when it was not read.
        format: String,
        /// Payload with what was read in it.
        summary: Option<Digest>,
        /// Role of approval in which a reviewer speaks.
        role: Option<Label>,
        /// Ids of the trusted keys whose signature over it was verified, as a JSON list.
        signed_by: serde_json::Value,
        /// Who added it.
        actor: ActorId,
        /// When.
        at: Timestamp,
        /// Entry that added it.
        entry_index: u64,
    }
}

crate::table! {
    /// A promotion as it stands.
    PromotionRow = "promotions", Derived, key 1 {
        /// Identifier.
        promotion_id: PromotionId,
        /// Model.
        model_id: ModelId,
        /// Version.
        number: VersionNumber,
        /// Target state.
        target: State,
        /// Environment.
        environment: Label,
        /// Where the promotion stands.
        status: promotion::Status,
        /// Digest of the frozen evidence set.
        evidence_set: Digest,
        /// Risk tier when the set was frozen.
        risk_tier: RiskTier,
        /// Entry that had set the tier then.
        tier_index: u64,
        /// Who opened it.
        opened_by: ActorId,
        /// When.
        opened_at: Timestamp,
        /// Entry that opened it.
        opened_index: u64,
        /// Token of the pipeline run that opened it.
        opened_run: Option<TokenId>,
        /// Token of the pipeline run that executed it.
        executed_run: Option<TokenId>,
        /// Payload with the latest verdict.
        verdict: Digest,
        /// Rules that the latest stored verdict says fail, as a JSON list of their ids.
        missing: serde_json::Value,
        /// Signed decision that approves it, once there is one.
        decision: Option<Digest>,
        /// Entry that said that nothing but the execution is missing, while that holds.
        completed: Option<u64>,
        /// Number of conditions that its approvals carried so far.
        conditions: u64,
        /// Number of comments.
        comments: u64,
        /// Index of the last entry that changed it.
        revision: u64,
    }
}

crate::table! {
    /// At most one open promotion for each version and target.
    OpenPromotionRow = "open_promotions", Derived, key 3 {
        /// Model.
        model_id: ModelId,
        /// Version.
        number: VersionNumber,
        /// Target state.
        target: State,
        /// The open one.
        promotion_id: PromotionId,
    }
}

crate::table! {
    /// A verdict of a named person in a role.
    ApprovalRow = "approvals", Derived, key 3 {
        /// Promotion.
        promotion_id: PromotionId,
        /// Role.
        role: Label,
        /// Person.
        actor: ActorId,
        /// The approver for whom the person stood in.
        delegated_by: Option<ActorId>,
        /// Others who made the credential by which the verdict was given, as a JSON list.
        through: Vec<ActorId>,
        /// Approve or reject.
        verdict: approval::ApprovalVerdict,
        /// Version digest that was signed for.
        version_digest: Digest,
        /// Target state that was signed for.
        target: State,
        /// Environment that was signed for.
        environment: Label,
        /// Risk tier that was shown.
        risk_tier: RiskTier,
        /// Entry that had set that tier.
        tier_index: u64,
        /// Evidence set that was shown.
        evidence_set: Digest,
        /// Ticket reference.
        ticket: Option<String>,
        /// Conditions as JSON.
        conditions: serde_json::Value,
        /// Payload with the signed approval.
        envelope: Digest,
        /// Id of the person's own key, when the approval carries that signature too.
        signed_with: Option<Digest>,
        /// When.
        at: Timestamp,
        /// Until when it counts.
        expires_at: Timestamp,
        /// Whether it was withdrawn.
        withdrawn: bool,
        /// Entry that recorded it.
        entry_index: u64,
    }
}

crate::table! {
    /// A condition of an approval. It binds once the version moved under that approval.
    ConditionRow = "conditions", Derived, key 2 {
        /// Promotion.
        promotion_id: PromotionId,
        /// Number in the promotion, from 1.
        condition_number: u64,
        /// Model.
        model_id: ModelId,
        /// Version.
        number: VersionNumber,
        /// Role of the approval.
        role: Label,
        /// Who set it.
        actor: ActorId,
        /// Entry of the approval that carries it.
        approval_index: u64,
        /// What must be done.
        text: String,
        /// Who owes it.
        owner: String,
        /// By when.
        due: Timestamp,
        /// What happens otherwise.
        effect: approval::Effect,
        /// Entry by which the version moved under the approval; none as long as it did not.
        binding_index: Option<u64>,
        /// When it was met.
        met_at: Option<Timestamp>,
        /// Who said so.
        met_by: Option<ActorId>,
        /// By what, in the vault.
        note: Option<Digest>,
    }
}

crate::table! {
    /// A comment on a promotion; the text is in the vault.
    CommentRow = "comments", Derived, key 2 {
        /// Promotion.
        promotion_id: PromotionId,
        /// Number in the promotion, from 1.
        comment_number: u64,
        /// Who.
        actor: ActorId,
        /// When.
        at: Timestamp,
        /// The text, in the vault.
        text: Digest,
    }
}

crate::table! {
    /// An approver who lets somebody stand in for one role. The row stays when it ended.
    DelegationRow = "delegations", Derived, key 3 {
        /// Who gave it.
        giver: ActorId,
        /// Role of approval.
        role: Label,
        /// Who stands in.
        delegate: ActorId,
        /// Until when.
        until: Timestamp,
        /// Why, in the vault.
        reason: Digest,
        /// When it was given.
        given_at: Timestamp,
        /// When its giver ended it before.
        ended_at: Option<Timestamp>,
        /// Entry that gave it.
        entry_index: u64,
    }
}

crate::table! {
    /// A signed decision.
    DecisionRow = "decisions", Derived, key 1 {
        /// Payload digest of the DSSE envelope.
        digest: Digest,
        /// Decision id inside the envelope.
        decision_id: String,
        /// Kind of decision.
        decision: promotion::DecisionKind,
        /// Promotion that it decides, if one.
        promotion_id: Option<PromotionId>,
        /// Model.
        model_id: ModelId,
        /// Version.
        number: VersionNumber,
        /// Target state.
        target: State,
        /// Environment.
        environment: Label,
        /// Until when it counts.
        expires_at: Option<Timestamp>,
        /// Entry that recorded it.
        entry_index: u64,
    }
}

crate::table! {
    /// A waiver of one rule, asked for or granted.
    ExceptionRow = "exceptions", Derived, key 1 {
        /// Identifier.
        exception_id: ExceptionId,
        /// Rule that it waives.
        rule: String,
        /// How far it reaches.
        scope: crate::policy::Scope,
        /// Model.
        model_id: ModelId,
        /// The version that it was asked for.
        number: VersionNumber,
        /// Where it comes from.
        origin: exception::Origin,
        /// Where it stands, without regard to its expiry.
        status: exception::Status,
        /// Why, in the vault.
        reason: Digest,
        /// Who asked.
        requested_by: ActorId,
        /// When.
        requested_at: Timestamp,
        /// Who granted it.
        granted_by: Option<ActorId>,
        /// When.
        granted_at: Option<Timestamp>,
        /// In which role.
        role: Option<Label>,
        /// Until when.
        expires_at: Timestamp,
        /// The promotion whose emergency it belongs to.
        promotion_id: Option<PromotionId>,
        /// By when people must look at what was waived in a hurry.
        review_due: Option<Timestamp>,
        /// Entry that asked for it.
        entry_index: u64,
        /// Index of the last entry that changed it.
        revision: u64,
    }
}

crate::table! {
    /// A version of a template of written documents.
    TemplateRow = "templates", Derived, key 2 {
        /// Name.
        name: Label,
        /// Version, from 1.
        version: u64,
        /// Type of the documents that are written by it.
        evidence_type: evidence::EvidenceType,
        /// Payload with the Markdown.
        text: Digest,
        /// Ids of the sections that a document must fill in, as a JSON list.
        sections: serde_json::Value,
        /// Where it stands.
        status: template::Status,
        /// Who added it.
        added_by: ActorId,
        /// When.
        added_at: Timestamp,
        /// Who approved it.
        approved_by: Option<ActorId>,
        /// When.
        approved_at: Option<Timestamp>,
        /// Index of the last entry that changed it.
        revision: u64,
    }
}

crate::table! {
    /// A template as a whole: which version is the last one, and which is in force.
    TemplateNameRow = "template_names", Derived, key 1 {
        /// Name.
        name: Label,
        /// Type of its documents.
        evidence_type: evidence::EvidenceType,
        /// Number of the last version.
        latest: u64,
        /// The newest approved version.
        in_force: Option<u64>,
    }
}

crate::table! {
    /// A risk of the register as it stands.
    RiskRow = "risks", Derived, key 1 {
        /// Identifier.
        risk_id: RiskId,
        /// One line.
        title: String,
        /// Category.
        category: Label,
        /// How bad.
        severity: risk::Severity,
        /// How likely.
        likelihood: risk::Likelihood,
        /// What follows from both.
        level: risk::Level,
        /// More words.
        description: String,
        /// Requirement references, as a JSON list.
        requirements: serde_json::Value,
        /// When it must be looked at again.
        review_date: Option<Timestamp>,
        /// Where it stands.
        status: risk::Status,
        /// Mitigations (`risk::Mitigation`), as a JSON list.
        mitigations: serde_json::Value,
        /// Ids of the models that it is linked to, as a JSON list.
        models: serde_json::Value,
        /// Ids of everybody who assessed it, as a JSON list.
        authors: Vec<ActorId>,
        /// Others who made the credentials by which it was assessed, as a JSON list.
        behind: Vec<ActorId>,
        /// Who decided that it is not open.
        decided_by: Option<ActorId>,
        /// Who added it.
        created_by: ActorId,
        /// When.
        created_at: Timestamp,
        /// Entry that added it.
        created_index: u64,
        /// When it last changed.
        updated_at: Timestamp,
        /// Index of the last entry that changed it.
        revision: u64,
    }
}

crate::table! {
    /// A risk of a model.
    RiskLinkRow = "risk_links", Derived, key 2 {
        /// Model.
        model_id: ModelId,
        /// Risk.
        risk_id: RiskId,
        /// Entry that linked them.
        entry_index: u64,
    }
}

crate::table! {
    /// A review of the calendar as it stands.
    ReviewRow = "reviews", Derived, key 1 {
        /// Identifier.
        review_id: ReviewId,
        /// What kind of thing is reviewed.
        about: calendar::About,
        /// The thing, as a subject of entries.
        subject: String,
        /// Its model, where it has one of its own.
        model_id: Option<ModelId>,
        /// Who owes it.
        owner: Label,
        /// By when.
        due: Timestamp,
        /// Days after which the next one is due.
        every_days: Option<u64>,
        /// What happened that scheduled it.
        cause: Option<String>,
        /// Whose act is reviewed; somebody else must do it.
        not_by: Option<ActorId>,
        /// Why, in the vault.
        reason: Option<Digest>,
        /// Where it stands.
        status: calendar::Status,
        /// What came of it.
        outcome: Option<calendar::Outcome>,
        /// More words, in the vault.
        note: Option<Digest>,
        /// Who did it.
        done_by: Option<ActorId>,
        /// When.
        done_at: Option<Timestamp>,
        /// Who scheduled it.
        scheduled_by: ActorId,
        /// When.
        scheduled_at: Timestamp,
        /// Entry that scheduled it.
        scheduled_index: u64,
        /// Index of the last entry that changed it.
        revision: u64,
    }
}

crate::table! {
    /// What happened and has its review: so that it is scheduled once.
    ReviewCauseRow = "review_causes", Derived, key 1 {
        /// What happened.
        cause: String,
        /// The review.
        review_id: ReviewId,
    }
}

crate::table! {
    /// The newest finding of a rule about a subject.
    FindingRow = "findings", Derived, key 2 {
        /// What it is about, as a subject of entries.
        subject: String,
        /// Rule.
        rule: String,
        /// The model that it concerns, where it concerns one.
        model_id: Option<ModelId>,
        /// What is wrong.
        message: String,
        /// When it becomes, or became, pressing.
        due: Option<Timestamp>,
        /// Where it stands.
        status: finding::Status,
        /// Why it was closed.
        reason: Option<finding::Closing>,
        /// When it was opened.
        opened_at: Timestamp,
        /// Entry that opened it.
        opened_index: u64,
        /// When it was closed.
        closed_at: Option<Timestamp>,
        /// Entry that closed it.
        closed_index: Option<u64>,
    }
}

crate::table! {
    /// A user, pipeline or service. Names are in the directory.
    ActorRow = "actors", Derived, key 1 {
        /// Identifier.
        actor_id: ActorId,
        /// Kind.
        kind: actor::ActorKind,
        /// Roles, as a JSON list of words.
        roles: serde_json::Value,
        /// Whether the actor may log in.
        active: bool,
        /// Entry that erased the person's name.
        erased_index: Option<u64>,
        /// Entry that created it.
        created_index: u64,
        /// Index of the last entry that changed it.
        revision: u64,
    }
}

crate::table! {
    /// Roles of an actor that wait for a second administrator.
    GrantProposalRow = "grant_proposals", Derived, key 1 {
        /// Who gets them.
        actor_id: ActorId,
        /// The roles, as a JSON list of words.
        roles: serde_json::Value,
        /// Who proposed them.
        proposed_by: ActorId,
        /// When.
        proposed_at: Timestamp,
        /// Entry that proposed them.
        entry_index: u64,
    }
}

crate::table! {
    /// A team.
    TeamRow = "teams", Derived, key 1 {
        /// Its name, given once.
        team: Label,
        /// What it is for.
        description: String,
        /// How many are in it.
        members: u64,
        /// How many models it owns, hidden ones apart.
        models: u64,
        /// Whether it is no more.
        dissolved: bool,
        /// Entry that created it.
        created_index: u64,
        /// Index of the last entry that changed it.
        revision: u64,
    }
}

crate::table! {
    /// Who is in a team.
    TeamMemberRow = "team_members", Derived, key 2 {
        /// Team.
        team: Label,
        /// Person, pipeline or service.
        actor_id: ActorId,
        /// Since when.
        added_at: Timestamp,
        /// Entry that says so.
        entry_index: u64,
    }
}

crate::table! {
    /// What a finished day of the access log came to.
    AccessAnchorRow = "access_anchors", Derived, key 1 {
        /// The day.
        day: Day,
        /// Its rows.
        count: u64,
        /// Digest over them.
        digest: Digest,
        /// When it was anchored.
        anchored_at: Timestamp,
        /// Entry that says so.
        entry_index: u64,
    }
}

crate::table! {
    /// A public key of an actor, in force until it is removed.
    ActorKeyRow = "actor_keys", Derived, key 1 {
        /// SHA-256 of the SPKI DER.
        key_id: Digest,
        /// Whose it is, for ever.
        actor_id: ActorId,
        /// Algorithm.
        algorithm: Algorithm,
        /// SPKI DER in base64.
        spki: String,
        /// When it was registered, the last time.
        added_at: Timestamp,
        /// Entry that registered it.
        added_index: u64,
        /// When it was removed.
        removed_at: Option<Timestamp>,
        /// Entry that removed it.
        removed_index: Option<u64>,
    }
}

crate::table! {
    /// A verification summary that was signed for a version.
    AttestationRow = "attestations", Derived, key 1 {
        /// Payload with the envelope.
        digest: Digest,
        /// Model.
        model_id: ModelId,
        /// Version.
        number: VersionNumber,
        /// What it is about.
        version_digest: Digest,
        /// State that the version was let into.
        target: State,
        /// Environment.
        environment: Label,
        /// When it was signed.
        issued_at: Timestamp,
        /// Until when it counts.
        expires_at: Timestamp,
        /// Entry that recorded it.
        issued_index: u64,
        /// Why it no longer counts.
        revoked: Option<attestation::RevocationReason>,
        /// When it was revoked.
        revoked_at: Option<Timestamp>,
        /// Entry that revoked it.
        revoked_index: Option<u64>,
    }
}

crate::table! {
    /// A token (never its secret).
    TokenRow = "tokens", Derived, key 1 {
        /// Identifier.
        token_id: TokenId,
        /// Whose it is.
        actor_id: ActorId,
        /// When it was issued.
        issued_at: Timestamp,
        /// Until when it is valid.
        expires_at: Timestamp,
        /// For how long it was issued, in seconds: as long as the next one is valid when it is rotated.
        valid_seconds: u64,
        /// Others who made it, as a JSON list: who issued it, and who made the credential by which he did.
        made_by: Vec<ActorId>,
        /// Whether it was revoked.
        revoked: bool,
        /// To what it is limited, as JSON (`access::Limits`).
        limits: serde_json::Value,
        /// The token that takes its place.
        replaced_by: Option<TokenId>,
        /// The workload identity that a pipeline run was recognised by; none for a token that somebody keeps.
        identity: Option<IdentityId>,
        /// What is known of that run, in the vault.
        run: Option<Digest>,
        /// Entry that issued it.
        created_index: u64,
        /// What it was made for.
        purpose: actor::password::Purpose,
    }
}

crate::table! {
    /// Since when the sessions of a person count: none of an older epoch does.
    SignInRow = "sign_ins", Derived, key 1 {
        /// Whose.
        actor_id: ActorId,
        /// Entry by which the way in was changed last.
        epoch: u64,
        /// When.
        changed_at: Timestamp,
    }
}

crate::table! {
    /// What a group of the identity provider gives to whoever is in it.
    GroupRow = "login_groups", Derived, key 1 {
        /// Name of the group, as the provider says it.
        group_name: String,
        /// Roles as JSON.
        roles: serde_json::Value,
        /// Who mapped it: it gives him nothing.
        mapped_by: ActorId,
        /// When.
        mapped_at: Timestamp,
        /// Index of the last entry that changed it.
        revision: u64,
    }
}

crate::table! {
    /// What a person's groups gave him at his last login.
    GroupRolesRow = "group_roles", Derived, key 1 {
        /// Whose.
        actor_id: ActorId,
        /// His groups that were mapped, as JSON.
        groups: serde_json::Value,
        /// Roles that he has from them alone, as JSON.
        roles: serde_json::Value,
    }
}

crate::table! {
    /// Tokens by the digest of their secret.
    CredentialRow = "credentials", Derived, key 1 {
        /// SHA-256 of the secret.
        secret_hash: Digest,
        /// The token that it belongs to.
        token_id: TokenId,
    }
}

crate::table! {
    /// Tokens of issuers that were exchanged: each once.
    ExchangeRow = "exchanges", Derived, key 1 {
        /// What is the same for every copy of the token of the issuer.
        presented: Digest,
        /// The token that it was exchanged for.
        token_id: TokenId,
    }
}

crate::table! {
    /// A workload identity of a pipeline.
    IdentityRow = "workload_identities", Derived, key 1 {
        /// Identifier.
        identity_id: IdentityId,
        /// The pipeline.
        actor_id: ActorId,
        /// `iss` of its tokens.
        issuer: String,
        /// `aud` of its tokens.
        audience: String,
        /// Whose tokens they are like.
        shape: identity::Shape,
        /// What their claims must be, as a JSON list of `identity::Rule`.
        rules: serde_json::Value,
        /// When it was registered.
        added_at: Timestamp,
        /// Entry that registered it.
        added_index: u64,
        /// When it ended.
        removed_at: Option<Timestamp>,
    }
}

crate::table! {
    /// Settings of the registry: `policy.mode`, `access`.
    SettingRow = "settings", Derived, key 1 {
        /// Name.
        name: String,
        /// Value.
        value: String,
        /// Index of the last entry that changed it.
        revision: u64,
    }
}

crate::table! {
    /// A policy bundle that was uploaded; its document is a payload of the same digest.
    BundleRow = "policy_bundles", Derived, key 1 {
        /// SHA-256 of its document.
        digest: Digest,
        /// Files.
        files: u64,
        /// Bytes of all files.
        size: u64,
        /// Whether it is in force.
        status: bundle::Status,
        /// Who uploaded it.
        uploaded_by: ActorId,
        /// When.
        uploaded_at: Timestamp,
        /// Entry that uploaded it.
        uploaded_index: u64,
        /// Digest of baseline and bundle together, when it was activated last.
        effective: Option<Digest>,
        /// Who activated it last.
        activated_by: Option<ActorId>,
        /// When.
        activated_at: Option<Timestamp>,
        /// Index of the last entry that changed it.
        revision: u64,
    }
}

crate::table! {
    /// Access policies that the organisation installed; their document is a payload of the same digest.
    AccessPolicyRow = "access_policies", Derived, key 1 {
        /// SHA-256 of their document.
        digest: Digest,
        /// How many policies.
        policies: u64,
        /// Whether they are in force.
        status: bundle::Status,
        /// Who installed them.
        installed_by: ActorId,
        /// When.
        installed_at: Timestamp,
        /// Entry that installed them.
        installed_index: u64,
        /// Who activated them last.
        activated_by: Option<ActorId>,
        /// When.
        activated_at: Option<Timestamp>,
        /// Index of the last entry that changed them.
        revision: u64,
    }
}

crate::table! {
    /// What an attribute of a subject was, and from which entry to which: the row in force ends at [`OPEN`].
    TimelineRow = "timeline", Derived, key 3 {
        /// Subject, as in entries.
        subject: String,
        /// Attribute, such as `state` or `alias:champion`.
        attribute: String,
        /// First entry at which it no longer held.
        to_index: u64,
        /// Entry by which it began to hold.
        from_index: u64,
        /// Value; empty text when the attribute was removed.
        value: String,
    }
}

crate::table! {
    /// What a person proves himself with: the hash of a password, or of the one-time secret with which he sets one.
    PasswordRow = "passwords", Vault, key 1 {
        /// Whose.
        actor_id: ActorId,
        /// Hash of the password (PHC string, argon2id); none until it is set, and after a reset.
        hash: Option<actor::password::PasswordHash>,
        /// SHA-256 of the one-time secret.
        reset_hash: Option<Digest>,
        /// Until when the one-time secret works.
        reset_until: Option<Timestamp>,
        /// Others who made it, as a JSON list: who ended the one before, and handed out the secret.
        made_by: Vec<ActorId>,
        /// From when on a change by the person himself makes it his own.
        own_from: Option<Timestamp>,
    }
}

crate::table! {
    /// Somebody of an identity provider, and who he is here; erasable.
    LoginIdentityRow = "login_identities", Vault, key 1 {
        /// Digest over issuer and subject.
        identity: Digest,
        /// The provider.
        issuer: String,
        /// Who, for the provider.
        subject: String,
        /// Who he is here; nobody when he was let go.
        actor_id: Option<ActorId>,
        /// Others who bound him, as a JSON list.
        made_by: Vec<ActorId>,
    }
}

crate::table! {
    /// Names of actors; erasable.
    DirectoryRow = "directory", Vault, key 1 {
        /// Actor.
        actor_id: ActorId,
        /// Name by which people call it in commands.
        handle: Label,
        /// Name for people.
        display_name: String,
    }
}

crate::table! {
    /// Which actor has a handle.
    HandleRow = "handles", Vault, key 1 {
        /// Handle.
        handle: Label,
        /// Actor.
        actor_id: ActorId,
    }
}

crate::table! {
    /// Free text that people wrote, by salted digest; erasable.
    PrivateRow = "private_payloads", Vault, key 1 {
        /// SHA-256 over salt and text.
        digest: Digest,
        /// The salt.
        salt: Vec<u8>,
        /// The text.
        text: String,
    }
}

crate::table! {
    /// A file that MLflow's artifact proxy holds: which blob its path names now. Mutable; a version seals digests, never paths.
    ///
    /// INVARIANT: what collects blobs counts a digest in this table as a use, like one in `blob_uses`; it asks under the same lock
    /// that a registration takes, for a version may seal what only a path names until then.
    ArtifactFileRow = "artifact_files", Scratch, key 1 {
        /// Path from the root of the artifact store.
        path: FilePath,
        /// The bytes.
        digest: Digest,
        /// Bytes.
        size: u64,
        /// When it was last written.
        updated_at: Timestamp,
    }
}

crate::table! {
    /// A multipart upload of the artifact proxy. Its parts are files until it is completed.
    ArtifactUploadRow = "artifact_uploads", Scratch, key 1 {
        /// Identifier: `up` and 32 hexadecimal digits.
        upload_id: String,
        /// Path of the file that it will be.
        path: FilePath,
        /// Who began it.
        actor_id: ActorId,
        /// Number of parts.
        parts: u64,
        /// 32 random bytes from which the secret in the address of each part is made.
        secret: Vec<u8>,
        /// Until when parts are taken.
        expires_at: Timestamp,
        /// The file, once it is complete: a client that missed the answer asks again.
        digest: Option<Digest>,
    }
}

crate::words! {
    /// How somebody proved who he is when his session began.
    SessionMethod, "method" {
        /// A password of this registry.
        Password = "password",
        /// The organisation's identity provider (OpenID Connect).
        Oidc = "oidc",
    }
}

crate::table! {
    /// A person who is logged in to the pages. Read at each request; a row is made once, and only ever deleted.
    SessionRow = "sessions", Scratch, key 1 {
        /// SHA-256 of the secret in the cookie.
        session_id: Digest,
        /// Who.
        actor_id: ActorId,
        /// When he logged in.
        created_at: Timestamp,
        /// When it ends, whatever happens.
        expires_at: Timestamp,
        /// What forms must carry.
        csrf: String,
        /// How he proved who he is.
        method: SessionMethod,
        /// [`SignInRow`]'s epoch at that time.
        epoch: u64,
        /// What the browser calls itself, for the person to tell sessions apart.
        browser: String,
        /// Others who made what the person logged in with, as a JSON list.
        made_by: Vec<ActorId>,
    }
}

crate::table! {
    /// When a session was used last, to the minute. A table of its own: writing it can never bring an ended session back.
    SessionUseRow = "session_uses", Scratch, key 1 {
        /// The session.
        session_id: Digest,
        /// When.
        used_at: Timestamp,
    }
}

crate::table! {
    /// Failed logins of late, by account or address.
    LoginFailureRow = "login_failures", Scratch, key 1 {
        /// `account:` and the digest of the name as it was given, or `address:` and the address.
        origin: String,
        /// Failures since the last success or the last quiet hour.
        count: u64,
        /// When the last one was.
        last_at: Timestamp,
        /// Until when nothing is tried.
        blocked_until: Timestamp,
    }
}

crate::table! {
    /// When a token was last used, to the minute.
    TokenUseRow = "token_uses", Scratch, key 1 {
        /// The token.
        token_id: TokenId,
        /// When.
        used_at: Timestamp,
        /// From which address.
        address: String,
    }
}

crate::table! {
    /// Who sent some bytes: somebody who does not read every model may make a version of what he sent, and of what he reads.
    BlobSenderRow = "blob_senders", Scratch, key 2 {
        /// Who.
        actor_id: ActorId,
        /// The bytes.
        digest: Digest,
        /// When, the last time.
        sent_at: Timestamp,
    }
}

crate::table! {
    /// A line of the access log. Rows are added in batches off the path of requests; the day of a row is the one in which it was written
    /// down, so that no row comes late to a day that is anchored.
    AccessLogRow = "access_log", Scratch, key 3 {
        /// The day to which it counts.
        day: Day,
        /// When it happened.
        at: Timestamp,
        /// 16 hexadecimal digits: a count of the server, and random ones.
        log_id: String,
        /// What somebody did.
        kind: AccessKind,
        /// Who; nobody for a failed login.
        actor: Option<ActorId>,
        /// To what.
        what: String,
        /// Digest over salt and private text.
        private_digest: Digest,
        /// The salt; none after an erasure.
        private_salt: Option<Vec<u8>>,
        /// Address, program and claimed name, as JSON; none after an erasure.
        private_text: Option<String>,
    }
}

/// A secondary index.
#[derive(Debug)]
pub struct Index {
    /// Name.
    pub name: &'static str,
    /// Table.
    pub table: &'static Table,
    /// Columns, or expressions over columns that both databases know. A column that may be longer than PostgreSQL indexes (2,704 bytes
    /// a row) is indexed by its beginning: a query says `substr(value, 1, 200) = substr($1, 1, 200) AND value = $1`.
    pub columns: &'static [&'static str],
    /// Whether values are unique (NULLs are not compared).
    pub unique: bool,
}

/// Every table.
pub const ALL: &[&Table] = &[
    EntryRow::TABLE,
    PayloadRow::TABLE,
    TileRow::TABLE,
    CheckpointRow::TABLE,
    ModelRow::TABLE,
    AccessClassRow::TABLE,
    TierProposalRow::TABLE,
    TransferProposalRow::TABLE,
    SpeakerRow::TABLE,
    NameRow::TABLE,
    BindingRow::TABLE,
    VersionRow::TABLE,
    SemverRow::TABLE,
    BlobUseRow::TABLE,
    CompositionRow::TABLE,
    ComponentRow::TABLE,
    LineageRow::TABLE,
    EnvironmentRow::TABLE,
    PackageRow::TABLE,
    AliasRow::TABLE,
    TagRow::TABLE,
    EvidenceRow::TABLE,
    PromotionRow::TABLE,
    OpenPromotionRow::TABLE,
    ApprovalRow::TABLE,
    ConditionRow::TABLE,
    CommentRow::TABLE,
    DelegationRow::TABLE,
    DecisionRow::TABLE,
    ExceptionRow::TABLE,
    RiskRow::TABLE,
    RiskLinkRow::TABLE,
    ReviewRow::TABLE,
    ReviewCauseRow::TABLE,
    FindingRow::TABLE,
    TemplateRow::TABLE,
    TemplateNameRow::TABLE,
    ActorRow::TABLE,
    GrantProposalRow::TABLE,
    TeamRow::TABLE,
    TeamMemberRow::TABLE,
    AccessAnchorRow::TABLE,
    ActorKeyRow::TABLE,
    AttestationRow::TABLE,
    TokenRow::TABLE,
    CredentialRow::TABLE,
    ExchangeRow::TABLE,
    IdentityRow::TABLE,
    SignInRow::TABLE,
    GroupRow::TABLE,
    GroupRolesRow::TABLE,
    SettingRow::TABLE,
    BundleRow::TABLE,
    AccessPolicyRow::TABLE,
    TimelineRow::TABLE,
    PasswordRow::TABLE,
    LoginIdentityRow::TABLE,
    DirectoryRow::TABLE,
    HandleRow::TABLE,
    PrivateRow::TABLE,
    ArtifactFileRow::TABLE,
    ArtifactUploadRow::TABLE,
    TokenUseRow::TABLE,
    AccessLogRow::TABLE,
    BlobSenderRow::TABLE,
    SessionRow::TABLE,
    SessionUseRow::TABLE,
    LoginFailureRow::TABLE,
];

/// Every secondary index. The unique one over `entries.request` is the idempotency receipt.
///
/// What is searched for in any case is indexed by its first 100 characters in lower case. Times are indexed in milliseconds, in which
/// MLflow's clients see and order them. `lower(model_id)` is the identifier itself, in a form that SQLite does not take for a part of
/// the primary key.
pub const INDEXES: &[Index] = &[
    Index { name: "entries_by_subject", table: EntryRow::TABLE, columns: &["subject", "entry_index"], unique: false },
    Index { name: "entries_by_request", table: EntryRow::TABLE, columns: &["request"], unique: true },
    Index { name: "models_by_name", table: ModelRow::TABLE, columns: &["name"], unique: false },
    Index { name: "models_by_class", table: ModelRow::TABLE, columns: &["access_class", "name"], unique: false },
    Index { name: "models_by_update", table: ModelRow::TABLE, columns: &["last_updated_at / 1000", "name"], unique: false },
    Index { name: "versions_by_update", table: VersionRow::TABLE, columns: &["last_updated_at / 1000"], unique: false },
    Index { name: "versions_of_model_by_update", table: VersionRow::TABLE, columns: &["model_id", "last_updated_at / 1000", "number"], unique: false },
    Index { name: "versions_by_registration", table: VersionRow::TABLE, columns: &["registered_at / 1000"], unique: false },
    Index { name: "versions_by_number", table: VersionRow::TABLE, columns: &["number"], unique: false },
    Index { name: "versions_by_run", table: VersionRow::TABLE, columns: &["lower(substr(run_id, 1, 100))"], unique: false },
    Index { name: "versions_by_source", table: VersionRow::TABLE, columns: &["lower(substr(source, 1, 100))"], unique: false },
    Index { name: "versions_by_digest", table: VersionRow::TABLE, columns: &["version_digest"], unique: false },
    Index { name: "versions_by_state", table: VersionRow::TABLE, columns: &["model_id", "state", "hidden", "number"], unique: false },
    Index { name: "lineage_by_part", table: LineageRow::TABLE, columns: &["to_model", "to_number", "model_id", "number"], unique: false },
    Index { name: "lineage_by_name", table: LineageRow::TABLE, columns: &["relation", "substr(name, 1, 200)", "model_id", "number"], unique: false },
    Index { name: "lineage_by_digest", table: LineageRow::TABLE, columns: &["digest", "model_id", "number"], unique: false },
    Index { name: "packages_by_name", table: PackageRow::TABLE, columns: &["name", "version"], unique: false },
    Index { name: "aliases_by_version", table: AliasRow::TABLE, columns: &["model_id", "number"], unique: false },
    Index {
        name: "tags_by_key",
        table: TagRow::TABLE,
        columns: &["key", "CASE WHEN number > 0 THEN 1 ELSE 0 END", "lower(substr(value, 1, 100))", "lower(model_id)", "model_id", "number"],
        unique: false,
    },
    Index { name: "bindings_by_model", table: BindingRow::TABLE, columns: &["model_id"], unique: false },
    Index { name: "promotions_by_version", table: PromotionRow::TABLE, columns: &["model_id", "number"], unique: false },
    Index { name: "promotions_by_status", table: PromotionRow::TABLE, columns: &["status", "opened_index"], unique: false },
    Index { name: "conditions_by_model", table: ConditionRow::TABLE, columns: &["model_id", "binding_index"], unique: false },
    Index { name: "conditions_by_due", table: ConditionRow::TABLE, columns: &["due"], unique: false },
    Index { name: "delegations_by_delegate", table: DelegationRow::TABLE, columns: &["delegate"], unique: false },
    Index { name: "delegations_by_entry", table: DelegationRow::TABLE, columns: &["entry_index"], unique: false },
    Index { name: "decisions_by_version", table: DecisionRow::TABLE, columns: &["model_id", "number"], unique: false },
    Index { name: "exceptions_by_version", table: ExceptionRow::TABLE, columns: &["model_id", "number"], unique: false },
    Index { name: "exceptions_by_request", table: ExceptionRow::TABLE, columns: &["entry_index"], unique: true },
    Index { name: "exceptions_by_promotion", table: ExceptionRow::TABLE, columns: &["promotion_id"], unique: false },
    Index { name: "components_by_part", table: ComponentRow::TABLE, columns: &["part_model"], unique: false },
    Index { name: "risks_by_creation", table: RiskRow::TABLE, columns: &["created_index"], unique: false },
    Index { name: "risk_links_by_risk", table: RiskLinkRow::TABLE, columns: &["risk_id"], unique: false },
    Index { name: "reviews_by_due", table: ReviewRow::TABLE, columns: &["status", "due", "review_id"], unique: false },
    Index { name: "reviews_by_model", table: ReviewRow::TABLE, columns: &["model_id", "status"], unique: false },
    Index { name: "reviews_by_subject", table: ReviewRow::TABLE, columns: &["subject"], unique: false },
    Index { name: "findings_by_status", table: FindingRow::TABLE, columns: &["status", "opened_index"], unique: false },
    Index { name: "findings_by_model", table: FindingRow::TABLE, columns: &["model_id"], unique: false },
    Index { name: "identities_by_actor", table: IdentityRow::TABLE, columns: &["actor_id"], unique: false },
    Index { name: "identities_by_issuer", table: IdentityRow::TABLE, columns: &["substr(issuer, 1, 200)"], unique: false },
    Index { name: "transfer_proposals_by_entry", table: TransferProposalRow::TABLE, columns: &["entry_index"], unique: false },
    Index { name: "grant_proposals_by_entry", table: GrantProposalRow::TABLE, columns: &["entry_index"], unique: false },
    Index { name: "team_members_by_actor", table: TeamMemberRow::TABLE, columns: &["actor_id"], unique: false },
    Index { name: "access_log_by_actor", table: AccessLogRow::TABLE, columns: &["actor", "day", "at", "log_id"], unique: false },
    Index { name: "tokens_by_actor", table: TokenRow::TABLE, columns: &["actor_id"], unique: false },
    Index { name: "actor_keys_by_actor", table: ActorKeyRow::TABLE, columns: &["actor_id"], unique: false },
    Index { name: "attestations_by_version", table: AttestationRow::TABLE, columns: &["model_id", "number"], unique: false },
    Index { name: "attestations_by_revocation", table: AttestationRow::TABLE, columns: &["revoked_index"], unique: false },
    Index { name: "credentials_by_token", table: CredentialRow::TABLE, columns: &["token_id"], unique: false },
    Index { name: "timeline_by_value", table: TimelineRow::TABLE, columns: &["attribute", "substr(value, 1, 200)", "from_index"], unique: false },
    Index { name: "artifact_files_by_digest", table: ArtifactFileRow::TABLE, columns: &["digest"], unique: false },
    Index { name: "login_identities_by_actor", table: LoginIdentityRow::TABLE, columns: &["actor_id"], unique: false },
    Index { name: "blob_senders_by_time", table: BlobSenderRow::TABLE, columns: &["sent_at"], unique: false },
    Index { name: "sessions_by_actor", table: SessionRow::TABLE, columns: &["actor_id"], unique: false },
    Index { name: "sessions_by_expiry", table: SessionRow::TABLE, columns: &["expires_at"], unique: false },
    Index { name: "login_failures_by_time", table: LoginFailureRow::TABLE, columns: &["last_at"], unique: false },
    Index { name: "artifact_uploads_by_expiry", table: ArtifactUploadRow::TABLE, columns: &["expires_at"], unique: false },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_names_columns_of_its_table() {
        for index in INDEXES {
            for column in index.columns {
                let mut words = column.split(|letter: char| !letter.is_ascii_lowercase() && letter != '_');
                assert!(words.any(|word| index.table.columns.iter().any(|known| known.name == word)), "{} names {column}", index.name);
            }
        }
    }
}
