//! Where a new version comes from: which sources MLflow's API accepts, and what becomes of them.
//!
//! Nothing that a source names is ever opened. A source in this server's artifact store is sealed by the digests that it has now;
//! `models:/NAME/V` seals what that version sealed; everything else is kept as a claim, and its bytes are not held.

mod address;

use chancery_core::manifest::ManifestFile;
use chancery_core::names::{AliasName, ModelName, VersionNumber};
use chancery_core::tables::{ModelRow, VersionRow};
use chancery_core::version::Origin;

use super::caller::MlflowAllowed;
use super::error::{MlflowError, clipped};
use super::names::{is_latest, known_model, no_version};
use super::stage::Stage;
use super::{download, prompt, view};
use crate::app::view as native;
use crate::http::caller;
use crate::store::Snapshot;
use address::{Address, Registered};

/// What a caller says about the source of a version. An empty run id counts as said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    /// `source`.
    pub(super) source: &'a str,
    /// `run_id`.
    pub(super) run_id: Option<&'a str>,
    /// `model_id`: a logged model of a tracking store.
    pub(super) model_id: Option<&'a str>,
    /// `run_link`.
    pub(super) run_link: &'a str,
}

/// What becomes of it.
#[derive(Debug)]
pub(super) struct Sourced {
    /// What is sealed about it.
    pub(super) origin: Origin,
    /// The files that are held; none when the bytes are elsewhere.
    pub(super) files: Vec<ManifestFile>,
    /// Composite id of the version that it is a copy of.
    pub(super) parent: Option<String>,
}

/// Finds out what a source is.
///
/// # Errors
/// INVALID_PARAMETER_VALUE for a source that is not accepted; RESOURCE_DOES_NOT_EXIST for a version that is not there.
pub(super) async fn resolve(allowed: &MlflowAllowed<caller::Register>, said: Said<'_>, request: &download::Base) -> Result<Sourced, MlflowError> {
    let address = Address::parse(said.source);
    let own = super::artifacts::source_prefix(said.source, request.host());
    if let (None, Some(scheme)) = (&own, address.foreign_host()) {
        return Err(MlflowError::invalid(format!(
            "'source' cannot use the '{scheme}' scheme: the '{scheme}' scheme addresses a host other than this server's artifact store. Upload the model to this \
             server, or register a source whose scheme names no host."
        )));
    }
    if let Some(registered) = address.registered_model(said.source)? {
        return copy(allowed, said, &registered, request).await;
    }
    check(said, &address, own.is_some())?;
    let files = match own {
        Some(prefix) => allowed.0.app.artifact_tree(&allowed.0.caller, &prefix).await?,
        None => Vec::new(),
    };
    Ok(Sourced { origin: origin(said, said.source, said.run_id.unwrap_or_default()), files, parent: None })
}

fn origin(said: Said<'_>, source: &str, run_id: &str) -> Origin {
    Origin { source: source.to_owned(), run_id: run_id.to_owned(), run_link: said.run_link.to_owned(), download_uri: None }
}

/// The rules for everything but a version of this registry.
fn check(said: Said<'_>, address: &Address<'_>, is_own: bool) -> Result<(), MlflowError> {
    let model_id = said.model_id.filter(|id| !id.is_empty());
    let container = if model_id.is_some() { "model_id" } else { "run_id" };
    if address.is_local() {
        return Err(MlflowError::invalid(format!(
            "Invalid model version source: '{}'. To use a local path as a model version source, the {container} request parameter has to be specified and the \
             local path has to be contained within the artifact directory of the run specified by the {container}.",
            clipped(said.source)
        )));
    }
    if !address.is_absolute(said.source) {
        return Err(MlflowError::invalid(format!(
            "Invalid model version source: '{}'. If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute \
             path must be provided without relative path references present. Please provide an absolute path.",
            clipped(said.source)
        )));
    }
    let not_contained = |field: &str| {
        let what = format!(
            "Invalid model version source: '{}'. The {field} request parameter must identify the resource that contains the source.",
            clipped(said.source)
        );
        Err(MlflowError::invalid(what))
    };
    if let Some(run) = address.run() {
        return match run {
            // Without a tracking store nobody can say what is in a run. An id that MLflow made must be the one that is claimed;
            // other words, which name no run of MLflow, are taken as they are.
            _ if model_id.is_some() => not_contained("model_id"),
            Some(run) if !is_run_id(run) || said.run_id == Some(run) => Ok(()),
            Some(_) | None => not_contained("run_id"),
        };
    }
    match address.logged_model() {
        Some(logged) if model_id == Some(logged) => Ok(()),
        Some(_) => not_contained("model_id"),
        None => {
            debug_assert!(is_own || !address.is_proxy(), "a foreign proxy was refused before");
            Ok(())
        }
    }
}

