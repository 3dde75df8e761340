//! Hiding a version or a model: the aliases that go with it are read first, and read again when one was set meanwhile.

use chancery_core::access::Action;
use chancery_core::entry::{PrivateText, Subject};
use chancery_core::names::{ModelId, VersionNumber};
use chancery_core::refusal::Refusal;
use chancery_core::registry::releases;
use chancery_core::tables::{AliasRow, SettingRow, VersionRow};
use chancery_core::{Command, model, version};
use futures_util::FutureExt;

use super::access::Caller;
use super::execute::{Options, Prepared, Receipt};
use super::sequence::Noted;
use super::{App, AppError};
use crate::values;

impl App {
    /// Takes a version out of listings, and its aliases off it.
    ///
    /// # Errors
    /// `not_found`, also when it is hidden already; `protected_deletion`; a fault.
    pub async fn hide_version(
        &self,
        caller: &Caller,
        model: &ModelId,
        number: VersionNumber,
        reason: &PrivateText,
        options: &Options,
    ) -> Result<Receipt, AppError> {
        let prepare = |caller: Caller| {
            async move {
                let snapshot = self.seen_by(&caller).await?;
                let row = snapshot.get::<VersionRow>(values![*model, number]).await?;
                let expected = row.ok_or_else(|| Refusal::not_found("version", &number.to_string()))?.revision;
                let aliases = snapshot.rows::<AliasRow>("WHERE model_id = $1 AND number = $2 ORDER BY alias", &values![*model, number]).await?;
                let aliases = aliases.into_iter().map(|row| row.alias).collect();
                drop(snapshot);
                let command = version::Command::Hide { model: model.clone(), number, reason: reason.clone(), aliases, expected };
                let subject = Subject::Version(model.clone(), number);
                Ok((self.unhurried(&caller, command, Noted::Version(model.clone(), number, expected), subject).await?, ()))
            }
            .boxed()
        };
        Ok(self.prepared(caller, Action::Retire, options, prepare).await?.0)
    }

    /// Takes a model out of listings, with its versions, and removes its aliases. Its name is free again.
    ///
    /// # Errors
    /// `not_found`, also when it is hidden already; `protected_deletion`; a fault.
    pub async fn hide_model(&self, caller: &Caller, id: &ModelId, reason: &PrivateText, options: &Options) -> Result<Receipt, AppError> {
        let prepare = |caller: Caller| {
            async move {
                let snapshot = self.seen_by(&caller).await?;
                let revision = snapshot.get::<SettingRow>(values![releases(id)]).await?.map_or(0, |row| row.revision);
                let aliases = snapshot.rows::<AliasRow>("WHERE model_id = $1 ORDER BY alias", &values![*id]).await?;
                let aliases = aliases.into_iter().map(|row| row.alias).collect();
                drop(snapshot);
                let command = model::Command::Hide { id: id.clone(), reason: reason.clone(), aliases, releases: revision };
                Ok((self.unhurried(&caller, command, Noted::Releases(id.clone(), revision), Subject::Model(id.clone())).await?, ()))
            }
            .boxed()
        };
        Ok(self.prepared(caller, Action::ManageModel, options, prepare).await?.0)
    }

    /// A command without a gate, that is prepared again when what was noted changed.
    async fn unhurried(&self, caller: &Caller, command: impl Into<Command>, noted: Noted, subject: Subject) -> Result<Prepared, AppError> {
        let command = self.allow_command(caller, command).await?;
        Ok(Prepared { command, noted: vec![noted], evaluated_at: None, gate: None, subject })
    }
}
