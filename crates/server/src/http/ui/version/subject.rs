//! The version that a page is about: what the API answers, read back.

use std::collections::BTreeMap;

use chancery_core::entry::Subject as About;
use chancery_core::names::{ActorId, ModelName, VersionNumber, clipped};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{ModelRow, VersionRow};
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::as_of::{Cut, changes_around};
use crate::app::{AppError, view};
use crate::fault::Fault;
use crate::http::Permit;
use crate::http::api::version::seen;
use crate::http::file::encode;
use crate::http::ui::frame::{Area, Frame, cut};
use crate::http::ui::layout::Link;
use crate::http::ui::session::Shown;
use crate::store::Snapshot;

/// A version as the API shows it.
#[derive(Debug, Deserialize)]
pub(super) struct Version {
    model: Model,
    pub(super) number: u64,
    pub(super) semver: String,
    pub(super) state: String,
    pub(super) composite_id: String,
    pub(super) files: u64,
    pub(super) size: u64,
    pub(super) description: String,
    pub(super) source: String,
    pub(super) held: bool,
    pub(super) hidden: bool,
    pub(super) ungated: bool,
    #[serde(default)]
    pub(super) composition: Vec<Part>,
    pub(super) facts: BTreeMap<String, Value>,
    pub(super) grades: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) aliases: Vec<String>,
    pub(super) successor: Option<u64>,
    pub(super) sunset: Option<String>,
    pub(super) registered_at: String,
    registered_by: ActorId,
    pub(super) revision: u64,
}

#[derive(Debug, Deserialize)]
struct Model {
    name: String,
}

/// A part of a version of a system; of one that may not be read its role alone.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    pub(super) role: String,
    model: Option<Model>,
    pub(super) number: Option<u64>,
    #[serde(default)]
    pub(super) state: String,
    pub(super) newer: Option<u64>,
}

impl Part {
    /// The version that it is, and its page; none when it may not be read.
    pub(super) fn version(&self) -> Option<Link> {
        let (model, number) = (self.model.as_ref()?, self.number?);
        Some(Link::new(path_of(&model.name, number), format!("{}/{number}", model.name)))
    }
}

/// The version that a path names. A handler reads it after it knows who asks; what is no name or number is a version that is not there.
pub(super) fn version_at((name, number): &(String, String)) -> Result<(ModelName, VersionNumber), Refusal> {
    let none = || Refusal::not_found("version", &clipped(&format!("{name}/{number}")));
    let number = number.parse().ok().and_then(|number| VersionNumber::new(number).ok()).ok_or_else(none)?;
    Ok((ModelName::parse(name).map_err(|_| none())?, number))
}

/// The page of a version.
pub(super) fn path_of(name: &str, number: u64) -> String {
    format!("/models/{}/{number}", encode(name))
}

/// A version in the API.
pub(super) fn api_of(name: &str, number: u64) -> String {
    format!("/api/v1/models/{}/versions/{number}", encode(name))
}

impl Version {
    /// `name/number`.
    pub(super) fn label(&self) -> String {
        format!("{}/{}", self.model.name, self.number)
    }

    /// Name of its model.
    pub(super) fn name(&self) -> &str {
        &self.model.name
    }

    /// Its page.
    pub(super) fn path(&self) -> String {
        path_of(&self.model.name, self.number)
    }

    /// It in the API.
    pub(super) fn api(&self) -> String {
        api_of(&self.model.name, self.number)
    }

    /// Whether its files are here for everybody who may read it.
    pub(super) fn hands_out(&self) -> bool {
        self.held && self.state != "retired"
    }

    /// What the API says of it, for whoever is logged in.
    pub(super) fn open(&self) -> String {
        crate::http::ui::open::path(&self.api())
    }

    /// The page of its model.
    pub(super) fn model_path(&self) -> String {
        format!("/models/{}", encode(&self.model.name))
    }

    /// A page about it, or about a part of it.
    pub(super) fn part(&self, part: &str) -> String {
        format!("{}/{part}", self.path())
    }
}

/// Reads a view as the API would send it.
pub(super) fn read<T: DeserializeOwned>(view: impl Serialize) -> Result<T, AppError> {
    let value = serde_json::to_value(view).and_then(serde_json::from_value);
    Ok(value.map_err(|error| Fault::database("read a view", error))?)
}

/// A version with what its pages are made from.
pub(super) struct Subject {
    pub(super) version: Version,
    pub(super) model: ModelRow,
    /// As it stands now.
    pub(super) row: VersionRow,
    /// Set on a page that shows the past.
    pub(super) cut: Option<Cut>,
    /// Who registered it.
    pub(super) registrar: String,
}

/// The version that a page is about, now or as of the moment that was asked for.
pub(super) async fn subject<P: Permit>(own: &Shown<P>, snapshot: &Snapshot, name: &ModelName, number: VersionNumber) -> Result<Subject, AppError> {
    let cut = cut(snapshot, &own.visit).await?;
    let seen = seen(&own.allowed, snapshot, name, number, cut).await?;
    let version: Version = read(&seen.view)?;
    let registrar = named(snapshot, &version.registered_by).await?;
    Ok(Subject { version, model: seen.model, row: seen.row, cut, registrar })
}

/// The name of somebody, or his id when his name was erased.
pub(super) async fn named(snapshot: &Snapshot, actor: &ActorId) -> Result<String, AppError> {
    Ok(view::display_name(snapshot, actor).await?.unwrap_or_else(|| actor.to_string()))
}

impl Subject {
    /// The frame of the page of the version itself; one that shows the past leads from change to change.
    pub(super) async fn frame<P: Permit>(&self, own: &Shown<P>, snapshot: &Snapshot) -> Result<Frame, AppError> {
        let mut frame = own.frame(snapshot, Area::Models, &self.version.label()).await?;
        if let Some((past, cut)) = frame.past.as_mut().zip(self.cut) {
            let about = About::Version(self.row.model_id.clone(), self.row.number);
            let (earlier, later) = changes_around(snapshot, &about, cut).await?;
            let page = |index: u64| own.visit.with("as_of", Some(&index.to_string()));
            (past.earlier, past.later) = (earlier.map(page), later.map(page));
        }
        Ok(frame.under("/models", "Models").under(self.version.model_path(), self.version.name()).json(self.api_with(own, "")))
    }

    /// The frame of a page about a part of the version.
    pub(super) async fn frame_of<P: Permit>(&self, own: &Shown<P>, snapshot: &Snapshot, part: &str, api: &str) -> Result<Frame, AppError> {
        let frame = own.frame(snapshot, Area::Models, &format!("{part} of {}", self.version.label())).await?;
        let frame = frame.under("/models", "Models").under(self.version.model_path(), self.version.name());
        Ok(frame.under(self.version.path(), self.version.number.to_string()).json(self.api_with(own, api)))
    }

    fn api_with<P: Permit>(&self, own: &Shown<P>, api: &str) -> String {
        let query = own.visit.query.iter().filter(|(name, _)| name != "entry").map(|(name, value)| (name.as_str(), value.as_str()));
        crate::http::ui::frame::query_path(&format!("{}{api}", self.version.api()), query)
    }
}
