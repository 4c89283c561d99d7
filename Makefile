# The verbs. `make test` is what CI calls; it installs what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
CARGO ?= cargo
FEATURES := --features checked
KAFKA := tests/kafka/broker
KAFKA_DIR := $(CURDIR)/.cache/test-broker

.PHONY: help demo check test lint fmt unit broker bench fuzz clean

help: ## Say what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

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

bench: ## The figures of docs/performance.md
	$(CARGO) bench --bench ledger
	$(CARGO) bench --bench walk
	$(CARGO) bench --bench snapshot

fuzz: ## Five minutes for each fuzz target (needs cargo-fuzz and a nightly toolchain)
	cd fuzz && for target in $$(cargo fuzz list); do cargo +nightly fuzz run $$target -- -max_total_time=310; done

clean:
	$(CARGO) clean
