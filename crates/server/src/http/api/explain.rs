//! Looking into the policy: one rule on one version, two policies side by side, a gate of the past, a policy of the future.

use std::collections::{BTreeMap, BTreeSet};

use chancery_core::access::Action;
use chancery_core::names::{Digest, Label, ModelId, ModelName, State, VersionNumber};
use chancery_core::policy::{Changed, ChangedData, difference};
use chancery_core::refusal::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::dry_run::{DryRunAsk, DryRunView};
use crate::app::explain::{ExplainView, Which};
use crate::app::lineage::Shown;
use crate::app::replay::ReplayView;
use crate::app::{App, AppError};
use crate::http::{Allowed, Json, Path, Problem, Query, caller};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(explain)).routes(routes!(diff)).routes(routes!(replay)).routes(routes!(dry_run)).routes(routes!(dry_run_files))
}

/// Which rule on which version.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ExplainQuery {
    /// Id of the rule.
    rule: String,
    /// Name of the model.
    #[param(value_type = String)]
    model: ModelName,
    /// Number of the version.
    #[param(value_type = u64)]
    version: VersionNumber,
    /// State on the way to which the rule is asked.
    #[param(value_type = String)]
    to: State,
    /// Environment; `production` unless given.
    #[param(value_type = Option<String>)]
    environment: Option<Label>,
}

/// Explain what a rule says about a version
#[utoipa::path(get, path = "/api/v1/policy/explain", operation_id = "policy_explain", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(ExplainQuery),
    responses((status = 200, description = "The rule, its data, what it read, and what it says", body = ExplainView), (status = "4XX", description = "Refused", body = Problem)))]
async fn explain(allowed: Allowed<caller::Read>, Query(query): Query<ExplainQuery>) -> Result<axum::Json<Shown<ExplainView>>, AppError> {
    let environment = query.environment.map_or_else(|| Label::parse("production"), Ok)?;
    let view = allowed.app.explain(&allowed.caller, &query.rule, &query.model, query.version, query.to, &environment).await?;
    allowed.shown(&query.model, &[query.version], view).await.map(axum::Json)
}

/// A policy by name, or by its files.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    /// `active`, `baseline`, or the digest of a bundle.
    #[serde(default)]
    pub(super) policy: Option<String>,
    /// Files of an organisation's bundle, beside the baseline, instead.
    #[serde(default)]
    pub(super) files: Option<BTreeMap<String, String>>,
}

impl Named {
    /// Rules that nobody agreed to are evaluated only for those who manage the policy.
    pub(super) async fn check(&self, allowed: &Allowed<caller::Read>) -> Result<(), AppError> {
        if self.files.is_some() {
            allowed.app.allow(&allowed.caller, Action::ManagePolicy).await?;
        }
        Ok(())
    }

    /// The policy that is meant; the one in force unless something else is said.
    pub(super) fn which(self) -> Result<Which, Refusal> {
        match (self.policy.as_deref(), self.files) {
            (None, Some(files)) => Ok(Which::Files(files)),
            (None | Some("active"), None) => Ok(Which::Active),
            (Some("baseline"), None) => Ok(Which::Baseline),
            (Some(digest), None) => Digest::parse(digest).map(Which::Uploaded).map_err(|refusal| refusal.field("policy")),
            (Some(_), Some(_)) => Err(Refusal::invalid("files", "give either policy or files, not both")),
        }
    }
}

/// Two policies.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DiffAsk {
    /// The first.
    from: Named,
    /// The second.
    to: Named,
}

/// How two policies differ.
#[derive(Serialize, ToSchema)]
struct DiffView {
    /// Digest of the first, with the baseline.
    from: String,
    /// Digest of the second, with the baseline.
    to: String,
    /// Rules that only the second has.
    added: Vec<String>,
    /// Rules that only the first has.
    removed: Vec<String>,
    /// Rules of both whose text differs {rule, before, after}.
    #[schema(value_type = Vec<Object>)]
    changed: Vec<Changed>,
    /// Other Rego files that differ.
    files: Vec<String>,
    /// Members of the data that differ {path, before, after}.
    #[schema(value_type = Vec<Object>)]
    data: Vec<ChangedData>,
}

/// Compare two policies
#[utoipa::path(post, path = "/api/v1/policy/diff", operation_id = "policy_diff", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    request_body = DiffAsk,
    responses((status = 200, description = "How they differ", body = DiffView), (status = "4XX", description = "Refused", body = Problem)))]
