//! Prompts: models of kind `prompt`. A version's template is sealed as a file of its package; its tags stay what MLflow's client reads.

use bytes::Bytes;
use chancery_core::manifest::ManifestFile;
use chancery_core::names::{FilePath, TagKey};
use chancery_core::tables::{ModelRow, TagRow, WHOLE_MODEL};
use chancery_core::version::Origin;
use serde_json::{Map, Value, json};

use super::caller::MlflowAllowed;
use super::error::{MlflowError, clipped};
use super::source::{Said, Sourced};
use crate::http::caller;
use crate::store::Snapshot;
use crate::values;

/// The tag that makes a model a prompt.
const IS_PROMPT: &str = "mlflow.prompt.is_prompt";
/// The tag with the template: text, or JSON of the messages.
const TEXT: &str = "mlflow.prompt.text";
/// The tag with the type: `text` or `chat`.
const TYPE: &str = "_mlflow_prompt_type";
/// Tags with JSON that belongs to the prompt, and the claim that each becomes.
const SETTINGS: [(&str, &str); 2] = [("_mlflow_prompt_model_config", "prompt_model_config"), ("_mlflow_prompt_response_format", "prompt_response_format")];
/// Sources that stand for no place.
const PLACEHOLDERS: [&str; 2] = ["dummy-source", "prompt-template"];

/// Whether these tags make a prompt.
pub(super) fn is_prompt(tags: &[(TagKey, String)]) -> bool {
    value(tags, IS_PROMPT).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn value<'a>(tags: &'a [(TagKey, String)], key: &str) -> Option<&'a str> {
    tags.iter().find(|(known, _)| known.as_str() == key).map(|(_, value)| value.as_str())
}

/// Whether a model is tagged as a prompt now.
///
/// # Errors
/// INTERNAL_ERROR.
pub(super) async fn is_tagged(snapshot: &Snapshot, model: &ModelRow) -> Result<bool, MlflowError> {
    let row = snapshot.get::<TagRow>(values![model.model_id, WHOLE_MODEL, IS_PROMPT]).await?;
    Ok(row.is_some_and(|row| row.value.eq_ignore_ascii_case("true")))
}

/// Stores the template of a prompt version, so that it is sealed by its digest.
///
/// # Errors
/// INVALID_PARAMETER_VALUE for a source that is a place.
pub(super) async fn sealed(allowed: &MlflowAllowed<caller::Register>, said: Said<'_>, tags: &[(TagKey, String)]) -> Result<Sourced, MlflowError> {
    if !PLACEHOLDERS.contains(&said.source) {
        let what = format!("Invalid prompt source: '{}'. Prompt sources must use an MLflow placeholder.", clipped(said.source));
        return Err(MlflowError::invalid(what));
    }
    let mut files = Vec::new();
    if let Some(text) = value(tags, TEXT) {
        let path = if value(tags, TYPE) == Some("chat") { "prompt.json" } else { "prompt.txt" };
        let bytes = Bytes::from(text.to_owned());
        let size = bytes.len() as u64;
        let digest = allowed.0.app.blobs().put_bytes(bytes).await.map_err(crate::app::AppError::from)?;
        files.push(ManifestFile { digest, path: FilePath::parse(path)?, size });
    }
    let (run_id, run_link) = (said.run_id.unwrap_or_default().to_owned(), said.run_link.to_owned());
    Ok(Sourced { origin: Origin { source: said.source.to_owned(), run_id, run_link, download_uri: None }, files, parent: None })
}

/// What the tags of a prompt version say, as facts: its type, and its settings among the claims.
pub(super) fn facts(tags: &[(TagKey, String)], facts: &mut Map<String, Value>) {
    let kind = value(tags, TYPE).unwrap_or("text");
    facts.insert("model_type".to_owned(), json!(format!("prompt/{}", clipped(kind))));
    let setting = |(key, claim): (&str, &str)| {
        let text = value(tags, key)?;
        // What is no JSON is kept as the text that it is.
        Some((claim.to_owned(), serde_json::from_str(text).unwrap_or_else(|_| json!(text))))
    };
    let settings: Map<String, Value> = SETTINGS.into_iter().filter_map(setting).collect();
    if !settings.is_empty() {
        facts.insert("claims".to_owned(), Value::Object(settings));
    }
}
