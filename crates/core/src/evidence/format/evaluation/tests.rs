//! Evaluations in every format that is read, and what is refused (EVD-1).

use serde_json::json;

use super::*;
use crate::evidence::reading::Claim;
use crate::names::Digest;
use crate::testing::check_style;

const DIGEST: &str = "59a2a66f95b8445dde1b11c65aaf1693fbb0374a458036221d49d6bbcbeb2250";

fn good() -> Value {
    json!({
        "schema": FORMAT,
        "suite": {"name": "loans", "version": "1.0.0"},
        "dataset": {"name": "loanapp-test", "version": 3, "digest": format!("sha256:{DIGEST}")},
        "created_at": "2026-05-20T12:00:00Z",
        "subject": {"content_digest": format!("sha256:{DIGEST}"), "composition_digest": DIGEST},
        "categories": ["quality", "bias"],
        "metrics": [
            {"name": "auc_roc", "value": 0.8, "unit": "1", "higher_is_better": true, "dimension": "quality", "confidence_interval": {"low": 0.7, "high": 0.9, "level": 0.95}},
            {"name": "auc_roc", "value": 0.75, "unit": "1", "slice": "sex=female", "lower": 0.6, "upper": 0.8},
            {"name": "latency_p95_ms", "value": 1.4, "unit": "ms", "dimension": "latency", "threshold": {"maximum": 20}, "confidence_interval": [1, 2]},
            {"name": "auc_roc", "value": 0.75, "unit": "1", "slice": "sex=female", "lower": 0.6, "upper": 0.8},
        ],
        "reports": [{"name": "report.html", "digest": DIGEST}],
    })
}

fn read_value(document: &Value) -> Result<Reading, Refusal> {
    read(document.to_string().as_bytes())
}

#[test]
fn our_own_format_is_read_whole() {
    let reading = read_value(&good()).unwrap();
    let digest = Digest::parse(DIGEST).unwrap();
    assert_eq!((reading.format, &reading.claims), (FORMAT, &vec![Claim::Content(digest), Claim::Composition(digest)]));
    let expected = json!({
        "suite": {"name": "loans", "version": "1.0.0"},
        "dataset": {"name": "loanapp-test", "version": "3", "digest": DIGEST},
        "completed_at": "2026-05-20T12:00:00.000000Z",
        "dimensions": ["bias", "latency", "quality"],
        "metrics": [
            {"name": "auc_roc", "value": 0.8, "unit": "1", "higher_is_better": true, "dimension": "quality", "lower": 0.7, "upper": 0.9},
            {"name": "auc_roc", "value": 0.75, "unit": "1", "slice": "sex=female", "lower": 0.6, "upper": 0.8},
            {"name": "latency_p95_ms", "value": 1.4, "unit": "ms", "dimension": "latency", "lower": 1.0, "upper": 2.0, "maximum": 20.0},
        ],
        "reports": [{"name": "report.html", "digest": DIGEST}],
        "subject": {"content_digest": DIGEST, "composition_digest": DIGEST},
    });
    assert_eq!(reading.summary, expected);
}

#[test]
fn the_example_of_the_documentation_is_read() {
    for name in ["v1", "v2"] {
        let path = format!("{}/../../examples/loan-approval/{name}/evaluation.json", env!("CARGO_MANIFEST_DIR"));
        let reading = read(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(reading.summary["dimensions"], json!(["bias", "cost", "latency", "quality", "robustness"]));
        assert_eq!(reading.summary["metrics"].as_array().unwrap().len(), 29);
        assert!(reading.summary["metrics"][0]["lower"].is_number());
    }
}

/// A document with one member set, or taken away with null.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = good();
    if let Some(member) = document.pointer_mut(pointer) {
        *member = value;
    } else {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
    }
    document
}

