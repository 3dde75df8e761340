//! One risk: how grave it is, what is done about it, which models it is linked to.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access::{Action, Role};
use chancery_core::names::{ActorId, RiskId, Timestamp, clipped};
use chancery_core::risk::{DECIDING_ROLES, Level, Likelihood, Mitigation, Severity, Status};

use super::day_of;
use super::exceptions::may_somewhere;
use super::risks::PATH;
use crate::app::{AppError, origins};
use crate::http::api::risk::{RiskView, risk};
use crate::http::caller;
use crate::http::ui::filters;
use crate::http::ui::form::Fields;
use crate::http::ui::frame::{Area, Frame};
use crate::http::ui::layout::{Note, page};
use crate::http::ui::session::{PageError, Path, Shown};
use crate::store::Snapshot;

#[derive(Template)]
#[template(path = "registers-risk.html")]
struct Risk {
    frame: Frame,
    risk: RiskView,
    added_by: String,
    decided_by: Option<String>,
    mitigations: Vec<Line>,
    open_mitigations: usize,
    overdue: bool,
    is_grave: bool,
    manages: bool,
    decides: bool,
    form: Filled,
    others: Vec<&'static str>,
    severities: Vec<&'static str>,
    likelihoods: Vec<&'static str>,
    fields: Fields,
}

struct Line {
    view: Mitigation,
    done_by: Option<String>,
    overdue: bool,
}

/// What the form of the assessment shows: what was filled in, or what is known.
struct Filled {
    title: String,
    category: String,
    severity: String,
    likelihood: String,
    description: String,
    requirements: String,
    review: String,
}

impl Filled {
    fn of(risk: &RiskView, fields: &Fields) -> Self {
        let again = !fields.get("title").is_empty();
        let text = |name: &str, known: &str| if again { fields.get(name).to_owned() } else { known.to_owned() };
        Self {
            title: text("title", &risk.title),
            category: text("category", &risk.category),
            severity: text("severity", &risk.severity),
            likelihood: text("likelihood", &risk.likelihood),
            description: text("description", &risk.description),
            requirements: text("requirements", &risk.requirements.join("\n")),
            review: text("review", &day_of(risk.review_date.as_deref())),
        }
    }
}

impl Risk {
    fn deciding_roles(&self) -> String {
        DECIDING_ROLES.join(" or ")
    }

    fn is_open(&self) -> bool {
        self.risk.status == Status::Open.as_str()
    }

    fn is_closed(&self) -> bool {
        self.risk.status == Status::Closed.as_str()
    }
}

async fn line(snapshot: &Snapshot, view: Mitigation, now: Timestamp) -> Result<Line, AppError> {
    let done_by = match &view.done_by {
        Some(actor) => Some(origins::name(snapshot, actor).await?),
        None => None,
    };
    Ok(Line { overdue: view.done_at.is_none() && view.due.is_some_and(|due| due <= now), done_by, view })
}

/// The page.
pub(super) async fn shown(own: &Shown<caller::Read>, id: &RiskId, (status, note): (StatusCode, Option<Note>), fields: Fields) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let now = own.allowed.app.now();
    let view = risk(&snapshot, id).await?;
    let mut mitigations = Vec::with_capacity(view.mitigations.len());
    for known in view.mitigations.clone() {
        mitigations.push(line(&snapshot, known.mitigation, now).await?);
    }
    let decided_by = match &view.decided_by {
        Some(actor) => Some(origins::name(&snapshot, &ActorId::parse(actor)?).await?),
        None => None,
    };
    let is_decider = |role: &Role| matches!(role, Role::Approver(role) if DECIDING_ROLES.contains(&role.as_str()));
    let frame = own.frame(&snapshot, Area::Risks, &clipped(&view.title)).await?.under(PATH, "Risks").json(format!("/api/v1/risks/{id}"));
    let template = Risk {
        frame: frame.present_only().with(note),
        added_by: origins::name(&snapshot, &ActorId::parse(&view.created_by)?).await?,
        decided_by,
        open_mitigations: mitigations.iter().filter(|line| line.view.done_at.is_none()).count(),
        mitigations,
        overdue: view.review_date.as_deref().and_then(|date| Timestamp::parse(date).ok()).is_some_and(|date| date <= now),
        is_grave: view.level == Level::High.as_str() || view.level == Level::Critical.as_str(),
        manages: may_somewhere(own, Action::ManageRisks),
        decides: own.allowed.caller.actor.roles.iter().any(|grant| is_decider(&grant.role)),
        form: Filled::of(&view, &fields),
        others: Status::ALL.iter().map(|status| status.as_str()).filter(|status| *status != view.status).collect(),
        severities: Severity::ALL.iter().map(|word| word.as_str()).collect(),
        likelihoods: Likelihood::ALL.iter().map(|word| word.as_str()).collect(),
        risk: view,
        fields,
    };
    Ok(page(status, &template))
}

/// `GET /risks/{id}`.
pub(super) async fn show(own: Shown<caller::Read>, Path(id): Path<RiskId>) -> Result<Response, PageError> {
    shown(&own, &id, (StatusCode::OK, None), Fields::default()).await
}
