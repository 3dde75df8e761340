//! The policy in force: the baseline of the ledger, with the organisation's bundle beside it when one was activated.
//!
//! INVARIANT: which policy is in force is what two settings say in the snapshot that a gate reads, on every server and after every
//! restart. Compiled policies are kept by the digests of what they were made from, so a kept one is never another one.

use std::sync::Arc;

use chancery_core::bundle::{Command, POLICY_BASELINE, POLICY_BUNDLE};
use chancery_core::entry::Payload;
use chancery_core::names::Digest;
use chancery_core::policy::{Bundle, Effective, Engine, PolicyError};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{PayloadRow, SettingRow};

use super::sequence::Noted;
use super::{App, AppError};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// Compiled policies that are kept: the one in force, the one before, and some that are tried.
const KEPT: usize = 6;

/// A compiled policy with its files.
#[derive(Debug)]
pub struct Policy {
    /// Digest of the baseline in it.
    pub baseline: Digest,
    /// Digest of the organisation's bundle in it.
    pub organisation: Option<Digest>,
    /// All files, with the data merged.
    pub bundle: Bundle,
    /// The compiled rules.
    pub engine: Engine,
}

/// Compiled policies by what they were made from, the newest last.
#[derive(Debug, Default)]
pub(super) struct Kept(tokio::sync::Mutex<Vec<Arc<Policy>>>);

/// What two settings say about the policy in one snapshot.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InForce {
    pub(super) baseline: Digest,
    pub(super) organisation: Option<Digest>,
    pub(super) noted: [Noted; 2],
}

impl App {
    /// The policy in force in a snapshot.
    ///
    /// # Errors
    /// `gate_failed` when the organisation's bundle does not work with the baseline of this program: nothing passes a gate then.
    pub async fn policy_for(&self, snapshot: &Snapshot) -> Result<Arc<Policy>, AppError> {
        let found = self.in_force(snapshot).await?;
        self.policy_of(snapshot, found.baseline, found.organisation).await
    }

    /// What is in force, and the settings that say so.
    pub(super) async fn in_force(&self, snapshot: &Snapshot) -> Result<InForce, AppError> {
        let baseline = snapshot.get::<SettingRow>(values![POLICY_BASELINE]).await?;
        let bundle = snapshot.get::<SettingRow>(values![POLICY_BUNDLE]).await?;
        let noted =
            [(POLICY_BASELINE, &baseline), (POLICY_BUNDLE, &bundle)].map(|(name, row)| Noted::Setting(name, row.as_ref().map_or(0, |row| row.revision)));
        let digest = |row: Option<SettingRow>| row.filter(|row| !row.value.is_empty()).map(|row| Digest::parse(&row.value)).transpose();
        let baseline = digest(baseline)?.ok_or_else(|| Fault::Config("the ledger names no baseline policy".to_owned()))?;
        Ok(InForce { baseline, organisation: digest(bundle)?, noted })
    }

    /// The policy that a baseline and a bundle of the organisation make.
    ///
    /// # Errors
    /// As [`App::policy_for`].
    pub(super) async fn policy_of(&self, snapshot: &Snapshot, baseline: Digest, organisation: Option<Digest>) -> Result<Arc<Policy>, AppError> {
        // One compiles, others wait: a policy costs some tens of milliseconds once.
        let mut kept = self.inner.policies.0.lock().await;
        if let Some(found) = kept.iter().find(|policy| policy.baseline == baseline && policy.organisation == organisation) {
            return Ok(Arc::clone(found));
        }
        let base = self.bundle(snapshot, baseline).await?;
        let own = match organisation {
            Some(digest) => Some(self.bundle(snapshot, digest).await?),
            None => None,
        };
        let made = compiled(base, own).await?;
        let (bundle, engine) = made.map_err(|error| does_not_work(organisation, &error))?;
        let policy = Arc::new(Policy { baseline, organisation, bundle, engine });
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push(Arc::clone(&policy));
        Ok(policy)
    }

    /// A bundle by the digest of its document.
    ///
    /// # Errors
    /// `not_found`.
    pub(super) async fn bundle(&self, snapshot: &Snapshot, digest: Digest) -> Result<Bundle, AppError> {
        if digest == self.inner.baseline.digest {
            return Ok(Bundle::baseline());
        }
        let row = snapshot.get::<PayloadRow>(values![digest]).await?.ok_or_else(|| Refusal::not_found("bundle", &digest.to_string()).field("digest"))?;
        Ok(Bundle::from_document(&row.bytes).map_err(|error| Refusal::not_found("bundle", &digest.to_string()).field("digest").remedy(&error.to_string()))?)
    }

    /// Notes in the ledger that this program has another baseline than the one in force; from then on it is.
    pub(super) async fn ship_baseline(&self) -> Result<(), Fault> {
        if self.read_only().is_some() {
            return Ok(());
        }
        let snapshot = self.store().read().await?;
        let known = snapshot.get::<SettingRow>(values![POLICY_BASELINE]).await?;
        drop(snapshot);
        let document = &self.inner.baseline;
        if known.is_some_and(|row| row.value != document.digest.to_string()) {
            tracing::info!(digest = %document.digest, "the baseline of this program is another one than before; it is in force now");
            self.system_command(Command::Ship { document: document.clone() }.into()).await?;
        }
        Ok(())
    }
}

/// The document of the baseline that is compiled in.
pub(super) fn baseline() -> Result<Payload, Fault> {
    let failed = |error: &dyn std::fmt::Display| Fault::Config(format!("the baseline policy: {error}"));
    let document = Bundle::baseline().document().map_err(|error| failed(&error))?;
    Payload::new("baseline", document).map_err(|error| failed(&error))
}

/// Compiles a baseline with what an organisation adds to it, off the async threads.
pub(super) async fn compiled(baseline: Bundle, organisation: Option<Bundle>) -> Result<Result<(Bundle, Engine), PolicyError>, AppError> {
    let compile = move || match organisation {
        Some(own) => Effective::new(&baseline, &own).map(|made| (made.bundle, made.engine)),
        None => Engine::compile(&baseline).map(|engine| (baseline, engine)),
    };
    Ok(tokio::task::spawn_blocking(compile).await.map_err(|error| Fault::database("compile a policy", error))?)
}

fn does_not_work(organisation: Option<Digest>, error: &PolicyError) -> AppError {
    match organisation {
        None => Fault::Config(format!("the baseline policy: {error}")).into(),
        Some(digest) => Refusal::new(Code::GateFailed, &format!("policy bundle `{digest}` does not work with the baseline in force: {error}"))
            .field("policy.bundle")
            .remedy("withdraw it with `policy withdraw`, or activate one that does")
            .into(),
    }
}

/// The document of a bundle that a caller gives as texts by path.
///
/// # Errors
/// `invalid_field` with the limit or the path that is wrong; `too_large` above 1 MiB.
pub(super) fn given(files: std::collections::BTreeMap<String, String>) -> Result<(Bundle, Payload), Refusal> {
    if files.is_empty() {
        return Err(Refusal::invalid("files", "the bundle has no file").remedy("give `*.rego` files, and `data.json` when data change"));
    }
    let bundle = Bundle { files: files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect() };
    bundle.check().map_err(|error| refused(&error))?;
    let document = bundle.document().map_err(|error| refused(&error))?;
    Ok((bundle, Payload::new("files", document)?))
}

/// What is wrong with a bundle, as a refusal.
pub(super) fn refused(error: &PolicyError) -> Refusal {
    Refusal::invalid("files", &error.to_string()).remedy("docs/policy/bundles.md says what a bundle may hold")
}
