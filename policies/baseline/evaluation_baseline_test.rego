package chancery.rules.evaluation_baseline_test

import data.chancery.fixture
import data.chancery.rules.evaluation_baseline
import rego.v1

of(evidence) := result if {
	result := evaluation_baseline.result with input as fixture.changed({"evidence": evidence})
}

bound_to(kind, digest) := object.union(fixture.document.evidence[0], {"binds_to": {"kind": kind, "digest": digest}})

test_evaluation_of_the_version_passes if {
	result := evaluation_baseline.result with input as fixture.document
	result.outcome == "pass"
	result.message == "1 evaluations are bound to this version"
}

test_evaluation_of_the_content_passes if of([bound_to("content", "c2")]).outcome == "pass"

test_no_evidence_fails if of([]).outcome == "fail"

test_evaluation_of_another_version_fails if {
	result := of([bound_to("version", "d1")])
	result.outcome == "fail"
	contains(result.message, "1 more are malformed or about other bytes")
}

test_evaluation_of_other_content_fails if of([bound_to("content", "c1")]).outcome == "fail"

test_evaluation_of_a_file_fails if of([bound_to("file", "c2")]).outcome == "fail"

# Bound to our content by its uploader, but the document says that it measured other bytes.
test_document_about_other_bytes_fails if {
	claimed := object.union(bound_to("content", "c2"), {"summary": {"subject": {"content_digest": "sha256:c1"}}})
	of([claimed]).outcome == "fail"
}

test_document_about_our_bytes_passes if {
	claimed := object.union(bound_to("content", "c2"), {"summary": {"subject": {"content_digest": "sha256:c2"}}})
	of([claimed]).outcome == "pass"
}

test_other_evidence_fails if of([object.union(fixture.document.evidence[0], {"type": "sbom"})]).outcome == "fail"

test_document_that_cannot_be_read_fails if of([object.union(fixture.document.evidence[0], {"summary": null})]).outcome == "fail"

test_dataset_is_not_applicable if {
	result := evaluation_baseline.result with input as fixture.changed({"model": {"kind": "dataset"}})
	result.outcome == "not-applicable"
}

# Documents come from outside: a malformed one does not count, and does not stop the rule either.
test_malformed_documents_do_not_stop_the_rule if {
	every document in [
		[],
		"text",
		7,
		{"metrics": "none"},
		{"metrics": [], "subject": "us"},
		{"metrics": ["auc_roc", null, {"name": 7}], "subject": {"content_digest": 7}},
	] {
		malformed := object.union(object.remove(bound_to("content", "c2"), ["summary"]), {"summary": document})
		of(array.concat(fixture.document.evidence, [malformed])).outcome == "pass"
	}
}
