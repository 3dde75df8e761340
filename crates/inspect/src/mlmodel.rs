//! The `MLmodel` file that MLflow writes beside a model.

use crate::signature::{Signature, from_mlmodel};
use crate::yaml;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Largest MLmodel file that is read, in bytes.
pub const MAX_MLMODEL_BYTES: u64 = yaml::MAX_YAML_BYTES;

/// What an MLmodel file says. Claims of whoever wrote the file: nothing here is checked against the weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MlModel {
    /// Every flavor with its settings, by MLflow's name (`sklearn`, `python_function`, …).
    pub flavors: BTreeMap<String, Value>,
    /// Path of the pickled model inside the package, when a flavor names one.
    pub pickled_model: Option<String>,
    /// Python that saved the model, such as `3.11.7`.
    pub python_version: Option<String>,
    /// MLflow run that made the model.
    pub run_id: Option<String>,
    /// MLflow 3 logged model (`m-…`).
    pub model_id: Option<String>,
    /// Unique id of this save, before MLflow 3.
    pub model_uuid: Option<String>,
    /// Artifact path within the run, before MLflow 3.
    pub artifact_path: Option<String>,
    /// When it was saved: UTC, as MLflow writes it, `2026-11-21 11:48:10.755962`.
    pub utc_time_created: Option<String>,
    /// MLflow that saved the model.
    pub mlflow_version: Option<String>,
    /// What the model takes and gives; none when absent or malformed.
    pub signature: Option<Signature>,
    /// Where the input example is, and its kind.
    pub saved_input_example_info: Option<Value>,
    /// Size of the saved model as MLflow measured it, in bytes.
    pub model_size_bytes: Option<u64>,
    /// Whatever the author added.
    pub metadata: Option<Value>,
}

/// The YAML as MLflow writes it: the column lists are JSON texts.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawSignature {
    #[serde(default)]
    pub(crate) inputs: Option<String>,
    #[serde(default)]
    pub(crate) outputs: Option<String>,
    #[serde(default)]
    pub(crate) params: Option<String>,
}

#[derive(Deserialize)]
struct RawMlModel {
    flavors: BTreeMap<String, Value>,
    #[serde(default)]
    run_id: Option<String>,
    #[serde(default)]
    model_id: Option<String>,
    #[serde(default)]
    model_uuid: Option<String>,
    #[serde(default)]
    artifact_path: Option<String>,
    #[serde(default)]
    utc_time_created: Option<String>,
    #[serde(default)]
    mlflow_version: Option<String>,
    #[serde(default)]
    signature: Option<RawSignature>,
    #[serde(default)]
    saved_input_example_info: Option<Value>,
    #[serde(default)]
    model_size_bytes: Option<u64>,
    #[serde(default)]
    metadata: Option<Value>,
}

impl MlModel {
    /// Reads an MLmodel file of at most [`MAX_MLMODEL_BYTES`]. A bad signature does not hide the rest:
    /// it comes back as the second value, one line for the reader.
    ///
    /// # Errors
    /// One line, when the file is not such YAML.
    pub fn parse(bytes: &[u8]) -> Result<(Self, Option<String>), String> {
        let raw: RawMlModel = yaml::parse(bytes)?;
        let (signature, problem) = match raw.signature.as_ref().map(from_mlmodel) {
            None => (None, None),
            Some(Ok(signature)) => (Some(signature), None),
            Some(Err(problem)) => (None, Some(crate::text::one_line(&problem))),
        };
        let model = Self {
            pickled_model: flavor_text(&raw.flavors, "pickled_model"),
            python_version: flavor_text(&raw.flavors, "python_version"),
            flavors: raw.flavors,
            run_id: raw.run_id,
            model_id: raw.model_id,
            model_uuid: raw.model_uuid,
            artifact_path: raw.artifact_path,
            utc_time_created: raw.utc_time_created,
            mlflow_version: raw.mlflow_version,
            signature,
            saved_input_example_info: raw.saved_input_example_info,
            model_size_bytes: raw.model_size_bytes,
            metadata: raw.metadata,
        };
        Ok((model, problem))
    }

    /// The text that a flavor keeps under `key`.
    pub(crate) fn flavor_text(&self, flavor: &str, key: &str) -> Option<String> {
        self.flavors.get(flavor).and_then(|settings| scalar(settings.get(key)?))
    }
}

fn flavor_text(flavors: &BTreeMap<String, Value>, key: &str) -> Option<String> {
    flavors.values().find_map(|settings| scalar(settings.get(key)?))
}

/// YAML reads an unquoted `3.1` as a number; as a version it is text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Column;
    use proptest::prelude::*;

    const SKLEARN: &[u8] = include_bytes!("../tests/fixtures/MLmodel");

    #[test]
    fn a_real_file_is_read() {
        let (model, problem) = MlModel::parse(SKLEARN).unwrap();
        assert_eq!(problem, None);
        assert_eq!(model.mlflow_version.as_deref(), Some("3.17.2"));
        assert_eq!(model.python_version.as_deref(), Some("3.11.7"));
        assert_eq!(model.pickled_model.as_deref(), Some("model.pkl"));
        assert_eq!(model.flavor_text("sklearn", "sklearn_version").as_deref(), Some("1.9.1"));
        assert_eq!(model.utc_time_created.as_deref(), Some("2026-11-21 11:48:10.755962"));
        assert_eq!((model.model_id, model.run_id, model.model_size_bytes), (None, None, Some(1167)));
        assert_eq!(model.metadata, Some(serde_json::json!({"owner": "credit"})));
        let column =
            |name: Option<&str>, data_type: &str, shape, required| Column { name: name.map(str::to_owned), data_type: data_type.to_owned(), shape, required };
        let expected = Signature {
            inputs: vec![
                column(Some("duration"), "double", None, true),
                column(Some("amount"), "long", None, true),
                column(Some("purpose_code"), "integer", None, true),
            ],
            outputs: vec![column(None, "int64", Some(vec![-1]), true)],
            params: vec![column(Some("threshold"), "double", None, false)],
        };
        assert_eq!(model.signature, Some(expected));
    }

    #[test]
    fn a_bad_signature_does_not_hide_the_rest() {
        let text = b"flavors: {sklearn: {sklearn_version: 1.5}}\nrun_id: abc\nsignature: {inputs: '[{'}\n";
        let (model, problem) = MlModel::parse(text).unwrap();
        assert_eq!(model.run_id.as_deref(), Some("abc"));
        assert_eq!(model.flavor_text("sklearn", "sklearn_version").as_deref(), Some("1.5"));
        assert_eq!(model.signature, None);
        assert!(problem.unwrap().starts_with("signature inputs: "));
    }

    #[test]
    fn other_yaml_is_refused() {
        for text in ["", "[]", "a: b", "flavors: 3", "flavors: {}\nrun_id: [1]", "flavors: {}\nflavors: {}", "\u{0}"] {
            assert!(MlModel::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = MlModel::parse(&bytes);
        }

        #[test]
        fn no_damaged_file_panics(at in 0..SKLEARN.len(), byte: u8, end in 0..SKLEARN.len()) {
            let mut bytes = SKLEARN.to_vec();
            bytes[at] = byte;
            let _ = MlModel::parse(&bytes);
            let _ = MlModel::parse(&bytes[..end]);
        }
    }
}
