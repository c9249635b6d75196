# Every target with a comment behind `##` is shown by `make help`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOLANGCI_LINT ?= github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.11.0
SEEDS ?= 500
KILLS ?= 1000
TESTFLAGS ?=

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/barge
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/barge ./cmd/barge

.PHONY: demo
demo: build ## Build, start a server, and walk through a job, an array, logs
	demo/demo.sh bin/barge

.PHONY: gen
gen: ## Generate the API surface from spec/, and the pages made from tables
	$(GO) run ./cmd/apigen
	$(GO) test ./internal/batchsvc -run TestDocs -update >/dev/null

.PHONY: lint
lint: ## Check formatting, layers and the other rules of .golangci.yml
	$(GO) vet ./...
	$(GO) run $(GOLANGCI_LINT) run ./...

.PHONY: test
test: ## Run the tests (what takes minutes is run where BARGE_REQUIRE names it; see CONTRIBUTING.md)
	$(GO) test $(TESTFLAGS) ./...

.PHONY: race
race: ## Run the tests with the race detector
	$(GO) test -race $(TESTFLAGS) ./...

.PHONY: sim
sim: ## Run SEEDS (500) seeds of the simulation
	$(GO) test ./internal/sim -run TestSeeds -seeds=$(SEEDS)

.PHONY: torture
torture: ## Take a server away KILLS (1000) times under load, and account for every job
	$(GO) test ./internal/fault -tags torture -count=1
	$(GO) test ./test/crash -run 'TestTorture$$' -crashes=$(KILLS) -count=1 -v -timeout 6h

.PHONY: bench
bench: build ## Measure, write docs/benchmarks.md, and tell what moved against bench/baseline.json
	$(GO) run ./bench -barge bin/barge

.PHONY: bench-baseline
bench-baseline: build ## Measure, and make the ratios the ones to compare with
	$(GO) run ./bench -barge bin/barge -doc "" -rebase -only submit,jobs,store,core

.PHONY: bench-peers
bench-peers: build ## Measure beside Slurm and Docker (installs Slurm; root)
	bench/install-slurm.sh
	$(GO) run ./bench -barge bin/barge -only peers

.PHONY: simulated
simulated: ## Simulate, and write docs/scheduling.md (TRACES=directory with LCG-2005.swf.gz)
	BARGE_LCG_TRACE=$(abspath $(TRACES))/LCG-2005.swf.gz $(GO) test ./internal/simulate -run TestDocs -count=1 -update

.PHONY: check
check: gen lint race sim ## All that CI checks and that needs nothing installed
	git diff --exit-code -- internal/awsapi docs
