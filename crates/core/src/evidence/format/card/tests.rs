//! Model cards and datasheets as people write them.

use serde_json::json;

use super::*;

fn example(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../examples/loan-approval/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn sections(reading: &Reading) -> Vec<&str> {
    reading.summary["sections"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect()
}

#[test]
fn the_cards_of_the_example_have_what_the_baseline_asks_for() {
    for name in ["v1/model-card.md", "v2/model-card.md"] {
        let reading = read_model_card(&example(name)).unwrap();
        assert_eq!(reading.format, "markdown");
        for id in ["intended_use", "performance", "limitations", "ethical_considerations"] {
            assert!(sections(&reading).contains(&id), "{name} has no {id}: {:?}", reading.summary);
        }
    }
    assert!(!sections(&read_datasheet(&example("datasheet.md")).unwrap()).is_empty());
}

/// The template of huggingface_hub, filled in here and there.
#[test]
fn a_card_of_hugging_face_counts_what_is_filled_in() {
    let card = "---
license: apache-2.0
language:
- en
- fr
library_name: transformers
datasets: [squad]
nested: {a: 1}
model-index:
- name: m
  results:
  - task: {type: question-answering}
    dataset: {type: squad, name: SQuAD}
    metrics:
    - {type: f1, value: 88.5}
---

# Model Card for Model X

<!-- Provide a quick summary of what the model is/does. -->

# Model Details

## Model Description

- **Developed by:** [More Information Needed]
- **License:** [More Information Needed]

# Uses

<!-- Address questions around how the model is intended to be used. -->

## Direct Use

Answers questions about short English and French texts.

## Out-of-Scope Use

[More Information Needed]

# Bias, Risks, and Limitations

It repeats what Wikipedia says, with the bias of its authors.

# Evaluation

## Results

F1 of 88.5 on the test part of SQuAD.

# Environmental Impact

- **Hardware Type:** [More Information Needed]
";
    let reading = read_model_card(card.as_bytes()).unwrap();
    assert_eq!(
        sections(&reading),
        ["bias_risks_and_limitations", "direct_use", "ethical_considerations", "evaluation", "intended_use", "limitations", "performance", "results", "uses"]
    );
    assert_eq!(reading.summary["licence"], "apache-2.0");
    assert_eq!(reading.summary["title"], "Model Card for Model X");
    assert_eq!(reading.summary["front_matter"], json!({"language": "en, fr", "library_name": "transformers", "datasets": "squad"}));
    assert_eq!(reading.summary["metrics"], json!([{"name": "f1", "value": 88.5}]));
    assert_eq!(reading.summary.get("template"), None);
}

#[test]
fn a_card_in_json_says_the_same() {
    let card = json!({
        "schema": MODEL_CARD, "title": "Loans", "licence": ["MIT", "Apache-2.0"], "template": "model-card@1",
        "sections": {"intended_use": "For clerks who look at every answer.", "limitations": "TBD"},
    });
    let reading = read_model_card(card.to_string().as_bytes()).unwrap();
    assert_eq!(reading.format, MODEL_CARD);
    assert_eq!(
        reading.summary,
        json!({"title": "Loans", "licence": "MIT, Apache-2.0", "sections": ["intended_use"], "template": {"name": "model-card", "version": 1}})
    );
    for (bytes, field) in [
        (b"{\"title\": 7}".as_slice(), "title"),
        (b"{\"licence\": 7}", "licence"),
        (b"---\ntemplate: x\n---\n", "template"),
        (b"---\nmodel-index: 7\n---\n", "model-index"),
        (b"---\nsubject: {version_digest: x}\n---\n", "subject.version_digest"),
        (b"%PDF-1.7 \xff", "document"),
    ] {
        let refusal = read_model_card(bytes).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some(field), "{refusal}");
        crate::testing::check_style(&refusal);
    }
}
