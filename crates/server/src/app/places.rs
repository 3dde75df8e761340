//! What a command is about, looked up: the models behind the ids of promotions, exceptions, risks, reviews and attestations.

use chancery_core::access::{About, AccessClass, Action, Place as Places, Resource};
use chancery_core::names::{Label, ModelId, RiskId};
use chancery_core::refusal::Refusal;
use chancery_core::tables::{AttestationRow, ExceptionRow, PromotionRow, ReviewRow, RiskLinkRow, RiskRow, TransferProposalRow};

use super::access::Caller;
use super::{App, AppError};
use crate::store::Snapshot;
use crate::values;

/// One thing that a command is about.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// The registry.
    Registry,
    /// A model that is to be made, or what a model would become.
    New(AccessClass),
    /// A model.
    Model { id: ModelId, class: AccessClass },
}

/// What a command is about.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) places: Vec<Place>,
    /// Environment of the promotion that it is about.
    pub(super) environment: Option<Label>,
    /// Whether it is the caller's own matter.
    own: bool,
    /// How the caller named it.
    what: (&'static str, String),
}

impl Found {
    /// The resources on which the command has to be allowed.
    pub(super) fn place(&self) -> Places {
        if self.own {
            return Places::Anywhere;
        }
        let resource = |place: &Place| match place {
            Place::Registry => Resource::Registry,
            Place::New(class) | Place::Model { class, .. } => Resource::Model(class.clone()),
        };
        Places::At(self.places.iter().map(resource).collect())
    }

    /// The refusal for something that is not there.
    pub(super) fn not_found(&self) -> Refusal {
        Refusal::not_found(self.what.0, &self.what.1)
    }

    fn new(what: &'static str, name: impl ToString, places: Vec<Place>) -> Self {
        Self { places, environment: None, own: false, what: (what, name.to_string()) }
    }
}

impl App {
    /// Looks up what a command is about.
    ///
    /// # Errors
    /// `not_found` for an id that nothing has.
    pub(super) async fn find_place(&self, caller: &Caller, about: &About) -> Result<Found, AppError> {
        match about {
            About::Registry => Ok(Found::new("registry", "", vec![Place::Registry])),
            About::Own => Ok(Found { own: true, ..Found::new("registry", "", Vec::new()) }),
            About::New(class) => Ok(Found::new("model", "", vec![Place::New(class.clone())])),
            About::Model(id) => self.of_models(caller, ("model", id.to_string()), std::slice::from_ref(id)).await,
            About::Changed(id, profile) => {
                let mut found = self.of_models(caller, ("model", id.to_string()), std::slice::from_ref(id)).await?;
                let classes: Vec<AccessClass> = found.places.iter().filter_map(Place::class).cloned().collect();
                found.places.extend(classes.into_iter().map(|class| {
                    let after = AccessClass::of(profile, class.kind, class.tier);
                    // An update that leaves the owning team out keeps it; one that names another is refused by the rules.
                    Place::New(AccessClass { model: class.model, team: after.team.clone().or(class.team), ..after })
                }));
                Ok(found)
            }
            About::Transfer(id, to) => self.of_transfer(caller, id, to.as_ref()).await,
            About::Models(ids) => self.of_models(caller, ("model", ids.first().map(ToString::to_string).unwrap_or_default()), ids).await,
            About::Link(risk, model) => {
                read_risk(&self.seen_by(caller).await?, risk).await?;
                self.of_models(caller, ("model", model.to_string()), std::slice::from_ref(model)).await
            }
            About::Promotion(_) | About::Exception(_) | About::Risk(_) | About::Review(_) | About::Attestation(_) => self.behind(caller, about).await,
        }
    }