#[test]
fn every_refusal_names_the_member() {
    let metric = |extra: Value| {
        let mut metric = json!({"name": "x", "value": 1});
        metric.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!([metric])
    };
    let cases: Vec<(Value, &str, &str)> = vec![
        (json!({}), "schema", "no evaluation"),
        (json!([]), "schema", "no evaluation"),
        (json!({"schema": "other/v1"}), "schema", "`other/v1`"),
        (json!({"text": "fine"}), "schema", "no evaluation"),
        (with("/suite", Value::Null), "suite", "missing"),
        (with("/suite/name", Value::Null), "suite.name", "missing"),
        (with("/suite/version", json!(1)), "suite.version", "a text"),
        (with("/suite/name", json!(" ")), "suite.name", "a text"),
        (with("/suite/name", json!("x".repeat(501))), "suite.name", "more than 500"),
        (with("/dataset/digest", json!("abc")), "dataset.digest", "64 lower case"),
        (with("/subject/content_digest", json!("abc")), "subject.content_digest", "64 lower case"),
        (with("/created_at", json!("yesterday")), "created_at", "RFC 3339"),
        (with("/categories", json!(["speed"])), "categories[0]", "`speed`"),
        (with("/categories", json!("bias")), "categories", "a list"),
        (with("/metrics", json!([])), "metrics", "no metric"),
        (with("/metrics", json!({"a": 1})), "metrics", "a list"),
        (with("/metrics", json!([7])), "metrics[0].name", "missing"),
        (with("/metrics", metric(json!({"value": "high"}))), "metrics[0].value", "a finite number"),
        (with("/metrics", metric(json!({"value": null}))), "metrics[0].value", "missing"),
        (with("/metrics", metric(json!({"dimension": "speed"}))), "metrics[0].dimension", "`speed`"),
        (with("/metrics", metric(json!({"higher_is_better": "yes"}))), "metrics[0].higher_is_better", "true or false"),
        (with("/metrics", metric(json!({"lower": 2, "upper": 1}))), "metrics[0].lower", "above upper 1"),
        (with("/metrics", metric(json!({"minimum": 2, "maximum": 1}))), "metrics[0].minimum", "above maximum 1"),
        (with("/metrics", metric(json!({"confidence_interval": [1]}))), "metrics[0].confidence_interval", "two numbers"),
        (with("/metrics", metric(json!({"confidence_interval": 1}))), "metrics[0].confidence_interval", "an object"),
        (with("/metrics", json!([{"name": "x", "value": 1}, {"name": "x", "value": 2}])), "metrics[1]", "given twice: 1 and 2"),
        (with("/metrics", json!([{"name": "x", "value": 1, "slice": "a"}, {"name": "x", "value": 2, "slice": "a"}])), "metrics[1]", "slice `a`"),
        (
            with("/metrics", json!([{"name": "x", "value": 1, "unit": "s"}, {"name": "x", "value": 2, "unit": "ms", "slice": "a"}])),
            "metrics[1].unit",
            "`s` and in `ms`",
        ),
        (with("/metrics", (0..2_001).map(|n| json!({"name": format!("m{n}"), "value": n})).collect()), "metrics", "at most 2000"),
        (with("/reports", json!([{"name": "x"}])), "reports[0].digest", "missing"),
    ];
    for (document, field, says) in cases {
        let refusal = read_value(&document).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some(field), "{refusal}");
        assert!(refusal.message.contains(says), "{refusal} does not say {says}");
        check_style(&refusal);
    }
    for (text, says) in
        [(r#"{"schema": "chancery.evaluation/v1", "metrics": [{"name": "x", "value": NaN}]}"#, "not JSON"), (r#"{"a": 1, "a": 2}"#, "appears twice")]
    {
        let refusal = read(text.as_bytes()).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some("document"));
        assert!(refusal.message.contains(says), "{refusal}");
    }
}

/// What `EvaluationResult.save` of MLflow writes.
#[test]
fn results_of_mlflow_are_read() {
    let saved = json!({
        "example_count": 784, "true_negatives": 30, "accuracy_score": 0.866, "f1_score": 0.925, "roc_auc": 0.777, "toxicity/v1/mean": 0.001,
        "toxicity/v1/p90": 0.002, "flesch_kincaid_grade_level/v1/mean": null,
    });
    let reading = read_value(&saved).unwrap();
    assert_eq!((reading.format, &reading.summary["suite"]), ("mlflow.metrics", &json!({"name": "mlflow.evaluate"})));
    assert_eq!(reading.summary["dimensions"], json!(["quality", "toxicity"]));
    let metrics = reading.summary["metrics"].as_array().unwrap();
    assert_eq!(metrics.len(), 7, "a metric without a value is left out");
    assert!(metrics.contains(&json!({"name": "toxicity/v1/mean", "value": 0.001, "dimension": "toxicity"})));

    let table = json!({
        "columns": ["inputs", "outputs", "toxicity/v1/score", "answer_similarity/v1/score", "answer_similarity/v1/justification", "token_count"],
        "data": [["a", "b", 0.1, 4, "close", 12], ["c", "d", 0.3, null, null, 18]],
    });
    let reading = read_value(&table).unwrap();
    assert_eq!((reading.format, &reading.summary["rows"]), ("mlflow.table", &json!(2)));
    assert_eq!(
        reading.summary["metrics"],
        json!([
            {"name": "toxicity/v1/mean", "value": 0.2, "dimension": "toxicity"},
            {"name": "answer_similarity/v1/mean", "value": 4.0, "dimension": "quality"},
            {"name": "token_count/mean", "value": 15.0, "dimension": "cost"},
        ])
    );
    for (document, field) in [(json!({"columns": ["a/score"], "data": [[1, 2]]}), "data[0]"), (json!({"columns": ["a"], "data": [["x"]]}), "metrics")] {
        assert_eq!(read_value(&document).unwrap_err().field.as_deref(), Some(field));
    }
}

