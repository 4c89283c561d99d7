# The verbs. `make test` is what CI calls; it installs what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
CARGO ?= cargo
FEATURES := --features checked
KAFKA := tests/kafka/broker
KAFKA_DIR := $(CURDIR)/.cache/test-broker

.PHONY: help demo check test lint fmt unit broker pgo bench bench-service sim chaos fuzz clean

help: ## Say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: ## Run the synthetic casino through everything and show what came of it
	$(CARGO) run --release -- demo

check: fmt lint ## Format, lints and the rules' own tests: the quick loop
	$(CARGO) test --release -p tidemark-domain $(FEATURES)

fmt:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --release --workspace --all-targets $(FEATURES) -- -D warnings

# Every suite with its seconds. The broker is a real Apache Kafka, brought up for the run and taken down.
test: ## Everything: format, lints, all tests, the broker included
	@scripts/suites

pgo: ## The program for production, built with a profile of its own work: target/pgo/tidemark, a quarter of an hour
	@scripts/pgo

bench: ## The figures of docs/performance.md
	$(CARGO) bench --bench ledger
	$(CARGO) bench --bench walk
	$(CARGO) bench --bench snapshot

# The soak takes half an hour: `cargo bench --bench service -- --set soak`.
bench-service: ## The figures of the service, with a Kafka of its own; a quarter of an hour
	$(CARGO) bench --bench service -- --set bare,drain,transactions,ledger,latency,snapshots,restart,killed

# TIDEMARK_CHAOS_KILLS (200), TIDEMARK_CHAOS_EVENTS (5000000) and TIDEMARK_CHAOS_SEED may be set.
sim: ## Simulations of the protocol, so many as SEEDS says (10000)
	TIDEMARK_SIM_SEEDS=$(or $(SEEDS),10000) $(CARGO) test --release $(FEATURES) --test sim -- whatever --nocapture

chaos: ## What takes too long for every run: 200 kills over 5,000,000 records, a broker away for a minute, a full disk
	@scripts/chaos

fuzz: ## Five minutes for each fuzz target (needs cargo-fuzz and a nightly toolchain)
	cd fuzz && for target in $$(cargo fuzz list); do cargo +nightly fuzz run $$target -- -max_total_time=310; done

clean:
	$(CARGO) clean
