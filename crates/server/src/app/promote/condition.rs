//! Conditions of approvals that are met, by somebody in the role that set them.

use chancery_core::access::Action;
use chancery_core::entry::{PrivateText, Subject};
use chancery_core::names::PromotionId;
use chancery_core::promotion::Command;
use chancery_core::refusal::Refusal;
use chancery_core::tables::{ConditionRow, ModelRow, PromotionRow, VersionRow};
use futures_util::FutureExt;

use crate::app::access::Caller;
use crate::app::execute::{Options, Prepared, Receipt};
use crate::app::gate::authors;
use crate::app::sequence::Noted;
use crate::app::{App, AppError, view};
use crate::{ids, values};

impl App {
    /// Records that a condition of an approval is met.
    ///
    /// # Errors
    /// `access_denied` for who does not have the role that set it, `separation_of_duties` for an author of the version (both
    /// recorded); `already_exists` when it is met.
    pub async fn meet_condition(&self, caller: &Caller, id: &PromotionId, number: u64, note: &str, options: &Options) -> Result<Receipt, AppError> {
        let (receipt, ()) = self
            .prepared(caller, Action::Review, options, |caller| {
                async move {
                    let prepared = self.meeting(&caller, id, number, note).await?;
                    Ok((prepared, ()))
                }
                .boxed()
            })
            .await?;
        Ok(receipt)
    }

    async fn meeting(&self, caller: &Caller, id: &PromotionId, number: u64, note: &str) -> Result<Prepared, AppError> {
        let snapshot = self.seen_by(caller).await?;
        let not_found = || Refusal::not_found("promotion", id.as_str());
        let promotion = snapshot.get::<PromotionRow>(values![*id]).await?.ok_or_else(not_found)?;
        let version = snapshot.get::<VersionRow>(values![promotion.model_id, promotion.number]).await?.ok_or_else(not_found)?;
        let model = snapshot.get::<ModelRow>(values![promotion.model_id]).await?.filter(|model| self.may(caller, Action::Read, model)).ok_or_else(not_found)?;
        let condition = snapshot.get::<ConditionRow>(values![*id, number]).await?.ok_or_else(|| Refusal::not_found("condition", &number.to_string()))?;
        let (facts, evidence) = (view::facts(&snapshot, &version).await?, view::evidence(&snapshot, &version).await?);
        let made = authors::authors(&snapshot, &version, &facts, Some(&promotion), &evidence).await?;
        let authors = authors::with_makers(&snapshot, made, &version, Some(&promotion), &evidence).await?;
        drop(snapshot);
        let command = Command::MeetCondition {
            promotion: id.clone(),
            number,
            delegated_by: caller.speaks_for(&condition.role, &model).flatten().cloned(),
            role: condition.role,
            note: PrivateText::new("note", note, ids::random()?)?,
            authors,
        };
        let noted = vec![Noted::Version(version.model_id.clone(), version.number, version.revision), Noted::Promotion(id.clone(), promotion.revision)];
        let subject = Subject::Promotion(id.clone());
        Ok(Prepared { command: self.authorized(caller, command).await?, noted, evaluated_at: None, gate: None, subject })
    }
}
