package chancery.rules.evaluation_baseline_test

import data.chancery.fixture
import data.chancery.rules.evaluation_baseline
import rego.v1

of(evidence) := result if {
	result := evaluation_baseline.result with input as fixture.changed({"evidence": evidence})
}

bound_to(kind, digest) := object.union(fixture.document.evidence[0], {"binds_to": {"kind": kind, "digest": digest}})

stating(subject) := object.union(bound_to("content", "c2"), {"summary": {"subject": subject}})

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
	contains(result.message, "1 more are replaced by newer ones, without metrics, or about other bytes")
}

test_evaluation_of_other_content_fails if of([bound_to("content", "c1")]).outcome == "fail"

# A version digest is no content digest, even if the text is the same.
test_binding_of_another_kind_fails if of([bound_to("content", "d2"), bound_to("version", "c2")]).outcome == "fail"

test_evaluation_of_a_file_fails if of([bound_to("file", "c2")]).outcome == "fail"

# Bound to our content by its uploader, but the document says that it measured something else.
test_document_about_other_bytes_fails if {
	every subject in [{"content_digest": "c1"}, {"version_digest": "d1"}, {"composition_digest": "c1"}] {
		of([stating(subject)]).outcome == "fail"
	}
}

test_document_about_our_bytes_passes if {
	every subject in [{"content_digest": "c2"}, {"version_digest": "d2"}, {"composition_digest": "c2"}, {}] {
		of([stating(subject)]).outcome == "pass"
	}
}

test_other_evidence_fails if of([object.union(fixture.document.evidence[0], {"type": "sbom"})]).outcome == "fail"

test_document_without_metrics_fails if of([object.union(fixture.document.evidence[0], {"summary": {"metrics": []}})]).outcome == "fail"

test_dataset_is_not_applicable if {
	result := evaluation_baseline.result with input as fixture.changed({"model": {"kind": "dataset"}})
	result.outcome == "not-applicable"
}

test_malformed_fails if {
	every document in fixture.with_malformed("evaluation") {
		result := evaluation_baseline.result with input as document
		result.outcome == "fail"
	}
}

# A malformed document neither counts nor stops the rule.
test_malformed_beside_a_good_one_passes if {
	every summary in fixture.malformed {
		odd := object.union(object.remove(bound_to("content", "c2"), ["summary"]), {"summary": summary, "digest": "odd"})
		of(array.concat(fixture.document.evidence, [odd])).outcome == "pass"
	}
}
