//! Which framework a model belongs to: from the MLmodel file, else from the formats and a few well known files.

use crate::FileInspection;
use crate::environment::Environment;
use crate::files::Files;
use crate::format::{Format, SAMPLE_BYTES, contains};
use crate::mlmodel::MlModel;
use crate::text::normalise_package;
use serde::{Deserialize, Serialize};

/// Largest `config.json` of a Hugging Face folder that is read, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 1024 * 1024;

/// The software that loads the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Framework {
    /// The Python package, such as `scikit-learn` or `torch`.
    pub name: String,
    /// The version that saved the model, when something says so.
    pub version: Option<String>,
}

/// MLflow's flavor, our flavour, the Python package, the key of its version in MLmodel.
const FLAVOURS: [(&str, &str, &str, &str); 22] = [
    ("sklearn", "scikit-learn", "scikit-learn", "sklearn_version"),
    ("xgboost", "xgboost", "xgboost", "xgb_version"),
    ("lightgbm", "lightgbm", "lightgbm", "lgb_version"),
    ("catboost", "catboost", "catboost", "catboost_version"),
    ("transformers", "transformers", "transformers", "transformers_version"),
    ("sentence_transformers", "sentence-transformers", "sentence-transformers", "sentence_transformers_version"),
    ("tensorflow", "tensorflow", "tensorflow", "tensorflow_version"),
    ("keras", "keras", "keras", "keras_version"),
    ("pytorch", "pytorch", "torch", "pytorch_version"),
    ("onnx", "onnx", "onnx", "onnx_version"),
    ("spark", "spark", "pyspark", "pyspark_version"),
    ("statsmodels", "statsmodels", "statsmodels", "statsmodels_version"),
    ("prophet", "prophet", "prophet", "prophet_version"),
    ("pmdarima", "pmdarima", "pmdarima", "pmdarima_version"),
    ("spacy", "spacy", "spacy", "spacy_version"),
    ("paddle", "paddle", "paddlepaddle", "paddle_version"),
    ("h2o", "h2o", "h2o", "h2o_version"),
    ("langchain", "langchain", "langchain", "langchain_version"),
    ("llama_index", "llama-index", "llama-index", "llama_index_version"),
    ("dspy", "dspy", "dspy", "dspy_version"),
    ("openai", "openai", "openai", "openai_version"),
    ("johnsnowlabs", "johnsnowlabs", "johnsnowlabs", "johnsnowlabs_version"),
];

/// A format that belongs to one framework: the format, our flavour, the Python package.
const FORMATS: [(Format, &str, &str); 6] = [
    (Format::SavedModel, "tensorflow", "tensorflow"),
    (Format::Keras, "keras", "keras"),
    (Format::Torch, "pytorch", "torch"),
    (Format::Onnx, "onnx", "onnx"),
    (Format::Gguf, "gguf", "gguf"),
    (Format::Pmml, "pmml", "pmml"),
];

/// The flavour and the framework; neither when nothing says so.
pub(crate) fn of(
    files: &dyn Files,
    inspected: &[FileInspection],
    mlmodel: Option<&MlModel>,
    environment: Option<&Environment>,
) -> (Option<String>, Option<Framework>) {
    let found = mlmodel
        .and_then(|mlmodel| from_mlmodel(mlmodel, environment))
        .or_else(|| from_hugging_face(files, inspected))
        .or_else(|| from_formats(files, inspected, environment));
    found.map_or((None, None), |(flavour, framework)| (Some(flavour), framework))
}

fn from_mlmodel(mlmodel: &MlModel, environment: Option<&Environment>) -> Option<(String, Option<Framework>)> {
    for (flavor, flavour, package, version_key) in FLAVOURS {
        if mlmodel.flavors.contains_key(flavor) {
            let version = mlmodel.flavor_text(flavor, version_key).or_else(|| pinned_version(environment, package));
            return Some((flavour.to_owned(), Some(Framework { name: package.to_owned(), version })));
        }
    }
    // A flavor of somebody's own comes before the one that every model has.
    let Some(own) = mlmodel.flavors.keys().find(|flavor| *flavor != "python_function") else {
        // A Python function is loaded by MLflow itself.
        let (flavor, _) = mlmodel.flavors.first_key_value()?;
        let version = mlmodel.mlflow_version.clone().or_else(|| pinned_version(environment, "mlflow"));
        return Some((normalise_package(flavor), Some(Framework { name: "mlflow".to_owned(), version })));
    };
    Some((normalise_package(own), None))
}

fn from_hugging_face(files: &dyn Files, inspected: &[FileInspection]) -> Option<(String, Option<Framework>)> {
    let config = inspected.iter().find(|file| file.path == "config.json" && file.size <= MAX_CONFIG_BYTES)?;
    let bytes = files.read(&config.path, MAX_CONFIG_BYTES).ok()?;
    let config: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    let version = config.get("transformers_version").and_then(serde_json::Value::as_str).map(str::to_owned);
    if version.is_none() && (config.get("architectures").is_none() || config.get("model_type").is_none()) {
        return None;
    }
    Some(("transformers".to_owned(), Some(Framework { name: "transformers".to_owned(), version })))
}

fn from_formats(files: &dyn Files, inspected: &[FileInspection], environment: Option<&Environment>) -> Option<(String, Option<Framework>)> {
    let by_format = FORMATS.iter().find_map(|(format, flavour, package)| inspected.iter().any(|file| file.format == *format).then_some((*flavour, *package)));
    let (flavour, package) = by_format.or_else(|| from_pickles(files, inspected))?;
    let version = pinned_version(environment, package);
    Some((flavour.to_owned(), Some(Framework { name: package.to_owned(), version })))
}

/// The classes of a pickle are named near its start. A hint, good enough for a label and for nothing else.
fn from_pickles(files: &dyn Files, inspected: &[FileInspection]) -> Option<(&'static str, &'static str)> {
    let pickles = inspected.iter().filter(|file| matches!(file.format, Format::Pickle | Format::Joblib));
    for file in pickles {
        let Ok(sample) = files.read(&file.path, SAMPLE_BYTES) else {
            continue;
        };
        // Wrappers of other libraries keep a scikit-learn class inside, so scikit-learn comes last.
        for (module, flavour) in
            [("xgboost.", "xgboost"), ("lightgbm.", "lightgbm"), ("catboost.", "catboost"), ("statsmodels.", "statsmodels"), ("sklearn.", "scikit-learn")]
        {
            if contains(&sample, module.as_bytes()) {
                return Some((flavour, flavour));
            }
        }
    }
    None
}

fn pinned_version(environment: Option<&Environment>, package: &str) -> Option<String> {
    environment?.packages.iter().filter(|found| found.name == package).find_map(|found| found.pinned_version.clone())
}
