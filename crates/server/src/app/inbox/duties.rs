//! What a person has to mend, and what comes due: open findings on what he owns, conditions, reviews, exceptions that end.

use chancery_core::access::{Role, Scope};
use chancery_core::approval::Effect;
use chancery_core::entry::Subject;
use chancery_core::names::{Label, ReviewId, Timestamp};
use chancery_core::tables::{ConditionRow, ExceptionRow, FindingRow, PromotionRow, ReviewRow};

use super::words;
use crate::app::access::Caller;
use crate::app::promotions::recorded_failures;
use crate::app::{App, AppError};
use crate::store::Snapshot;
use crate::values;

/// How far ahead is looked, in seconds: 30 days.
const AHEAD: i64 = 30 * 86_400;
/// Most items of one kind that are read.
const MOST: i64 = 50;
/// Most conditions that are looked at.
const MOST_CONDITIONS: i64 = 500;
/// Most open promotions that are looked at, newest first.
const MOST_PROMOTIONS: i64 = 500;
/// Most teams and words that are asked for.
const MOST_WORDS: usize = 20;

/// What a duty is.
#[derive(Clone, Debug)]
pub enum What {
    /// A finding is open.
    Finding {
        /// Rule.
        rule: String,
        /// What is wrong.
        message: String,
    },
    /// A condition of an approval is not met.
    Condition {
        /// What must be done.
        text: String,
        /// Who owes it.
        owner: String,
        /// What happens when it is missed.
        effect: Effect,
    },
    /// A review is owed.
    Review {
        /// The review.
        id: ReviewId,
        /// What kind of thing is reviewed.
        about: String,
        /// Who owes it.
        owner: String,
    },
    /// A promotion that he opened fails rules that no approval mends.
    Blocked {
        /// The rules, as they were last recorded.
        rules: Vec<String>,
    },
    /// An exception ends.
    Exception {
        /// The rule that it waives.
        rule: String,
    },
}

/// Something that a person owes.
#[derive(Clone, Debug)]
pub struct Duty {
    /// What it is.
    pub what: What,
    /// What it is about.
    pub subject: Subject,
    /// By when; none for what is wrong now.
    pub due: Option<Timestamp>,
    /// Since when it is known.
    pub since: Option<Timestamp>,
}

/// What a person owes.
#[derive(Clone, Debug, Default)]
pub struct Duties {
    /// What is wrong or overdue.
    pub fix: Vec<Duty>,
    /// What comes due within 30 days.
    pub due: Vec<Duty>,
}

impl App {
    /// What the caller has to mend, and what comes due for him. The most pressing first.
    ///
    /// # Errors
    /// [`AppError::Fault`].
    pub async fn duties(&self, caller: &Caller, snapshot: &Snapshot) -> Result<Duties, AppError> {
        let now = self.now();
        let until = now.plus_seconds(AHEAD);
        let words: Vec<String> = words(caller, snapshot).await?.into_iter().take(MOST_WORDS).collect();
        let mut all = findings(caller, snapshot).await?;
        all.extend(conditions(caller, snapshot, &words, until).await?);
        all.extend(reviews(snapshot, &words, until).await?);
        all.extend(exceptions(caller, snapshot, now, until).await?);
        all.extend(blocked(caller, snapshot).await?);
        all.retain(|duty| duty.due.is_none_or(|due| due <= until));
        all.sort_by_key(|duty| (duty.due.is_none(), duty.due, std::cmp::Reverse(duty.since)));
        let (due, fix) = all.into_iter().partition(|duty| duty.due.is_some_and(|due| due > now));
        Ok(Duties { fix, due })
    }
}

