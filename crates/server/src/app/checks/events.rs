//! Reviews that events ask for: a release, a rollback, a risk tier that rose, a new version of a dataset.
//!
//! Nothing calls these when the event happens. A run looks for what has no review yet, by its cause; so no event is missed by a crash,
//! and none is told twice. The times come from the policy's data (`chancery.reviews`).

use chancery_core::calendar::{About, Plan};
use chancery_core::entry::Subject;
use chancery_core::model::Profile;
use chancery_core::names::{ActorId, Label, ModelId, RiskTier, Timestamp, VersionNumber};
use chancery_core::policy::ScheduleRules;
use chancery_core::rows::Value;
use chancery_core::tables::{EntryRow, ModelRow};

use crate::app::view::column;
use crate::app::{App, AppError, as_of};
use crate::fault::Fault;
use crate::store::Snapshot;
use crate::values;

/// Reviews of one kind that a run schedules at most; the next run schedules the others.
const MAX_PLANS: i64 = 1_000;
/// Who owes a review of a model without an owning team.
const OWNER: &str = "model-owner";
/// Who owes a review of what was done in an emergency.
const EMERGENCY_OWNER: &str = "ai-governance";

/// Versions that are in production, each with the entry by which it came there.
const RELEASED: &str = "SELECT versions.model_id, versions.number, versions.production_index FROM versions
    LEFT JOIN review_causes ON review_causes.cause = 'released/' || versions.model_id || '/' || versions.number || '/' || versions.production_index
    WHERE versions.state = 'production' AND versions.hidden = 0 AND versions.production_index IS NOT NULL AND review_causes.cause IS NULL
    ORDER BY versions.production_index LIMIT $1";

/// Ways from deprecated back to production.
const ROLLED_BACK: &str = "SELECT later.subject, later.from_index FROM timeline AS later
    JOIN timeline AS earlier ON earlier.subject = later.subject AND earlier.attribute = 'state' AND earlier.to_index = later.from_index AND earlier.value = 'deprecated'
    LEFT JOIN review_causes ON review_causes.cause = 'rollback/' || later.from_index
    WHERE later.attribute = 'state' AND later.value = 'production' AND review_causes.cause IS NULL ORDER BY later.from_index LIMIT $1";

/// Risk tiers in force that follow another one.
const TIERS: &str = "SELECT later.subject, later.from_index, earlier.value, later.value FROM timeline AS later
    JOIN timeline AS earlier ON earlier.subject = later.subject AND earlier.attribute = 'risk_tier' AND earlier.to_index = later.from_index
    LEFT JOIN review_causes ON review_causes.cause = 'tier/' || later.from_index
    WHERE later.attribute = 'risk_tier' AND later.to_index = $2 AND later.value IN ('limited', 'high', 'prohibited') AND review_causes.cause IS NULL
    ORDER BY later.from_index LIMIT $1";

/// Newest versions of datasets that are not their first.
const DATASETS: &str = "SELECT models.model_id, versions.number, versions.registered_index FROM models
    JOIN versions ON versions.model_id = models.model_id AND versions.number = models.last_number
    LEFT JOIN review_causes ON review_causes.cause = 'dataset/' || models.model_id || '/' || versions.number
    WHERE models.kind = 'dataset' AND models.hidden = 0 AND versions.hidden = 0 AND models.last_number > 1 AND review_causes.cause IS NULL
    ORDER BY versions.registered_index LIMIT $1";

/// Something that happened and has no review yet.
struct Event {
    about: About,
    subject: Subject,
    cause: String,
    /// Entry by which it happened.
    index: u64,
}

impl App {
    /// The reviews that events ask for and that nobody has scheduled.
    pub(super) async fn missing_reviews(&self, now: Timestamp) -> Result<Vec<Plan>, AppError> {
        let snapshot = self.store().read().await?;
        let rules = self.engine().schedule_rules();
        let mut plans = Vec::new();
        let events = [released(&snapshot).await?, rolled_back(&snapshot).await?, tiers(&snapshot).await?, datasets(&snapshot).await?];
        for event in events.into_iter().flatten() {
            if let Some(plan) = plan(&snapshot, rules, event, now).await? {
                plans.push(plan);
            }
        }
        Ok(plans)
    }
}

async fn released(snapshot: &Snapshot) -> Result<Vec<Event>, AppError> {
    let rows = snapshot.query(RELEASED, &values![MAX_PLANS]).await?;
    rows.iter().map(|row| numbered(row, About::Entry, |model, number, index| format!("released/{model}/{number}/{index}"))).collect()
}