/// Whether MLflow makes such ids: 32 hexadecimal digits.
fn is_run_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A version of this registry: the new version seals the same files, and says what it is a copy of.
async fn copy(
    allowed: &MlflowAllowed<caller::Register>,
    said: Said<'_>,
    registered: &Registered<'_>,
    request: &download::Base,
) -> Result<Sourced, MlflowError> {
    let invalid = |why: &str| MlflowError::invalid(format!("Invalid model version source: '{}'. {why}", clipped(said.source)));
    let snapshot = allowed.read().await?;
    let name = known_model(registered.name)?;
    let model = view::model_row(&snapshot, &name).await?;
    if prompt::is_tagged(&snapshot, &model).await? {
        return Err(invalid("Prompt versions cannot be used as model version sources."));
    }
    let number = number_of(&snapshot, &model, registered).await?;
    let row = view::version_row(&snapshot, &name, number).await?.ok_or_else(|| no_version(name.as_str(), number))?;
    let same_run = said.run_id.is_none_or(|run| run == row.run_id);
    if !same_run || said.model_id.is_some_and(|id| !id.is_empty()) {
        return Err(invalid("The run_id and model_id request parameters must match the referenced model version."));
    }
    let source = format!("models:/{name}/{number}");
    let mut origin = origin(said, &source, &row.run_id);
    origin.download_uri = Some(download::uri(&snapshot, request, &row).await?);
    let files = if row.held { native::manifest(&snapshot, &row).await?.files().to_vec() } else { Vec::new() };
    Ok(Sourced { origin, files, parent: Some(native::composite_id(&name, &row)) })
}

/// Which version a `models:/` address names.
async fn number_of(snapshot: &Snapshot, model: &ModelRow, registered: &Registered<'_>) -> Result<VersionNumber, MlflowError> {
    let none = || MlflowError::missing(format!("No versions of model with name '{}' and '{}' found", model.name, clipped(registered.what())));
    match registered {
        Registered { alias: Some(alias), .. } => aliased(snapshot, &model.name, alias).await,
        Registered { suffix, .. } if suffix.bytes().all(|byte| byte.is_ascii_digit()) => {
            let number = suffix.parse().ok().and_then(|number| VersionNumber::new(number).ok());
            number.ok_or_else(|| no_version(model.name.as_str(), suffix))
        }
        Registered { suffix, .. } if is_latest(suffix) => view::highest(snapshot, model).await?.ok_or_else(none),
        Registered { suffix, .. } => view::newest_in(snapshot, model, Stage::parse(suffix)?).await?.map(|row: VersionRow| row.number).ok_or_else(none),
    }
}

async fn aliased(snapshot: &Snapshot, name: &ModelName, alias: &str) -> Result<VersionNumber, MlflowError> {
    let found = match AliasName::parse(alias) {
        Ok(alias) => view::aliased_number(snapshot, name, &alias).await?,
        Err(_) => None,
    };
    found.ok_or_else(|| MlflowError::invalid(format!("Registered model alias {} not found.", clipped(alias))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(source: &str, run_id: Option<&str>, model_id: Option<&str>) -> Result<(), String> {
        let said = Said { source, run_id, model_id, run_link: "" };
        check(said, &Address::parse(source), false).map_err(|error| error.message)
    }

    #[test]
    fn claims_are_accepted_when_they_name_no_place_on_this_machine() {
        let run = "0123456789abcdef0123456789abcdef";
        let runs = format!("runs:/{run}/model");
        let logged = format!("models:/m-{run}");
        for (source, run_id, model_id) in [
            ("s3://bucket/model", None, None),
            ("s3:/bucket/model", None, None),
            ("gs://bucket//model///", None, None),
            ("s3://bucket/model?versionId=1#x", None, None),
            ("newscheme://bucket/model", Some("any"), None),
            ("runs:/run_id/model", Some("run_id_1"), None),
            (runs.as_str(), Some(run), None),
            (logged.as_str(), None, Some(&*format!("m-{run}"))),
        ] {
            assert_eq!(checked(source, run_id, model_id), Ok(()), "{source}");
        }
    }

    #[test]
    fn other_sources_are_refused() {
        let run = "0123456789abcdef0123456789abcdef";
        let (runs, logged) = (format!("runs:/{run}/model"), format!("models:/m-{run}"));
        let relative = "without relative path references present";
        for (source, run_id, model_id, why) in [
            ("path/to/model", Some(run), None, "To use a local path"),
            ("/etc/passwd", None, None, "To use a local path"),
            ("file:///etc", Some(run), None, "the run_id request parameter has to be specified"),
            ("file:///etc", None, Some("m-1"), "the model_id request parameter has to be specified"),
            ("s3://bucket/../x", None, None, relative),
            ("s3://bucket/..%2fx", None, None, relative),
            ("s3://bucket/%252e%252e%252fx", None, None, relative),
            ("s3://bucket/a/./x", None, None, relative),
            ("s3://bucket/a%00x", None, None, relative),
            (&runs, None, None, "The run_id request parameter must identify"),
            (&runs, Some("other"), None, "The run_id request parameter must identify"),
            ("runs://host/run/model", Some("run"), None, "The run_id request parameter must identify"),
            (&logged, None, None, "The model_id request parameter must identify"),
            (&logged, None, Some("m-other"), "The model_id request parameter must identify"),
            (&runs, Some(run), Some("m-1"), "The model_id request parameter must identify"),
        ] {
            let message = checked(source, run_id, model_id).unwrap_err();
            assert!(message.contains(why), "{source}: {message}");
        }
    }
}
