package chancery.rules.risk_no_open_critical_test

import data.chancery.fixture
import data.chancery.rules.risk_no_open_critical
import rego.v1

of(document) := result if {
	result := risk_no_open_critical.result with input as document
}

registered(level, status) := of(fixture.changed({"risks": [{"id": "r1", "title": "bias", "level": level, "status": status}]}))

assessed(risk) := of(fixture.with_summary("risk-assessment", {"risks": [risk]}))

test_no_risk_passes if of(fixture.document).outcome == "pass"

test_open_critical_is_named if {
	result := registered("critical", "open")
	result.outcome == "fail"
	result.message == "open risks: r1 bias"
}

test_others_pass if {
	every case in [["high", "open"], ["critical", "mitigated"], ["critical", "accepted"], ["critical", "closed"]] {
		registered(case[0], case[1]).outcome == "pass"
	}
}

test_assessment_counts_too if {
	assessed({"title": "bias", "severity": "critical", "status": "open"}).message == "open risks: bias in the risk assessment"
	assessed({"title": "bias", "severity": "critical"}).outcome == "fail"
	assessed({"title": "bias", "severity": "critical", "status": "mitigated"}).outcome == "pass"
}

test_every_tier if of(object.union(fixture.of_tier("minimal"), {"risks": [{"id": "r1", "title": "t", "level": "critical", "status": "open"}]})).outcome == "fail"

test_not_applicable_never_comes if of(fixture.changed({"evidence": [], "risks": []})).outcome == "pass"

test_malformed_does_not_stop_the_rule if {
	every document in fixture.with_malformed("risk-assessment") {
		of(document).outcome == "pass"
	}
}
