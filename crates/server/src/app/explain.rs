//! Why a rule says what it says about a version: its text, its data, what it read, and what would make it pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_core::names::{Digest, Label, ModelName, State, VersionNumber};
use chancery_core::policy::{Bundle, Finding, RuleInfo, TestResult, mentioned, run_tests};
use chancery_core::policy::{Effective, gates_between};
use chancery_core::refusal::Refusal;
use chancery_core::tables::BundleRow;
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Caller;
use super::policy::{Policy, given, refused};
use super::{App, AppError, view};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// A rule with what it says about one version.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainView {
    /// The rule.
    #[schema(value_type = Object)]
    pub rule: RuleInfo,
    /// File of the policy that holds it; null for a rule of the core.
    pub file: Option<String>,
    /// Its Rego text; null for a rule of the core.
    pub text: Option<String>,
    /// Its data: `chancery.NAME`; null when it has none.
    pub data: serde_json::Value,
    /// The members of the input document that its text names, with their values.
    #[schema(value_type = Object)]
    pub input: BTreeMap<String, serde_json::Value>,
    /// What it says; its remedy is what would make it pass.
    #[schema(value_type = Object)]
    pub finding: Finding,
    /// Roles that can supply what is missing.
    pub who: Vec<String>,
    /// Digest of the policy.
    pub bundle_digest: String,
    /// Digest of the whole input document.
    pub input_digest: String,
}

/// Which policy is meant.
#[derive(Clone, Debug)]
pub enum Which {
    /// The one in force.
    Active,
    /// The baseline alone.
    Baseline,
    /// A bundle that was uploaded, beside the baseline.
    Uploaded(Digest),
    /// Files that were not uploaded, beside the baseline.
    Files(BTreeMap<String, String>),
}

impl App {
    /// Explains one rule for one version on its way to a state.
    ///
    /// # Errors
    /// `not_found` for a rule, model or version that is not there; the refusal that the rule belongs to no gate on the way.
    pub async fn explain(
        &self,
        caller: &Caller,
        rule: &str,
        model: &ModelName,
        number: VersionNumber,
        to: State,
        environment: &Label,
    ) -> Result<ExplainView, AppError> {
        let _turn = self.turn().await?;
        let snapshot = self.seen_by(caller).await?;
        let (model, version) = view::version_named(&snapshot, model, number).await?;
        let open = super::promote::open_promotion(&snapshot, &version, to).await?;
        let subjects = self.subjects(&snapshot, caller, model, version, to, environment, open).await?;
        drop(snapshot);
        let shown: String = rule.chars().take(100).collect();
        let info = subjects.policy.engine.rules().into_iter().find(|known| known.id == rule).ok_or_else(|| Refusal::not_found("rule", &shown).field("rule"))?;
        // Whatever the state of the version: what the rule would say on the way from a draft, or in its own gate.
        let mut gates = gates_between(State::Draft, to);
        gates.retain(|gate| info.gates.contains(gate));
        if gates.is_empty() {
            gates = info.gates.iter().copied().take(1).collect();
        }
        let (policy, input, id) = (Arc::clone(&subjects.policy), subjects.input.clone(), info.id.clone());
        let work = move || policy.engine.evaluate_some(&gates, &input, |rule| rule == id);
        let verdict = tokio::task::spawn_blocking(work).await.map_err(|error| Fault::database("explain a rule", error))?;
        let verdict = verdict.map_err(|error| Fault::database("explain a rule", error))?;
        let document = serde_json::to_value(&subjects.input).map_err(|error| Fault::database("write an input document", error))?;
        let bundle_digest = verdict.bundle_digest.to_string();
        let input_digest = verdict.input_digest.to_string();
        let finding = verdict.findings.into_iter().next().ok_or_else(|| Fault::Config(format!("rule `{rule}` gave no finding")))?;
        let file = subjects.policy.engine.file_of(&info.id).map(str::to_owned);
        let text = file.as_ref().and_then(|file| subjects.policy.bundle.files.get(file)).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let input = text.as_deref().map(|text| mentioned(text, &document)).unwrap_or_default();
        let data = data_of(&subjects.policy.bundle, &info.id);
        Ok(ExplainView { file, text, data, input, finding, who: info.who.clone(), rule: info, bundle_digest, input_digest })
    }

    /// The policy that is meant.
    ///
    /// # Errors
    /// `not_found` for a bundle that is not there; `invalid_field` for files that do not fit the baseline.
    pub async fn policy_named(&self, snapshot: &Snapshot, which: Which) -> Result<Arc<Policy>, AppError> {
        let found = self.in_force(snapshot).await?;
        match which {
            Which::Active => self.policy_of(snapshot, found.baseline, found.organisation).await,
            Which::Baseline => self.policy_of(snapshot, found.baseline, None).await,
            Which::Uploaded(digest) if digest == found.baseline => self.policy_of(snapshot, found.baseline, None).await,
            Which::Uploaded(digest) => {
                uploaded(snapshot, digest).await?;
                self.policy_of(snapshot, found.baseline, Some(digest)).await
            }
            Which::Files(files) => {
                let (bundle, document) = given(files)?;
                let baseline = self.bundle(snapshot, found.baseline).await?;
                let (bundle, engine) = super::policy::compiled(baseline, Some(bundle)).await?.map_err(|error| refused(&error))?;
                Ok(Arc::new(Policy { baseline: found.baseline, organisation: Some(document.digest), bundle, engine }))
            }
        }
    }

    /// Runs the tests of a policy: all of the baseline and of the policy in force, otherwise those of the bundle itself.
    ///
    /// # Errors
    /// As [`App::policy_named`].
    pub async fn test_policy(&self, snapshot: &Snapshot, which: Which) -> Result<Vec<TestResult>, AppError> {
        let found = self.in_force(snapshot).await?;
        let baseline = self.bundle(snapshot, found.baseline).await?;
        let own = match (which, found.organisation) {
            (Which::Baseline, _) | (Which::Active, None) => None,
            (Which::Uploaded(digest), _) if digest == found.baseline => None,
            (Which::Active, Some(digest)) | (Which::Uploaded(digest), _) => {
                uploaded(snapshot, digest).await?;
                Some(self.bundle(snapshot, digest).await?)
            }
            (Which::Files(files), _) => Some(given(files)?.0),
        };
        let work = move || match own {
            None => run_tests(&baseline),
            Some(own) => Effective::new(&baseline, &own)?.run_tests(),
        };
        let ran = tokio::task::spawn_blocking(work).await.map_err(|error| Fault::database("run the tests of a policy", error))?;
        Ok(ran.map_err(|error| refused(&error))?)
    }
}

/// Refuses digests of payloads that are no bundle of an organisation.
async fn uploaded(snapshot: &Snapshot, digest: Digest) -> Result<(), AppError> {
    match snapshot.get::<BundleRow>(values![digest]).await? {
        Some(_) => Ok(()),
        None => Err(Refusal::not_found("bundle", &digest.to_string()).field("digest").into()),
    }
}

impl Policy {
    /// The data that a rule has to itself.
    pub fn data_of(&self, rule: &str) -> serde_json::Value {
        data_of(&self.bundle, rule)
    }
}

fn data_of(bundle: &Bundle, rule: &str) -> serde_json::Value {
    let data = bundle.files.get("data.json").and_then(|bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok()).unwrap_or_default();
    data.pointer(&format!("/chancery/{}", rule.replace(['.', '-'], "_"))).cloned().unwrap_or_default()
}
