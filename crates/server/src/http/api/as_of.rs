//! The query `as_of` of reads.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::AppError;
use crate::app::as_of::Cut;
use crate::http::AsOf;
use crate::store::Snapshot;

/// As of when.
#[derive(Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AsOfQuery {
    /// Entry index, or RFC 3339 time: the answer as it was then.
    #[param(value_type = Option<String>)]
    as_of: Option<AsOf>,
}

impl AsOfQuery {
    /// Whether the question is about the present.
    pub(super) fn is_now(&self) -> bool {
        self.as_of.is_none()
    }
}

/// The last entry that counts; none when the answer is about now.
pub(super) async fn cut(snapshot: &Snapshot, query: AsOfQuery) -> Result<Option<Cut>, AppError> {
    match query.as_of {
        None => Ok(None),
        Some(AsOf::Index(index)) => Cut::at_index(snapshot, index).map(Some),
        Some(AsOf::Time(time)) => Cut::at_time(snapshot, time).await.map(Some),
    }
}
