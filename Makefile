# ligase. `make demo` and `make test` are all the set-up there is: they need Go and a C compiler.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/ligase-bio/ligase/internal/cli.version=$(VERSION)
BIN     := bin

# One flavour of everything, and the same in every folder: what `make demo`
# compiled, `make test` and the images need not compile again.
export GOFLAGS := $(strip -trimpath $(filter-out -trimpath,$(GOFLAGS)))

.PHONY: help
help: ## show this list
	@awk -F':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/ligase and bin/ligase-worker
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/ligase ./cmd/ligase
	CGO_ENABLED=0 $(GO) build -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN)/ligase-worker ./cmd/ligase-worker

$(BIN)/ligase: FORCE
	@echo "building $@ (a first build compiles SQLite and the cloud storage drivers: a minute or two)"
	@$(GO) build -ldflags '$(LDFLAGS)' -o $@ ./cmd/ligase
FORCE:

.PHONY: demo
demo: $(BIN)/ligase ## design, fold, score and rank on a real protein structure
	@$(BIN)/ligase demo

.PHONY: test
test: ## every test that needs nothing but this machine
	$(GO) test $$($(GO) list ./... | grep -vE '/(internal/layers|e2e)$$')
	$(GO) test -count=1 ./internal/layers ./e2e # what they look at, the test cache does not see

.PHONY: test-race
test-race: ## the same under the race detector
	$(GO) test -race -timeout 20m ./...

.PHONY: e2e
e2e: ## end to end: the README's commands, then Argo on a real cluster (its own: Linux and root; or KUBECONFIG)
	.ci/e2e

.PHONY: e2e-mcp
e2e-mcp: ## the gateway against programs that others wrote: conformance suite, Inspector, TypeScript clients (npm; Linux)
	$(GO) test -tags mcp -count=1 -v -timeout 15m ./e2e/mcp

.PHONY: cluster-up
cluster-up: ## a real Kubernetes of one node with Argo and S3 (root; KUBECONFIG: looks at yours); the first time builds for 15 minutes
	$(GO) run ./e2e/cluster up

.PHONY: cluster-down
cluster-down: ## take it down again and remove what it kept
	$(GO) run ./e2e/cluster down

.PHONY: images
images: ## dist/images/*.tar, for docker load, podman load and ctr images import
	$(GO) run ./e2e/cluster images --out dist/images --tag $(VERSION)

.PHONY: test-tools
test-tools: ## against real tools from Debian (installs tm-align, dssp, bwa, samtools, bcftools, hmmer)
	$(GO) test -tags tools -count=1 -v -run 'Tools' ./internal/... ./e2e/tools

.PHONY: test-podman
test-podman: ## steps in containers, with podman (Linux; installs it from Debian) as root and as a user, and docker
	$(GO) test -tags podman -count=1 -p 1 -timeout 30m -run 'Containers|Docker' ./steps/worker ./e2e/podman

.PHONY: gpu-kit
gpu-kit: ## bin/gpu.tar.gz: what test-gpu runs, for a machine with a GPU that has neither Go nor a C compiler
	@mkdir -p $(BIN)/gpu
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN)/gpu/ligase ./cmd/ligase
	$(CC) -O2 -Wall -Wextra -Werror -o $(BIN)/gpu/occupy e2e/gpu/testdata/occupy.c -ldl
	$(GO) test -c -tags gpu -o $(BIN)/gpu/gpu.test ./e2e/gpu
	tar -czf $(BIN)/gpu.tar.gz -C $(BIN) gpu

.PHONY: test-gpu
test-gpu: gpu-kit ## steps on a real NVIDIA GPU (Linux, its driver, no CUDA toolkit): seen, measured, out of memory, one at a time
	$(BIN)/gpu/gpu.test -test.v -test.count=1 -test.timeout 15m -test.run GPU

.PHONY: bench-gpu
bench-gpu: ## seconds and GPU memory of ESMFold by length, as JSON, with random weights (PYTHON with torch and transformers)
	@$(or $(PYTHON),python3) internal/adapt/esmfold_hf.py --measure --random-weights 1 $(if $(LENGTHS),--lengths $(LENGTHS))

.PHONY: test-browser
test-browser: ## the report of a real campaign in headless Chromium (apt-get install chromium); screenshots in bin/screenshots
	$(GO) test -tags browser -count=1 -v -timeout 15m ./e2e/report

.PHONY: test-campaign
test-campaign: ## 8 x 8 candidates, and binders, on the cluster of cluster-up or KUBECONFIG and on this machine, compared, and the cluster's report in Chromium
	$(GO) test -tags 'cluster campaign' -count=1 -v -timeout 60m -run 'TestCampaign|TestBinders' ./e2e/argo -results $(CURDIR)/bin/campaign
	$(GO) test -tags browser -count=1 -v -timeout 15m -run TestReportOfACampaign ./e2e/report -campaign $(CURDIR)/bin/campaign -screenshots $(CURDIR)/bin/campaign

.PHONY: chaos
chaos: ## kill the engine at random a hundred times under load
	$(GO) test -count=1 -v -timeout 30m -run TestChaos ./e2e -kills $(or $(KILLS),120)

.PHONY: bench
bench: ## one table: ours, peer or floor, ratio
	$(GO) run ./e2e/bench

.PHONY: bench-argo
bench-argo: ## the same of the engine on Argo, on the cluster of cluster-up or KUBECONFIG
	$(GO) run ./e2e/bench -argo

.PHONY: bench-mcp
bench-mcp: ## the same of the gateway over HTTP, beside the bare SDK
	$(GO) run ./e2e/bench -mcp

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (default 30s)
	.ci/fuzz $(or $(FUZZTIME),30s)

.PHONY: lint
lint: ## gofmt, vet, staticcheck, tidy go.mod, generated files in sync
	.ci/lint

.PHONY: generate
generate: ## write the generated files again
	$(GO) generate ./...

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BIN)
