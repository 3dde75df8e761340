# One recipe for people and for CI. Each target does its own set-up on a fresh Debian machine.

.PHONY: demo serve test bench soak

# The whole story on the loan example, in a temporary folder, ending with evidence that other programs verify.
demo:
	scripts/setup.sh build
	cargo build --locked --package chancery
	scripts/demo.sh

# The same story, and then the server stays up on its data.
serve:
	scripts/setup.sh build
	cargo build --locked --package chancery
	scripts/demo.sh --serve

# Format, lints, licences, every test on SQLite and on PostgreSQL, third-party verifiers. Fails when anything was skipped.
test:
	scripts/setup.sh test
	scripts/test.sh

# Speed against its limits, as ratios in one run; the server and the load each on one core.
bench:
	scripts/setup.sh bench
	scripts/bench.sh

# The tests with faults for longer: 200 kills under load on each database, a 2 GB upload.
soak:
	scripts/setup.sh test
	CHANCERY_SOAK=1 scripts/test.sh