/// The members that `lm_eval --output_path` writes, shortened.
#[test]
fn results_of_lm_evaluation_harness_are_read() {
    let document = json!({
        "results": {
            "gsm8k": {
                "alias": "gsm8k", "exact_match,strict-match": 0.5, "exact_match_stderr,strict-match": 0.01,
                "exact_match,flexible-extract": 0.55, "exact_match_stderr,flexible-extract": "N/A",
            },
        },
        "group_subtasks": {"gsm8k": []},
        "configs": {"gsm8k": {"task": "gsm8k", "dataset_path": "gsm8k", "dataset_name": "main", "num_fewshot": 5}},
        "versions": {"gsm8k": 3.0}, "n-shot": {"gsm8k": 5}, "higher_is_better": {"gsm8k": {"exact_match": true}},
        "n-samples": {"gsm8k": {"original": 1319, "effective": 1319}},
        "config": {"model": "hf", "model_args": "pretrained=gpt2", "batch_size": "auto"},
        "git_hash": "543617f", "date": 1717509126.5, "lm_eval_version": "0.4.2", "total_evaluation_time_seconds": "311.6",
    });
    let reading = read_value(&document).unwrap();
    assert_eq!(
        (reading.format, reading.summary),
        (
            "lm-evaluation-harness",
            json!({
                "suite": {"name": "lm-evaluation-harness", "version": "0.4.2"},
                "dataset": {"name": "gsm8k", "version": "3.0"},
                "completed_at": "2024-06-04T13:52:06.500000Z",
                "dimensions": ["quality"],
                "metrics": [
                    {"name": "gsm8k/exact_match,flexible-extract", "value": 0.55, "dimension": "quality", "higher_is_better": true},
                    {"name": "gsm8k/exact_match,strict-match", "value": 0.5, "dimension": "quality", "higher_is_better": true,
                        "lower": 0.5 - 0.01 * 1.96, "upper": 0.5 + 0.01 * 1.96},
                ],
            })
        )
    );
    let two = json!({"results": {"arc_easy": {"acc,none": 0.71, "acc_stderr,none": 0.012}, "piqa": {"acc": 0.7}}, "versions": {}});
    let names: Vec<Value> = read_value(&two).unwrap().summary["metrics"].as_array().unwrap().iter().map(|metric| metric["name"].clone()).collect();
    assert_eq!(names, ["arc_easy/acc", "piqa/acc"]);
    for (document, field) in [(json!({"results": {}, "versions": {}}), "metrics"), (json!({"results": {"a": 1}, "versions": {}}), "results.a")] {
        assert_eq!(read_value(&document).unwrap_err().field.as_deref(), Some(field));
    }
}

/// The metadata of Hugging Face's model cards.
#[test]
fn a_model_index_is_read_from_a_card_and_from_json() {
    let card = "---
language: fr
license: apache-2.0
model-index:
- name: wav2vec2-large-xlsr-french
  results:
  - task:
      type: automatic-speech-recognition
      name: Speech Recognition
    dataset:
      type: common_voice
      name: Common Voice (French)
      config: fr
      split: test
      revision: 5503434ddd753f426f4b38109466949a1217c2bb
    metrics:
    - type: wer
      value: 20.9
      name: Test WER
      verified: false
    - type: cer
      value: '6.1'
---

# A card
";
    let reading = read(card.as_bytes()).unwrap();
    assert_eq!(
        (reading.format, reading.summary),
        (
            "huggingface.model-index",
            json!({
                "suite": {"name": "huggingface.model-index"},
                "dataset": {"name": "Common Voice (French)/fr/test", "version": "5503434ddd753f426f4b38109466949a1217c2bb"},
                "dimensions": [],
                "metrics": [{"name": "wer", "value": 20.9}, {"name": "cer", "value": 6.1}],
            })
        )
    );
    let result = |dataset: &str, value: Value| json!({"task": {"type": "x"}, "dataset": {"type": dataset}, "metrics": [{"type": "f1", "value": value}]});
    let index = |results: Vec<Value>| json!({"model-index": [{"name": "m", "results": results}]});
    let two = read_value(&index(vec![result("squad", json!(1)), result("xquad", json!(2))])).unwrap();
    assert_eq!(two.summary["metrics"], json!([{"name": "f1", "value": 1.0, "dataset": "squad"}, {"name": "f1", "value": 2.0, "dataset": "xquad"}]));
    for (document, field) in [
        (index(vec![result("squad", json!("20.0 ± 1.2"))]), "model-index[0].results[0].metrics[0].value"),
        (index(vec![result("squad", json!("inf"))]), "model-index[0].results[0].metrics[0].value"),
        (index(vec![result("squad", json!(1)), result("squad", json!(2))]), "model-index[0].results[1].metrics[0]"),
        (index(vec![json!({"metrics": []})]), "model-index[0].results[0].dataset"),
        (json!({"model-index": [{"name": "m"}]}), "model-index[0].results"),
        (json!({"model-index": []}), "metrics"),
    ] {
        assert_eq!(read_value(&document).unwrap_err().field.as_deref(), Some(field), "{document}");
    }
    for (card, field) in [("---\na: 1\n---\n", "model-index"), ("---\na: [\n---\n", "document"), ("---\na: 1\n", "document")] {
        assert_eq!(read(card.as_bytes()).unwrap_err().field.as_deref(), Some(field), "{card}");
    }
}
