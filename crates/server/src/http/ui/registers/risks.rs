//! The risk register, newest first, and the form that adds a risk.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use chancery_core::access::Action;
use chancery_core::names::{Label, ModelName};
use chancery_core::refusal::Refusal;
use chancery_core::risk::{Assessment, Command, Level, Likelihood, Severity, Status};
use serde::Deserialize;

use super::exceptions::may_somewhere;
use super::{LINES, some_moment};
use crate::http::api::risk::{RiskFilter, RiskView, model_ids, risks};
use crate::http::ui::admin::several::listed;
use crate::http::ui::again::recorded;
use crate::http::ui::filters;
use crate::http::ui::form::{Fields, Posted, filled};
use crate::http::ui::frame::{Area, Frame, query_path};
use crate::http::ui::layout::{Note, page};
use crate::http::ui::session::{PageError, Shown};
use crate::http::{Page, caller};
use crate::ids;

pub(super) const PATH: &str = "/risks";

#[derive(Template)]
#[template(path = "registers-risks.html")]
struct Risks {
    frame: Frame,
    filter: RiskFilter,
    states: Vec<Choice>,
    levels: Vec<Choice>,
    risks: Vec<RiskView>,
    open: usize,
    grave: usize,
    more: Option<String>,
    manages: bool,
    fields: Fields,
}

struct Choice {
    word: &'static str,
    chosen: bool,
}

impl Risks {
    /// Mitigations of a risk that are done.
    fn done(&self, risk: &RiskView) -> usize {
        risk.mitigations.iter().filter(|known| known.mitigation.done_at.is_some()).count()
    }
}

async fn shown(own: &Shown<caller::Read>, (status, note): (StatusCode, Option<Note>), fields: Fields) -> Result<Response, PageError> {
    let snapshot = own.allowed.read().await?;
    let text = |name: &str| own.visit.get(name).map(ToOwned::to_owned);
    let filter = RiskFilter { model: text("model"), status: text("status"), level: text("level"), limit: Some(LINES), after: text("after") };
    let (list, status, note) = match risks(&snapshot, &filter).await {
        Ok(list) => (list, status, note),
        Err(error) => {
            let (status, wrong) = Note::of(&error);
            (Page { items: Vec::new(), next: None }, status, Some(wrong))
        }
    };
    let asked = ["model", "status", "level", "after"].into_iter().filter_map(|name| own.visit.get(name).map(|value| (name, value)));
    let is_open = |risk: &&RiskView| risk.status == Status::Open.as_str();
    let is_grave = |risk: &&RiskView| risk.level == Level::High.as_str() || risk.level == Level::Critical.as_str();
    let choices = |words: Vec<&'static str>, now: Option<&str>| words.into_iter().map(|word| Choice { word, chosen: now == Some(word) }).collect();
    let template = Risks {
        frame: own.frame(&snapshot, Area::Risks, "Risks").await?.json(query_path("/api/v1/risks", asked)).present_only().with(note),
        states: choices(Status::ALL.iter().map(|word| word.as_str()).collect(), filter.status.as_deref()),
        levels: choices(Level::ALL.iter().map(|word| word.as_str()).collect(), filter.level.as_deref()),
        open: list.items.iter().filter(is_open).count(),
        grave: list.items.iter().filter(is_open).filter(is_grave).count(),
        more: list.next.as_deref().map(|next| own.visit.with("after", Some(next))),
        risks: list.items,
        manages: may_somewhere(own, Action::ManageRisks),
        filter,
        fields,
    };
    Ok(page(status, &template))
}

/// `GET /risks`.
pub(super) async fn show(own: Shown<caller::Read>) -> Result<Response, PageError> {
    shown(&own, (StatusCode::OK, None), Fields::default()).await
}

/// A new risk.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRisk {
    pub(super) title: String,
    pub(super) category: Label,
    pub(super) severity: Severity,
    pub(super) likelihood: Likelihood,
    pub(super) description: String,
    pub(super) requirements: String,
    pub(super) review: String,
    pub(super) models: String,
}

/// What a form says about a risk; requirement references stand one a line.
pub(super) fn assessment(form: NewRisk) -> Result<(Assessment, Vec<ModelName>), Refusal> {
    let NewRisk { title, category, severity, likelihood, description, requirements, review, models } = form;
    let requirements = requirements.lines().map(str::trim).filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect();
    let models = listed(&models).map(ModelName::parse).collect::<Result<_, _>>()?;
    // Browsers end lines with CR LF.
    let description = description.replace("\r\n", "\n");
    let review_date = some_moment("review", &review)?;
    Ok((Assessment { title, category, severity, likelihood, description, requirements, review_date }, models))
}

/// `POST /risks`.
pub(super) async fn add(posted: Posted<caller::ManageRisks, NewRisk>) -> Result<Response, PageError> {
    let Posted { shown: own, parts, form, fields, requested } = posted;
    let outcome = async {
        let (assessment, models) = assessment(filled(form)?)?;
        let models = model_ids(&own.allowed.read().await?, &models).await?;
        let command = Command::Add { id: ids::risk()?, assessment: Box::new(assessment), models, mitigations: Vec::new() };
        let made = own.allowed.execute(command, &requested).await?;
        let id = made.first()?.subject.to_string().replace("risk/", "");
        Ok(recorded(&format!("{PATH}/{id}"), &made))
    };
    match outcome.await {
        Ok(response) => Ok(response),
        Err(error) => {
            let (status, note) = Note::of(&error);
            shown(&own.again(&parts, PATH).await?, (status, Some(note)), fields).await
        }
    }
}
