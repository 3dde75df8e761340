//! Uploads.

use axum::Router;

use crate::app::App;

/// Routes.
pub fn router(_app: App) -> Router {
    Router::new()
}