    async fn of_models(&self, caller: &Caller, what: (&'static str, String), ids: &[ModelId]) -> Result<Found, AppError> {
        let mut places = Vec::with_capacity(ids.len().max(1));
        for id in ids {
            let class = self.known_class(caller, id).await?.ok_or_else(|| Refusal::not_found(what.0, &what.1))?;
            places.push(Place::Model { id: id.clone(), class });
        }
        if places.is_empty() {
            places.push(Place::Registry);
        }
        Ok(Found::new(what.0, what.1, places))
    }

    /// The model as it is for who may transfer it so; for the other side the model as its team would own it. A team claims only what has no team.
    async fn of_transfer(&self, caller: &Caller, id: &ModelId, to: Option<&Label>) -> Result<Found, AppError> {
        let found = self.of_models(caller, ("model", id.to_string()), std::slice::from_ref(id)).await?;
        let Some(class) = found.places.first().and_then(Place::class).cloned() else { return Ok(found) };
        if self.decision(caller, Action::TransferModel, &Resource::Model(class.clone()), None).allowed {
            return Ok(found);
        }
        let proposed = self.store().read().await?.get::<TransferProposalRow>(values![*id]).await?.map(|row| row.to_team);
        let team = match to {
            Some(to) if class.team.is_none() => Some(to.clone()),
            Some(_) => None,
            None => proposed,
        };
        match team {
            Some(team) => Ok(Found { places: vec![Place::New(AccessClass { team: Some(team), ..class })], ..found }),
            None => Ok(found),
        }
    }

    /// The models behind the id of something else.
    async fn behind(&self, caller: &Caller, about: &About) -> Result<Found, AppError> {
        let seen = self.seen_by(caller).await?;
        let snapshot = seen.everything();
        let mut environment = None;
        let (what, name, models) = match about {
            About::Promotion(id) => {
                let row = snapshot.get::<PromotionRow>(values![*id]).await?.ok_or_else(|| Refusal::not_found("promotion", id.as_str()))?;
                environment = Some(row.environment);
                ("promotion", id.to_string(), vec![row.model_id])
            }
            About::Exception(id) => {
                let row = snapshot.get::<ExceptionRow>(values![*id]).await?.ok_or_else(|| Refusal::not_found("exception", id.as_str()))?;
                ("exception", id.to_string(), vec![row.model_id])
            }
            About::Risk(id) => {
                read_risk(&seen, id).await?;
                let rows = snapshot.rows::<RiskLinkRow>("WHERE risk_id = $1 ORDER BY model_id", &values![*id]).await?;
                ("risk", id.to_string(), rows.into_iter().map(|row| row.model_id).collect())
            }
            About::Review(id) => {
                let row = snapshot.get::<ReviewRow>(values![*id]).await?.ok_or_else(|| Refusal::not_found("review", id.as_str()))?;
                ("review", id.to_string(), row.model_id.into_iter().collect())
            }
            About::Attestation(digest) => {
                let not_found = || Refusal::not_found("attestation", &digest.to_string());
                let row = snapshot.get::<AttestationRow>(values![*digest]).await?.ok_or_else(not_found)?;
                ("attestation", digest.to_string(), vec![row.model_id])
            }
            About::Registry | About::Own | About::New(_) | About::Model(_) | About::Link(..) | About::Transfer(..) | About::Changed(..) | About::Models(_) => {
                ("registry", String::new(), Vec::new())
            }
        };
        drop((seen, snapshot));
        let mut found = self.of_models(caller, (what, name), &models).await?;
        found.environment = environment;
        Ok(found)
    }
}

/// Refuses a risk that its reader may not see, as one that is not there: what hangs on no model of his must not show by another answer.
async fn read_risk(seen: &Snapshot, id: &RiskId) -> Result<(), AppError> {
    seen.get::<RiskRow>(values![*id]).await?.map(drop).ok_or_else(|| Refusal::not_found("risk", id.as_str()).into())
}

impl Place {
    fn class(&self) -> Option<&AccessClass> {
        match self {
            Self::Registry => None,
            Self::New(class) | Self::Model { class, .. } => Some(class),
        }
    }
}
