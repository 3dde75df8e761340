//! The gated calls: check, promote, review, execute, roll back, reinstate. Each prepares from one snapshot and is sequenced after.

mod check;
mod complete;
mod condition;
mod execute;
mod open;
pub mod own_signature;
mod review;
mod rollback;
mod transition;

use chancery_core::access::Action;
use chancery_core::entry::{PrivateText, Subject};
use chancery_core::names::PromotionId;
use chancery_core::policy::{Gate, Input, Verdict};
use chancery_core::promotion::Status;
use chancery_core::refusal::{Code, Refusal};
use chancery_core::tables::{ModelRow, PromotionRow, VersionRow};

use super::access::Caller;
use super::execute::Prepared;
use super::gate::{Evaluated, Subjects, gates};
use super::{App, AppError};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::{ids, values};

pub(super) use check::open_promotion;
pub use execute::Others;
pub use open::{Opening, PromoteAsk, PromoteOutcome};
pub use review::ReviewAsk;
pub use rollback::{Drill, RollbackAsk, way_back};
pub use transition::TransitionAsk;

/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;

impl App {
    /// Reads an open promotion with everything that its gates read.
    pub(super) async fn promotion_subjects(&self, caller: &Caller, id: &PromotionId) -> Result<(Subjects, Vec<Gate>), AppError> {
        let snapshot = self.seen_by(caller).await?;
        let row = open_by_id(&snapshot, id).await?;
        let model = snapshot.get::<ModelRow>(values![row.model_id]).await?.ok_or_else(|| Refusal::not_found("promotion", id.as_str()))?;
        if !self.may(caller, Action::Read, &model) {
            return Err(Refusal::not_found("promotion", id.as_str()).into());
        }
        let version = snapshot.get::<VersionRow>(values![row.model_id, row.number]).await?.ok_or_else(|| Refusal::not_found("promotion", id.as_str()))?;
        let gates = gates(version.state, row.target)?;
        let (target, environment) = (row.target, row.environment.clone());
        let subjects = self.subjects(&snapshot, caller, model, version, target, &environment, Some(row)).await?;
        Ok((subjects, gates))
    }

    /// What an open promotion shows: its input document and the verdict of its gates now.
    ///
    /// # Errors
    /// `not_found`; the refusal that it is closed.
    pub async fn promotion_check(&self, caller: &Caller, id: &PromotionId) -> Result<(Verdict, Input, Vec<String>), AppError> {
        let _turn = self.turn().await?;
        let (subjects, gates) = self.promotion_subjects(caller, id).await?;
        let roles = self.required_roles(&subjects)?;
        let evaluated = self.evaluate(gates, &subjects).await?;
        Ok((evaluated.verdict.about(&subjects.label()), subjects.input, roles))
    }

    /// Roles whose approval the policy asks for.
    ///
    /// # Errors
    /// A fault when the policy cannot say.
    pub(super) fn required_roles(&self, subjects: &Subjects) -> Result<Vec<String>, AppError> {
        Ok(subjects.policy.engine.required_approvals(&subjects.input).map_err(|error| Fault::database("ask the policy for the roles of approval", error))?)
    }

    /// A command with everything that was noted for it, authorised at the caller's access revision.
    pub(super) async fn ready(
        &self,
        caller: &Caller,
        command: chancery_core::Command,
        subjects: &Subjects,
        evaluated: Option<Evaluated>,
    ) -> Result<Prepared, AppError> {
        Ok(Prepared {
            command: self.authorized(caller, command).await?,
            noted: subjects.noted.clone(),
            evaluated_at: Some(subjects.input.now),
            gate: evaluated.map(|evaluated| evaluated.record),
            subject: Subject::Version(subjects.model.model_id.clone(), subjects.version.number),
        })
    }
}

fn private(field: &'static str, text: Option<&str>) -> Result<Option<PrivateText>, AppError> {
    text.map(|text| Ok(PrivateText::new(field, text, ids::random()?)?)).transpose()
}

async fn open_by_id(snapshot: &Snapshot, id: &PromotionId) -> Result<PromotionRow, AppError> {
    let row = snapshot.get::<PromotionRow>(values![*id]).await?.ok_or_else(|| Refusal::not_found("promotion", id.as_str()))?;
    if row.status == Status::Open {
        return Ok(row);
    }
    Err(Refusal::new(Code::TransitionRefused, &format!("the promotion is {} already", row.status))
        .field("promotion")
        .remedy("open a new one with `promote`")
        .into())
}