async fn diff(allowed: Allowed<caller::Read>, body: Json<DiffAsk>) -> Result<axum::Json<DiffView>, AppError> {
    body.value.from.check(&allowed).await?;
    body.value.to.check(&allowed).await?;
    let snapshot = allowed.read().await?;
    let first = allowed.app.policy_named(&snapshot, body.value.from.which()?).await?;
    let second = allowed.app.policy_named(&snapshot, body.value.to.which()?).await?;
    let found = difference((&first.bundle, &first.engine), (&second.bundle, &second.engine));
    Ok(axum::Json(DiffView {
        from: first.engine.bundle_digest().to_string(),
        to: second.engine.bundle_digest().to_string(),
        added: found.added,
        removed: found.removed,
        changed: found.changed,
        files: found.files,
        data: found.data,
    }))
}

/// Evaluate the gate of an entry again
///
/// With the policy of that time, on the input document that was kept.
#[utoipa::path(get, path = "/api/v1/policy/replay/{index}", operation_id = "policy_replay", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("index" = u64, Path, description = "Index of an entry that a gate stands behind")),
    responses((status = 200, description = "Whether it says the same", body = ReplayView), (status = "4XX", description = "Refused", body = Problem)))]
async fn replay(allowed: Allowed<caller::Read>, Path(index): Path<u64>) -> Result<axum::Json<Shown<ReplayView>>, AppError> {
    Ok(axum::Json(allowed.app.replay(&allowed.caller, index).await?))
}

/// Which versions a policy is tried on.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct DryRunBody {
    /// States; candidate, approved, production, and drafts in an open promotion unless given.
    #[schema(value_type = Vec<String>)]
    states: Vec<State>,
    /// `next` of the part before.
    after: Option<String>,
    /// Files of the bundle, where the path names none.
    files: Option<BTreeMap<String, String>>,
}

impl DryRunBody {
    fn ask(&self) -> Result<DryRunAsk, Refusal> {
        let all = [State::Draft, State::Candidate, State::Approved, State::Production];
        if let Some(other) = self.states.iter().find(|state| !all.contains(state)) {
            return Err(
                Refusal::invalid("states", &format!("a version that is {other} asks for no gate")).remedy("use draft, candidate, approved or production")
            );
        }
        let states: BTreeSet<State> = if self.states.is_empty() { all.into_iter().collect() } else { self.states.iter().copied().collect() };
        let bad = || Refusal::invalid("after", "after must be the `next` of a dry run");
        let after = self.after.as_ref().map(|text| {
            let (model, number) = text.split_once('/').ok_or_else(bad)?;
            Ok::<_, Refusal>((ModelId::parse(model).map_err(|_| bad())?, number.parse().map_err(|_| bad())?))
        });
        Ok(DryRunAsk { states, after: after.transpose()? })
    }
}

/// Try a policy bundle on the versions of the registry
///
/// Says what would change for each, without effect.
#[utoipa::path(post, path = "/api/v1/policy/bundles/{digest}/dry-run", operation_id = "policy_bundle_dry_run", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("digest" = String, Path, description = "Digest of the bundle, or of the baseline to try it alone")), request_body = DryRunBody,
    responses((status = 200, description = "What would change", body = DryRunView), (status = "4XX", description = "Refused", body = Problem)))]
async fn dry_run(allowed: Allowed<caller::ManagePolicy>, Path(digest): Path<Digest>, body: Json<DryRunBody>) -> Result<axum::Json<DryRunView>, AppError> {
    if body.value.files.is_some() {
        return Err(Refusal::invalid("files", "the path names a bundle").remedy("POST files to /api/v1/policy/dry-run").into());
    }
    run(&allowed, Which::Uploaded(digest), body.value.ask()?).await
}

/// Try files of a policy bundle on the versions of the registry
#[utoipa::path(post, path = "/api/v1/policy/dry-run", operation_id = "policy_dry_run", tag = "policy", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    request_body = DryRunBody,
    responses((status = 200, description = "What would change", body = DryRunView), (status = "4XX", description = "Refused", body = Problem)))]
async fn dry_run_files(allowed: Allowed<caller::ManagePolicy>, body: Json<DryRunBody>) -> Result<axum::Json<DryRunView>, AppError> {
    let ask = body.value.ask()?;
    let files = body.value.files.ok_or_else(|| Refusal::invalid("files", "files is missing"))?;
    run(&allowed, Which::Files(files), ask).await
}

async fn run(allowed: &Allowed<caller::ManagePolicy>, which: Which, ask: DryRunAsk) -> Result<axum::Json<DryRunView>, AppError> {
    let snapshot = allowed.read().await?;
    let tried = allowed.app.policy_named(&snapshot, which).await?;
    drop(snapshot);
    Ok(axum::Json(allowed.app.dry_run(&allowed.caller, tried, ask).await?))
}
