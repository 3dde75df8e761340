//! The names that people know: of the actors and subjects of some entries, read for all of them at once.

use std::collections::BTreeMap;

use chancery_core::entry::Subject;
use chancery_core::names::{ActorId, ModelId, PromotionId, RiskId};
use chancery_core::rows::{Key, Row};
use chancery_core::tables::{DirectoryRow, ModelRow, PromotionRow, RiskRow};

use super::super::frame::query_path;
use super::super::layout::Link;
use crate::app::AppError;
use crate::app::entries::Shown;
use crate::http::file::encode;
use crate::store::Snapshot;
use crate::values;

/// Names of actors, models, promotions and risks.
#[derive(Debug, Default)]
pub(in crate::http::ui) struct Names {
    actors: BTreeMap<ActorId, String>,
    models: BTreeMap<ModelId, String>,
    promotions: BTreeMap<PromotionId, PromotionRow>,
    risks: BTreeMap<RiskId, String>,
}

impl Names {
    /// Those of entries and of some more actors: two reads, however many entries.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub(in crate::http::ui) async fn of(snapshot: &Snapshot, entries: &[Shown], more: &[ActorId]) -> Result<Self, AppError> {
        let mut names = Self::default();
        let actors =
            entries.iter().flat_map(|entry| std::iter::once(&entry.actor).chain(if let Subject::Actor(id) = &entry.subject { Some(id) } else { None }));
        let mut keys: Vec<Key> = actors.chain(more).map(|id| key::<DirectoryRow>(values![*id])).collect();
        keys.extend(entries.iter().filter_map(|entry| key_of(&entry.subject)));
        names.read(snapshot, keys).await?;
        Ok(names)
    }

    /// Those of some subjects and actors.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub(in crate::http::ui) async fn of_subjects(snapshot: &Snapshot, subjects: &[Subject], actors: &[ActorId]) -> Result<Self, AppError> {
        let mut names = Self::default();
        let actors = actors.iter().map(|id| key::<DirectoryRow>(values![*id]));
        names.read(snapshot, actors.chain(subjects.iter().filter_map(key_of)).collect()).await?;
        Ok(names)
    }

    /// The name of a model.
    pub(in crate::http::ui) fn model(&self, id: &ModelId) -> Option<&str> {
        self.models.get(id).map(String::as_str)
    }

    /// Reads rows, and the models of the promotions among them.
    async fn read(&mut self, snapshot: &Snapshot, keys: Vec<Key>) -> Result<(), AppError> {
        self.take(snapshot, keys).await?;
        let unknown = self.promotions.values().filter(|row| !self.models.contains_key(&row.model_id)).map(|row| key::<ModelRow>(values![row.model_id]));
        let unknown = unknown.collect();
        self.take(snapshot, unknown).await
    }

    async fn take(&mut self, snapshot: &Snapshot, mut keys: Vec<Key>) -> Result<(), AppError> {
        keys.sort_by_key(|key| (key.table.name, format!("{:?}", key.values)));
        keys.dedup();
        if keys.is_empty() {
            return Ok(());
        }
        for (key, found) in snapshot.load(keys).await? {
            let Some(values) = found else { continue };
            match key.table.name {
                name if name == DirectoryRow::TABLE.name => {
                    let row = DirectoryRow::from_values(values)?;
                    self.actors.insert(row.actor_id, if row.display_name.is_empty() { row.handle.to_string() } else { row.display_name });
                }
                name if name == ModelRow::TABLE.name => {
                    let row = ModelRow::from_values(values)?;
                    self.models.insert(row.model_id, row.name.to_string());
                }
                name if name == PromotionRow::TABLE.name => {
                    let row = PromotionRow::from_values(values)?;
                    self.promotions.insert(row.promotion_id.clone(), row);
                }
                _ => {
                    let row = RiskRow::from_values(values)?;
                    self.risks.insert(row.risk_id, row.title);
                }
            }
        }
        Ok(())
    }

    /// The name of an actor; his id when it was erased.
    pub(in crate::http::ui) fn actor(&self, id: &ActorId) -> String {
        self.actors.get(id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// A subject in words, and the page that shows it; without one, the entries about it.
    pub(in crate::http::ui) fn subject(&self, subject: &Subject) -> Link {
        let entries = || query_path("/ledger", [("subject", subject.to_string().as_str())].into_iter());
        let model = |id: &ModelId| self.models.get(id).cloned();
        match subject {
            Subject::Registry => Link::new(entries(), "the registry"),
            Subject::Model(id) => match model(id) {
                Some(name) => Link::new(format!("/models/{}", encode(&name)), name),
                None => Link::new(entries(), subject.to_string()),
            },
            Subject::Version(id, number) => match model(id) {
                Some(name) => Link::new(format!("/models/{}/{number}", encode(&name)), format!("{name}/{number}")),
                None => Link::new(entries(), subject.to_string()),
            },
            Subject::Promotion(id) => {
                let version = self.promotions.get(id).and_then(|row| Some(format!(" of {}/{}", model(&row.model_id)?, row.number)));
                Link::new(format!("/promotions/{id}"), format!("promotion{}", version.unwrap_or_else(|| format!(" {id}"))))
            }
            Subject::Exception(id) => Link::new(format!("/exceptions/{id}"), format!("exception {}", first(id.as_str()))),
            Subject::Risk(id) => Link::new(format!("/risks/{id}"), self.risks.get(id).map_or_else(|| format!("risk {id}"), |title| format!("risk {title}"))),
            Subject::Bundle(digest) => Link::new(format!("/policy/bundles/{digest}"), format!("policy bundle {}", first(&digest.to_string()))),
            Subject::Actor(id) => Link::new(entries(), self.actor(id)),
            Subject::Team(name) => Link::new(entries(), format!("team {name}")),
            Subject::Template(name) => Link::new(entries(), format!("template {name}")),
            Subject::AccessPolicy(digest) => Link::new(entries(), format!("access policies {}", first(&digest.to_string()))),
            Subject::Token(id) => Link::new(entries(), format!("token {}", first(id.as_str()))),
            Subject::Review(id) => Link::new(entries(), format!("review {}", first(id.as_str()))),
        }
    }
}

fn key<R: Row>(values: Vec<chancery_core::rows::Value>) -> Key {
    Key { table: R::TABLE, values }
}

/// The row that has the name of a subject.
fn key_of(subject: &Subject) -> Option<Key> {
    match subject {
        Subject::Model(id) | Subject::Version(id, _) => Some(key::<ModelRow>(values![*id])),
        Subject::Promotion(id) => Some(key::<PromotionRow>(values![*id])),
        Subject::Risk(id) => Some(key::<RiskRow>(values![*id])),
        Subject::Registry
        | Subject::Actor(_)
        | Subject::Token(_)
        | Subject::Exception(_)
        | Subject::Review(_)
        | Subject::Bundle(_)
        | Subject::Template(_)
        | Subject::Team(_)
        | Subject::AccessPolicy(_) => None,
    }
}

/// The first characters of an identifier.
fn first(text: &str) -> String {
    text.chars().take(12).collect()
}
