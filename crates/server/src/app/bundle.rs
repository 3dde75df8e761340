//! Policy bundles of the organisation: kept, put in force by a second person after their tests passed, taken out.

use std::collections::BTreeMap;

use chancery_core::access::Action;
use chancery_core::bundle::{Command, Status};
use chancery_core::entry::{PrivateText, Subject};
use chancery_core::names::Digest;
use chancery_core::policy::{Bundle, Effective, TestResult};
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::BundleRow;
use futures_util::FutureExt as _;

use super::access::Caller;
use super::execute::{Options, Prepared, Receipt};
use super::policy::{given, refused};
use super::sequence::Noted;
use super::{App, AppError};
use crate::fault::Fault;
use crate::{ids, values};

/// Failed tests that a refusal names.
const NAMED_TESTS: usize = 10;

impl App {
    /// Keeps a bundle, which has to fit the baseline in force; gives its digest.
    ///
    /// # Errors
    /// `invalid_field` with the file and line, package, id or path that is wrong; `already_exists`.
    pub async fn upload_bundle(
        &self,
        caller: &Caller,
        files: BTreeMap<String, String>,
        reason: Option<&str>,
        options: &Options,
    ) -> Result<(Receipt, Digest), AppError> {
        self.prepared(caller, Action::ManagePolicy, options, |caller| {
            let files = files.clone();
            async move {
                let (bundle, document) = given(files)?;
                let snapshot = self.store().read().await?;
                let found = self.in_force(&snapshot).await?;
                let baseline = self.bundle(&snapshot, found.baseline).await?;
                drop(snapshot);
                let digest = document.digest;
                let (files, size) = (bundle.files.len() as u64, bundle.size() as u64);
                super::policy::compiled(baseline, Some(bundle)).await?.map_err(|error| refused(&error))?;
                let reason = reason.map(|text| PrivateText::new("reason", text, ids::random()?).map_err(AppError::from)).transpose()?;
                let command = Command::Upload { document, files, size, reason };
                Ok((self.ready_bundle(&caller, command, digest, Vec::new()).await?, digest))
            }
            .boxed()
        })
        .await
    }

    /// Puts a bundle in force, after its own tests passed beside the baseline in force.
    ///
    /// # Errors
    /// `separation_of_duties` (recorded) for who uploaded it; `invalid_field` when it does not fit the baseline or a test fails.
    pub async fn activate_bundle(&self, caller: &Caller, digest: Digest, reason: &str, options: &Options) -> Result<Receipt, AppError> {
        if let Some(receipt) = self.replayed(options).await? {
            return Ok(receipt);
        }
        let (receipt, ()) = self
            .prepared(caller, Action::ManagePolicy, options, |caller| {
                async move {
                    let snapshot = self.store().read().await?;
                    let row =
                        snapshot.get::<BundleRow>(values![digest]).await?.ok_or_else(|| Refusal::not_found("bundle", &digest.to_string()).field("digest"))?;
                    let found = self.in_force(&snapshot).await?;
                    let (baseline, own) = (self.bundle(&snapshot, found.baseline).await?, self.bundle(&snapshot, digest).await?);
                    drop(snapshot);
                    // Who may not activate it hears that first; who activates it again hears that it is in force.
                    let effective = if row.uploaded_by == caller.actor.id || row.status == Status::Active { digest } else { tested(baseline, own).await? };
                    let command = Command::Activate { bundle: digest, effective, reason: PrivateText::new("reason", reason, ids::random()?)? };
                    Ok((self.ready_bundle(&caller, command, digest, found.noted.to_vec()).await?, ()))
                }
                .boxed()
            })
            .await?;
        Ok(receipt)
    }

    /// Takes a bundle out of force: the baseline is alone again.
    ///
    /// # Errors
    /// `separation_of_duties` (recorded) for who activated it.
    pub async fn withdraw_bundle(&self, caller: &Caller, digest: Digest, reason: &str, options: &Options) -> Result<Receipt, AppError> {
        let command = Command::Withdraw { bundle: digest, reason: PrivateText::new("reason", reason, ids::random()?)? };
        let authorized = self.allow_command(caller, command).await?;
        self.execute(authorized, options).await
    }
}

impl App {
    async fn ready_bundle(&self, caller: &Caller, command: Command, bundle: Digest, noted: Vec<Noted>) -> Result<Prepared, AppError> {
        Ok(Prepared { command: self.authorized(caller, command).await?, noted, evaluated_at: None, gate: None, subject: Subject::Bundle(bundle) })
    }
}

/// Runs the bundle's own tests beside the baseline; gives the digest of both together.
async fn tested(baseline: Bundle, own: Bundle) -> Result<Digest, AppError> {
    let run = move || {
        let effective = Effective::new(&baseline, &own)?;
        let results = effective.run_tests()?;
        Ok((effective.engine.bundle_digest(), results))
    };
    let ran = tokio::task::spawn_blocking(run).await.map_err(|error| Fault::database("test a policy bundle", error))?;
    let (digest, results) = ran.map_err(|error| refused(&error))?;
    check_tests(&results)?;
    Ok(digest)
}

fn check_tests(results: &[TestResult]) -> Result<(), Refusal> {
    let failed: Vec<String> = results.iter().filter(|result| !result.passed).map(|result| format!("{}: {}", result.name, result.message)).collect();
    if results.is_empty() {
        return Err(Refusal::invalid("digest", "the bundle has no test").remedy("add a file `*_test.rego` with rules `test_*`, and upload it again"));
    }
    if failed.is_empty() {
        return Ok(());
    }
    let shown: Vec<&str> = failed.iter().take(NAMED_TESTS).map(String::as_str).collect();
    Err(Refusal::new(Code::InvalidField, &format!("{} of {} tests fail: {}", failed.len(), results.len(), shown.join("; ")))
        .field("digest")
        .remedy("correct the bundle or its tests, and upload it again"))
}
