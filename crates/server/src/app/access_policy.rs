//! Access policies of the organisation: kept, put in force by a second person, taken out.

use std::collections::BTreeMap;

use chancery_core::access::source::SourceError;
use chancery_core::access::{Action, Actor, Circumstances, Policies, Resource, Role};
use chancery_core::access_policy::Command;
use chancery_core::bundle::Status;
use chancery_core::entry::{Door, Payload, PrivateText, Subject};
use chancery_core::names::Digest;
use chancery_core::refusal::{Code, Refusal};
use chancery_core::registry::ACCESS;
use chancery_core::tables::{AccessPolicyRow, ActorRow, PayloadRow, SettingRow};
use futures_util::FutureExt as _;

use super::access::Caller;
use super::execute::{Options, Prepared, Receipt};
use super::sequence::Noted;
use super::{App, AppError};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::{ids, values};

/// Most administrators that are tried; one who is left is enough.
const TRIED: u64 = 1_000;

impl App {
    /// Keeps access policies, which have to fit the schema; gives their digest.
    ///
    /// # Errors
    /// `invalid_field` with the file and line that is wrong; `already_exists`.
    pub async fn install_access_policy(
        &self,
        caller: &Caller,
        files: BTreeMap<String, String>,
        reason: Option<&str>,
        options: &Options,
    ) -> Result<(Receipt, Digest), AppError> {
        let document = Payload::json("files", &serde_json::to_value(&files).map_err(|error| Fault::database("write access policies", error))?)?;
        let digest = document.digest;
        let compiled = compiled(files, digest).await?;
        let policies = (compiled.sources().len() - Policies::shipped().sources().len()) as u64;
        let reason = reason.map(|text| PrivateText::new("reason", text, ids::random()?).map_err(AppError::from)).transpose()?;
        let command = self.allow_command(caller, Command::Install { document, policies, reason }).await?;
        Ok((self.execute(command, options).await?, digest))
    }

    /// Puts access policies in force, when they leave somebody who can take them out again.
    ///
    /// # Errors
    /// `separation_of_duties` (recorded) for who installed them; `transition_refused` when no administrator would be left.
    pub async fn activate_access_policy(&self, caller: &Caller, digest: Digest, reason: &str, options: &Options) -> Result<Receipt, AppError> {
        if let Some(receipt) = self.replayed(options).await? {
            return Ok(receipt);
        }
        let prepare = |caller: Caller| {
            async move {
                let snapshot = self.store().read().await?;
                let row = self.access_policy_row(&snapshot, digest).await?;
                let files = access_policy_files(&snapshot, digest).await?;
                let access = snapshot.get::<SettingRow>(values![ACCESS]).await?.map_or(0, |row| row.revision);
                let policies = compiled(files, digest).await?;
                // Who may not activate them hears that first.
                if row.status != Status::Active && row.installed_by != caller.actor.id {
                    check_administrators(&snapshot, &policies).await?;
                }
                let models = policies.named_models().into_iter().collect();
                let command = Command::Activate { digest, models, reason: PrivateText::new("reason", reason, ids::random()?)? };
                let command = self.authorized(&caller, command).await?;
                let subject = Subject::AccessPolicy(digest);
                Ok((Prepared { command, noted: vec![Noted::access(access)], evaluated_at: None, gate: None, subject }, ()))
            }
            .boxed()
        };
        Ok(self.prepared(caller, Action::ManageAccess, options, prepare).await?.0)
    }

    /// Takes access policies out of force: those that ship with the program are alone again.
    ///
    /// # Errors
    /// `separation_of_duties` (recorded) for who activated them.
    pub async fn withdraw_access_policy(&self, caller: &Caller, digest: Digest, reason: &str, options: &Options) -> Result<Receipt, AppError> {
        let command = Command::Withdraw { digest, reason: PrivateText::new("reason", reason, ids::random()?)? };
        let authorized = self.allow_command(caller, command).await?;
        self.execute(authorized, options).await
    }

    async fn access_policy_row(&self, snapshot: &Snapshot, digest: Digest) -> Result<AccessPolicyRow, AppError> {
        let not_found = || Refusal::not_found("access policy", &digest.to_string()).field("digest");
        Ok(snapshot.get::<AccessPolicyRow>(values![digest]).await?.ok_or_else(not_found)?)
    }
}

/// The files of access policies by their digest.
///
/// # Errors
/// `not_found`.
pub async fn access_policy_files(snapshot: &Snapshot, digest: Digest) -> Result<BTreeMap<String, String>, AppError> {
    let not_found = || Refusal::not_found("access policy", &digest.to_string()).field("digest");
    let document = snapshot.get::<PayloadRow>(values![digest]).await?.ok_or_else(not_found)?;
    Ok(serde_json::from_slice(&document.bytes).map_err(|_| not_found())?)
}

/// Compiles policies off the async threads.
async fn compiled(files: BTreeMap<String, String>, digest: Digest) -> Result<Policies, AppError> {
    let made = tokio::task::spawn_blocking(move || Policies::with(&files, digest)).await;
    Ok(made.map_err(|error| Fault::database("compile access policies", error))?.map_err(|error| refused(&error))?)
}

fn refused(error: &SourceError) -> Refusal {
    Refusal::invalid("files", &error.to_string())
        .remedy("docs/access.md says how access policies are written; the schema is `policies/access/schema.cedarschema`")
}

/// Refuses policies under which no administrator could manage access any more: nobody could take them out.
async fn check_administrators(snapshot: &Snapshot, policies: &Policies) -> Result<(), AppError> {
    let tail = "WHERE active = 1 AND kind = 'person' AND roles LIKE '%\"administrator\"%' ORDER BY created_index LIMIT $1";
    for row in snapshot.rows::<ActorRow>(tail, &values![TRIED]).await? {
        if row.holds(&Role::Administrator) {
            let actor = Actor { roles: row.grants(), id: row.actor_id, kind: row.kind, teams: Vec::new(), delegated: Vec::new(), access_revision: 0 };
            let may = |action| policies.decide(&actor, action, &Resource::Registry, &Circumstances::at(Door::Api)).allowed;
            if may(Action::ManageAccess) && may(Action::ManageActors) && may(Action::Read) {
                return Ok(());
            }
        }
    }
    Err(Refusal::new(Code::TransitionRefused, "under these access policies no administrator could manage access any more")
        .field("digest")
        .remedy("leave administrators the actions `manage-access`, `manage-actors` and `read` on the registry, and install the policies again")
        .into())
}