/// Open findings about models of the own teams, and about those whose owner one is.
async fn findings(caller: &Caller, snapshot: &Snapshot) -> Result<Vec<Duty>, AppError> {
    let owned = |role: &Role| matches!(role, Role::Owner);
    let mut teams: Vec<&Label> = caller.actor.teams.iter().collect();
    let mut rows: Vec<FindingRow> = Vec::new();
    for grant in caller.actor.roles.iter().filter(|grant| owned(&grant.role)) {
        match &grant.scope {
            Scope::Registry => rows.extend(snapshot.rows("WHERE status = 'open' ORDER BY opened_index DESC LIMIT $1", &values![MOST]).await?),
            Scope::Team(team) => teams.push(team),
            Scope::Model(model) => {
                let tail = "WHERE model_id = $1 AND status = 'open' ORDER BY opened_index DESC LIMIT $2";
                rows.extend(snapshot.rows(tail, &values![*model, MOST]).await?);
            }
        }
    }
    for team in teams.into_iter().take(MOST_WORDS) {
        // The class of a model begins with its team (`access::AccessClass`).
        let tail = "WHERE status = 'open' AND model_id IN (SELECT model_id FROM models
            WHERE substr(access_class, 1, length(CAST($1 AS TEXT))) = $1) ORDER BY opened_index DESC LIMIT $2";
        rows.extend(snapshot.rows(tail, &values![format!("{team}/"), MOST]).await?);
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.opened_index));
    rows.dedup_by_key(|row| (row.opened_index, row.subject.clone(), row.rule.clone()));
    let duty = |row: FindingRow| {
        let (what, subject) = (What::Finding { rule: row.rule, message: row.message }, Subject::try_from(row.subject)?);
        Ok(Duty { what, subject, due: row.due, since: Some(row.opened_at) })
    };
    rows.into_iter().map(duty).collect()
}

/// Conditions that bind and are not met, which he set or owes.
async fn conditions(caller: &Caller, snapshot: &Snapshot, words: &[String], until: Timestamp) -> Result<Vec<Duty>, AppError> {
    let tail = "WHERE due <= $1 AND met_at IS NULL AND binding_index IS NOT NULL ORDER BY due LIMIT $2";
    let rows = snapshot.rows::<ConditionRow>(tail, &values![until, MOST_CONDITIONS]).await?;
    let concerns = |row: &ConditionRow| row.actor == caller.actor.id || words.contains(&row.owner.to_lowercase()) || words.contains(&row.role.to_string());
    let duty = |row: ConditionRow| Duty {
        what: What::Condition { text: row.text, owner: row.owner, effect: row.effect },
        subject: Subject::Promotion(row.promotion_id),
        due: Some(row.due),
        since: None,
    };
    Ok(rows.into_iter().filter(concerns).take(MOST as usize).map(duty).collect())
}

/// Open reviews that he owes, by his name, a team or a role.
async fn reviews(snapshot: &Snapshot, words: &[String], until: Timestamp) -> Result<Vec<Duty>, AppError> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (3..3 + words.len()).map(|place| format!("${place}")).collect();
    let tail = format!("WHERE status = 'open' AND due <= $1 AND owner IN ({}) ORDER BY due, review_id LIMIT $2", places.join(", "));
    let mut parameters = values![until, MOST];
    for word in words {
        parameters.extend(values![word.as_str()]);
    }
    let duty = |row: ReviewRow| {
        let what = What::Review { id: row.review_id, about: row.about.to_string(), owner: row.owner.to_string() };
        Ok(Duty { what, subject: Subject::try_from(row.subject)?, due: Some(row.due), since: Some(row.scheduled_at) })
    };
    snapshot.rows::<ReviewRow>(&tail, &parameters).await?.into_iter().map(duty).collect()
}

/// Open promotions of his that rules hold up.
async fn blocked(caller: &Caller, snapshot: &Snapshot) -> Result<Vec<Duty>, AppError> {
    let tail = "WHERE promotion_id IN (SELECT promotion_id FROM promotions WHERE status = 'open' ORDER BY opened_index DESC LIMIT $2)
        AND opened_by = $1 ORDER BY opened_index DESC LIMIT $3";
    let rows = snapshot.rows::<PromotionRow>(tail, &values![caller.actor.id, MOST_PROMOTIONS, MOST]).await?;
    let duty = |row: PromotionRow| {
        let rules = Some(recorded_failures(&row.missing)).filter(|rules| !rules.is_empty())?;
        Some(Duty { what: What::Blocked { rules }, subject: Subject::Promotion(row.promotion_id), due: None, since: Some(row.opened_at) })
    };
    Ok(rows.into_iter().filter_map(duty).collect())
}

/// Exceptions that he asked for and that end soon.
async fn exceptions(caller: &Caller, snapshot: &Snapshot, now: Timestamp, until: Timestamp) -> Result<Vec<Duty>, AppError> {
    let tail = "WHERE status = 'granted' AND requested_by = $1 AND expires_at > $2 AND expires_at <= $3 ORDER BY expires_at LIMIT $4";
    let rows = snapshot.rows::<ExceptionRow>(tail, &values![caller.actor.id, now, until, MOST]).await?;
    let duty = |row: ExceptionRow| Duty {
        what: What::Exception { rule: row.rule },
        subject: Subject::Exception(row.exception_id),
        due: Some(row.expires_at),
        since: row.granted_at,
    };
    Ok(rows.into_iter().map(duty).collect())
}