async fn datasets(snapshot: &Snapshot) -> Result<Vec<Event>, AppError> {
    let rows = snapshot.query(DATASETS, &values![MAX_PLANS]).await?;
    rows.iter().map(|row| numbered(row, About::Dataset, |model, number, _| format!("dataset/{model}/{number}"))).collect()
}

/// A row of model, number and index.
fn numbered(row: &[Value], about: About, cause: impl Fn(&ModelId, VersionNumber, u64) -> String) -> Result<Event, AppError> {
    let (model, number, index): (ModelId, VersionNumber, u64) = (column(row, 0)?, column(row, 1)?, column(row, 2)?);
    let cause = cause(&model, number, index);
    Ok(Event { about, subject: Subject::Version(model, number), cause, index })
}

async fn rolled_back(snapshot: &Snapshot) -> Result<Vec<Event>, AppError> {
    let rows = snapshot.query(ROLLED_BACK, &values![MAX_PLANS]).await?;
    let event = |row: &Vec<Value>| {
        let index: u64 = column(row, 1)?;
        let subject = Subject::try_from(column::<String>(row, 0)?)?;
        Ok(Event { about: About::Emergency, subject, cause: format!("rollback/{index}"), index })
    };
    rows.iter().map(event).collect()
}

async fn tiers(snapshot: &Snapshot) -> Result<Vec<Event>, AppError> {
    let rows = snapshot.query(TIERS, &values![MAX_PLANS, chancery_core::tables::OPEN]).await?;
    let mut events = Vec::new();
    for row in &rows {
        let (index, before, after): (u64, String, String) = (column(row, 1)?, column(row, 2)?, column(row, 3)?);
        if weight(RiskTier::parse(&after)?) > weight(RiskTier::parse(&before)?) {
            let subject = Subject::try_from(column::<String>(row, 0)?)?;
            events.push(Event { about: About::Risk, subject, cause: format!("tier/{index}"), index });
        }
    }
    Ok(events)
}

/// How high a tier is. An entry that was not classified and now is known to be high has a higher tier.
fn weight(tier: RiskTier) -> u8 {
    match tier {
        RiskTier::Minimal => 0,
        RiskTier::Unclassified => 1,
        RiskTier::Limited => 2,
        RiskTier::High => 3,
        RiskTier::Prohibited => 4,
    }
}

/// The review that an event asks for; none where the policy asks for none, or the model is hidden.
async fn plan(snapshot: &Snapshot, rules: &ScheduleRules, event: Event, now: Timestamp) -> Result<Option<Plan>, AppError> {
    let (Subject::Model(id) | Subject::Version(id, _)) = &event.subject else { return Ok(None) };
    let Some(model) = snapshot.get::<ModelRow>(values![*id]).await?.filter(|model| !model.hidden) else { return Ok(None) };
    let entry = snapshot.get::<EntryRow>(values![event.index]).await?.ok_or_else(|| Fault::Config(format!("entry {} is missing", event.index)))?;
    let entry = as_of::entry(&entry)?;
    let seconds = match event.about {
        About::Entry => rules.after_release_days(model.risk_tier).map(days),
        About::Emergency => Some(i64::from(rules.after_emergency_hours()) * 3_600),
        About::Risk => Some(days(rules.after_tier_raise_days())),
        About::Dataset => Some(days(rules.after_dataset_change_days())),
        About::Card | About::Policy | About::Exception => None,
    };
    let Some(seconds) = seconds else { return Ok(None) };
    let emergency = event.about == About::Emergency;
    Ok(Some(Plan {
        about: event.about,
        subject: event.subject,
        owner: if emergency { Label::parse(EMERGENCY_OWNER)? } else { owner(&model)? },
        // What a registry learns late is not overdue at once, but for what must not wait.
        due: if emergency { entry.at.plus_seconds(seconds) } else { entry.at.plus_seconds(seconds).max(now) },
        every_days: None,
        cause: Some(event.cause),
        not_by: if emergency { Some(entry.actor).filter(is_somebody) } else { None },
    }))
}

fn days(days: u32) -> i64 {
    i64::from(days) * 86_400
}

/// Whether an actor is somebody in particular.
fn is_somebody(actor: &ActorId) -> bool {
    !matches!(actor.as_str(), "system" | "anonymous")
}

/// The team that owns a model.
fn owner(model: &ModelRow) -> Result<Label, AppError> {
    let profile: Profile = serde_json::from_value(model.profile.clone()).map_err(|error| Fault::database("read a profile", error))?;
    Ok(profile.ownership.owning_team.map_or_else(|| Label::parse(OWNER), Ok)?)
}
