//! MLflow's API: its wire format over the same commands and queries.

pub mod artifacts;
pub mod caller;
pub mod error;

pub use caller::MlflowAllowed;
pub use error::MlflowError;
