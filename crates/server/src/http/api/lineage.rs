//! Lineage: what a version comes from, what comes from it, and who used what.

use chancery_core::names::{Digest, ModelName, VersionNumber};
use chancery_core::refusal::Refusal;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::lineage::{self, Direction, ImpactView, LineageView, UseView, Used};
use crate::app::reference::{self, Reference};
use crate::app::{App, AppError, view};
use crate::http::{Allowed, Page, PageQuery, Path, Problem, Query, caller};
use crate::store::Snapshot;

/// Edges that are followed unless the caller says otherwise.
const DEPTH: u64 = 8;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(impact)).routes(routes!(uses))
}

/// How to look.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct LineageQuery {
    /// `up` (what it comes from), `down` (what comes from it) or `both`; `up` unless given.
    direction: Option<String>,
    /// Edges to follow, 1 to 1,000; 8 unless given.
    depth: Option<u64>,
}

/// The lineage of a version: data, code, pipeline, parents and parts, with evidence, approvals and decisions
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}/lineage", operation_id = "version_lineage", tag = "lineage", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number"), LineageQuery),
    responses((status = 200, description = "Nodes and edges; at most 10,000 versions and 50,000 edges, nearest first", body = LineageView), (status = "4XX", description = "Refused", body = Problem)))]
async fn show(
    allowed: Allowed<caller::Read>,
    Path((name, number)): Path<(ModelName, VersionNumber)>,
    Query(query): Query<LineageQuery>,
) -> Result<axum::Json<LineageView>, AppError> {
    let direction = query.direction.as_deref().map_or(Ok(Direction::Up), Direction::parse)?;
    let snapshot = allowed.read().await?;
    let (model, row) = view::version_named(&snapshot, &name, number).await?;
    Ok(axum::Json(lineage::graph(&snapshot, &model, &row, direction, query.depth.unwrap_or(DEPTH)).await?))
}

/// What a recall of a version would touch: descendants, what of them is in production, aliases, owners
#[utoipa::path(get, path = "/api/v1/models/{name}/versions/{version}/lineage/impact", operation_id = "version_impact", tag = "lineage", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(("name" = String, Path, description = "Name of the model"), ("version" = u64, Path, description = "Number")),
    responses((status = 200, description = "The blast radius; at most 10,000 versions", body = ImpactView), (status = "4XX", description = "Refused", body = Problem)))]
async fn impact(allowed: Allowed<caller::Read>, Path((name, number)): Path<(ModelName, VersionNumber)>) -> Result<axum::Json<ImpactView>, AppError> {
    let snapshot = allowed.read().await?;
    let (model, row) = view::version_named(&snapshot, &name, number).await?;
    Ok(axum::Json(lineage::impact(&snapshot, &model, &row).await?))
}

/// What was used: exactly one of these, a version of a dataset apart; and which page of the answer.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct UsesQuery {
    /// Name of a dataset.
    dataset: Option<String>,
    /// Only this version of the dataset.
    dataset_version: Option<String>,
    /// Digest of a dataset.
    dataset_digest: Option<String>,
    /// Commit of the training code.
    commit: Option<String>,
    /// Run of an experiment.
    run: Option<String>,
    /// Run of a pipeline.
    pipeline: Option<String>,
    /// A package: `name`, or `name==version`.
    package: Option<String>,
    /// A version of the registry, in any form of a reference: `name/3`, `name@alias`, a composite id.
    model: Option<String>,
    /// A parent that the registry does not have, by the reference that was claimed.
    external: Option<String>,
    /// Items, 1 to 500; 50 unless given.
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Which versions used a dataset, commit, run, package or other version
#[utoipa::path(get, path = "/api/v1/lineage/uses", operation_id = "lineage_uses", tag = "lineage", security(("bearer" = [])), extensions(("x-effect" = json!("none"))),
    params(UsesQuery),
    responses((status = 200, description = "A page, by model and number", body = Page<UseView>), (status = "4XX", description = "Refused", body = Problem)))]
async fn uses(allowed: Allowed<caller::Read>, Query(mut query): Query<UsesQuery>) -> Result<axum::Json<Page<UseView>>, AppError> {
    let page = PageQuery { limit: query.limit, after: query.after.take() };
    let limit = page.limit()?;
    let after = page.after()?;
    let snapshot = allowed.read().await?;
    let used = used(&snapshot, query).await?;
    let items = lineage::uses(&snapshot, &used, after.as_deref(), limit + 1).await?;
    Ok(axum::Json(Page::new(items, limit, UseView::cursor)))
}

async fn used(snapshot: &Snapshot, query: UsesQuery) -> Result<Used, AppError> {
    let UsesQuery { dataset, dataset_version, dataset_digest, commit, run, pipeline, package, model, external, .. } = query;
    if dataset_version.is_some() && dataset.is_none() {
        return Err(Refusal::invalid("dataset_version", "dataset_version needs dataset").into());
    }
    let model = match model {
        Some(reference) => {
            let (model, version) = reference::resolve(snapshot, &Reference::parse(&reference).map_err(|refusal| refusal.field("model"))?).await?;
            Some(Used::Version(model.model_id, version.number))
        }
        None => None,
    };
    let digest = dataset_digest.map(|text| Digest::parse(&text).map_err(|refusal| refusal.field("dataset_digest"))).transpose()?;
    let given = [
        dataset.map(|name| Used::Dataset(name, dataset_version)),
        digest.map(Used::Digest),
        commit.map(Used::Commit),
        run.map(Used::Run),
        pipeline.map(Used::Pipeline),
        package.map(|text| match text.split_once("==") {
            Some((name, version)) => Used::Package(name.to_owned(), Some(version.to_owned())),
            None => Used::Package(text, None),
        }),
        model,
        external.map(Used::External),
    ];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(used), None) => Ok(used),
        (None, _) | (Some(_), Some(_)) => Err(Refusal::invalid("query", "say one thing that was used")
            .remedy("use one of: dataset, dataset_digest, commit, run, pipeline, package, model, external")
            .into()),
    }
}
