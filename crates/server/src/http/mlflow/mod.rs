//! MLflow's registry API: the wire of unmodified `mlflow` clients over the same commands and rows as `/api/v1`.

pub mod search;
