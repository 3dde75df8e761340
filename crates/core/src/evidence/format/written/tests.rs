//! Sections, placeholders and templates of written documents.

use serde_json::json;

use super::*;
use crate::testing::check_style;

fn parse(text: &str) -> Result<Written, Refusal> {
    Written::parse(text.as_bytes(), "chancery.test/v1")
}

#[test]
fn headings_become_ids() {
    for (heading, expected) in [
        ("Intended use", "intended_use"),
        ("3.1 Bias, Risks & Limitations [optional]", "bias_risks_and_limitations"),
        ("Preprocessing/cleaning/labeling", "preprocessing_cleaning_labeling"),
        ("Einschränkungen", "einschränkungen"),
        ("  2)  ", ""),
    ] {
        assert_eq!(id(heading), expected);
    }
}

#[test]
fn a_section_counts_when_it_says_something() {
    let cases = [
        ("It sorts mortgage applications for clerks.", true),
        ("too short", false),
        ("TODO: say what it is for and who uses it", false),
        ("- **Developed by:** [More Information Needed]\n- **License:** [More Information Needed]\n- **Language(s):** [More Information Needed]", false),
        ("<describe here what the model is for, in words>", false),
        ("{{ intended_use | default(\"[More Information Needed]\") }}", false),
        ("<!-- This section says what the model is for. -->", false),
        ("| --- | --- | --- | --- | --- | --- | --- | --- |", false),
        ("### Clerks\nIt sorts mortgage applications.", true),
        ("The rate is <0.05 for everybody who asked.", true),
    ];
    for (text, counts) in cases {
        let document = parse(&format!("# Card\n\n## Intended use\n\n{text}\n")).unwrap();
        assert_eq!(document.ids().contains("intended_use"), counts, "{text}");
    }
}

#[test]
fn json_and_markdown_give_the_same_sections() {
    let text = "It is for clerks in a bank.";
    let documents = [
        format!("# Card\n## Uses\n{text}\n"),
        json!({"sections": {"Uses": text}}).to_string(),
        json!({"schema": "chancery.test/v1", "sections": [{"heading": "Uses", "text": text}]}).to_string(),
    ];
    for document in documents {
        assert_eq!(parse(&document).unwrap().ids().into_iter().collect::<Vec<_>>(), ["intended_use", "uses"], "{document}");
    }
}

#[test]
fn lists_and_texts_come_from_members_or_sections() {
    let document = parse("---\nowner: ann\n---\n# Plan\n## Steps\n1. stop traffic\n2. go back\n## Summary\nRetrained on new data of this year.\n").unwrap();
    assert_eq!(document.list("steps").unwrap(), ["stop traffic", "go back"]);
    assert_eq!(document.text("summary").unwrap(), "Retrained on new data of this year.");
    assert_eq!(document.title().unwrap().as_deref(), Some("Plan"));
    for refusal in [document.list("monitors").unwrap_err(), document.text("owner_of_all").unwrap_err()] {
        check_style(&refusal);
    }
}

#[test]
fn a_template_is_named_with_its_version() {
    let of = |given: Value| {
        let document = parse(&json!({"template": given}).to_string()).unwrap();
        document.template()
    };
    for given in [json!("model-card@2"), json!({"name": "model-card", "version": 2})] {
        assert_eq!(of(given).unwrap(), Some(json!({"name": "model-card", "version": 2})));
    }
    for given in [json!("model-card"), json!("model-card@0"), json!("Model Card@1"), json!("@1"), json!("a@x"), json!(7), json!({"name": "a"})] {
        let refusal = of(given.clone()).unwrap_err();
        assert!(refusal.field.as_deref().is_some_and(|field| field.starts_with("template")), "{given}: {refusal}");
        check_style(&refusal);
    }
    assert_eq!(parse("text").unwrap().template().unwrap(), None);
}

#[test]
fn what_is_no_document_is_refused() {
    let many: String = (0..=MAX_SECTIONS).map(|n| format!("# a{n}x\n")).collect();
    for (bytes, field) in [
        (b"\xff\xfe".as_slice(), "document"),
        (b"a\0b", "document"),
        (b"{\"a\": 1, \"a\": 2}", "document"),
        (b"{\"schema\": \"other/v1\"}", "schema"),
        (b"---\nschema: other/v1\n---\n", "schema"),
        (b"{\"sections\": 7}", "sections"),
        (b"{\"sections\": [{\"text\": \"x\"}]}", "sections[0]"),
        (b"{\"sections\": {\"a\": 7}}", "sections.a"),
        (many.as_bytes(), "sections"),
    ] {
        let refusal = Written::parse(bytes, "chancery.test/v1").err().unwrap();
        assert_eq!(refusal.field.as_deref(), Some(field), "{refusal}");
        check_style(&refusal);
    }
}
