//! The folder `versions/<model id>/<number>`: the sealed files of a version, read only.

use chancery_core::access::Action;
use chancery_core::entry::Subject;
use chancery_core::manifest::{Manifest, ManifestFile};
use chancery_core::names::State;
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{ModelRow, VersionRow};

use super::{Found, Item, Sealed, item, relative};
use crate::app::{App, AppError, Caller, view};
use crate::store::Snapshot;
use crate::values;

impl App {
    /// Refuses a retired version to everybody but auditors; the attempt is recorded.
    ///
    /// # Errors
    /// `transition_refused`.
    pub async fn check_served(&self, caller: &Caller, snapshot: &Snapshot, version: &VersionRow) -> Result<(), AppError> {
        if version.state != State::Retired {
            return Ok(());
        }
        let model = snapshot.get::<ModelRow>(values![version.model_id]).await?;
        if model.is_some_and(|model| self.may(caller, Action::ReadEntries, &model)) {
            return Ok(());
        }
        let subject = Subject::Version(version.model_id.clone(), version.number);
        Err(self.refuse(caller, subject, "download", retired(version), None).await)
    }

    /// The files of a version that this caller may have.
    pub(super) async fn sealed_files(&self, caller: &Caller, snapshot: &Snapshot, sealed: &Sealed) -> Result<Manifest, AppError> {
        let version = version(snapshot, sealed).await?;
        self.check_served(caller, snapshot, &version).await?;
        view::manifest(snapshot, &version).await
    }
}

/// The files of a version, to make another of them.
pub(super) async fn manifest(snapshot: &Snapshot, sealed: &Sealed) -> Result<Manifest, AppError> {
    let version = version(snapshot, sealed).await?;
    if version.state == State::Retired {
        return Err(retired(&version).into());
    }
    view::manifest(snapshot, &version).await
}

fn retired(version: &VersionRow) -> Refusal {
    Refusal::new(Code::TransitionRefused, &format!("version {} is retired and is not served", version.number))
        .field("version")
        .remedy("use a version in production; an auditor can still fetch this one")
}

async fn version(snapshot: &Snapshot, sealed: &Sealed) -> Result<VersionRow, AppError> {
    let not_found = || Refusal::not_found("version", &format!("{}/{}", sealed.model, sealed.number));
    let model = snapshot.get::<ModelRow>(values![sealed.model]).await?.filter(|row| !row.hidden).ok_or_else(not_found)?;
    let version = snapshot.get::<VersionRow>(values![model.model_id, sealed.number]).await?;
    Ok(version.filter(|row| !row.hidden).ok_or_else(not_found)?)
}

impl Sealed {
    /// What every path in the folder begins with.
    fn prefix(&self) -> String {
        self.path.as_ref().map_or_else(String::new, |path| format!("{path}/"))
    }

    fn under<'a>(&self, manifest: &'a Manifest, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a ManifestFile)> {
        manifest.files().iter().filter_map(move |file| Some((file.path.as_str().strip_prefix(prefix)?, file)))
    }

    pub(super) fn find(&self, manifest: &Manifest) -> Found {
        let file = self.path.as_ref().and_then(|path| manifest.file(path.as_str()));
        match file {
            Some(file) => Found::File(file.clone()),
            None if self.path.is_none() || self.under(manifest, &self.prefix()).next().is_some() => Found::Folder,
            None => Found::Nothing,
        }
    }

    pub(super) fn list(&self, manifest: &Manifest) -> Vec<Item> {
        let mut items: Vec<Item> = self.under(manifest, &self.prefix()).map(|(rest, file)| item(rest, file.size)).collect();
        items.sort();
        items.dedup();
        items
    }

    pub(super) fn tree(&self, manifest: &Manifest) -> Result<Vec<ManifestFile>, Refusal> {
        if let Found::File(file) = self.find(manifest) {
            return Ok(vec![ManifestFile { path: super::base_name(&file.path)?, ..file }]);
        }
        let prefix = self.prefix();
        let files = self.under(manifest, &prefix).map(|(_, file)| Ok(ManifestFile { path: relative(&file.path, &prefix)?, ..file.clone() }));
        files.collect::<Result<Vec<ManifestFile>, Refusal>>()
    }
}
