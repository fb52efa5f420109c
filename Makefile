# Sightline. `make help` says what there is; `make demo` and `make test` are all that a newcomer needs.
# Works with GNU make 3.81, which macOS has.

# Without the experiment the Go backend is thirteen times slower. Without cgo the binary is one static file.
export GOEXPERIMENT := simd
export CGO_ENABLED := 0

GO ?= go
FUZZTIME ?= 20s
KILLS ?= 20
SEEDS ?= 3
SIZE ?= base

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
BUILD := $(GO) build -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)"
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
SIGHTLINE := bin/sightline

.DEFAULT_GOAL := help
.PHONY: help demo build test vet lint unit race fuzz kill long bench onnx xla cross world-encoder tables clean ffmpeg

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ffmpeg build ## from nothing to a found moment: render, encode, train, measure, search (build/demo)
	@scripts/demo.sh

build: ## bin/sightline, one static file
	$(BUILD) -o $(SIGHTLINE) ./cmd/sightline

test: ffmpeg vet lint unit ## vet, lint, import rules and all tests; at most 10 minutes on two cores

vet:
	$(GO) vet ./...

lint:
	@unformatted=$$(gofmt -l .) && if [ -n "$$unformatted" ]; then echo "gofmt these files:"; echo "$$unformatted"; exit 1; fi
	$(GO) run $(STATICCHECK) ./...

unit:
	$(GO) test -vet=off -timeout 9m $(TESTFLAGS) ./...

race: export GOEXPERIMENT :=
race: export CGO_ENABLED := 1
race: ## the race detector, on the packages that use no tensors; needs a C compiler
	$(GO) test -vet=off -race -timeout 20m $$(scripts/packages without-tensors)

fuzz: ## every fuzz target for FUZZTIME (20s)
	@scripts/fuzz $(FUZZTIME)

kill: ffmpeg ## SIGKILL at random moments, KILLS (20) times each, in add, encode, train and the index
	SIGHTLINE_KILLS=$(KILLS) $(GO) test -vet=off -count 1 -timeout 60m -v -run Kill $$(scripts/packages with-test Kill)

long: ffmpeg ## tests that take minutes: benchmarks of retrieval and of steps, X-Pool on 10,000 texts and videos, moments in two hours of video
	SIGHTLINE_LONG=1 $(GO) test -vet=off -count 1 -timeout 60m -v -run 'Retrieval|Steps|TenThousand|TwoHours' ./benchmark ./align/xpool ./cmd/sightline

bench: ## encoders and training beside PyTorch where it is installed, then the searches; needs a quiet machine
	bench/compare.sh
	$(GO) test -vet=off -run '^$$' -bench . -timeout 60m ./index/...
	$(GO) test -vet=off -run '^$$' -bench . -benchtime 1x -timeout 60m ./moment ./align/qacln

onnx: ## bin/sightline-onnx with ONNX Runtime from npm, and the golden tests on it (linux/amd64, C compiler, npm)
	scripts/onnx

xla: export CGO_ENABLED := 1
xla: ## bin/sightline-xla for machines with CUDA (C compiler; docs/operations.md says what else)
	$(BUILD) -tags xla -o bin/sightline-xla ./cmd/sightline

cross: ## static binaries for linux and darwin, amd64 and arm64
	@set -e; for platform in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do \
	  out=bin/sightline-$${platform%/*}-$${platform#*/}; echo "building $$out"; \
	  GOOS=$${platform%/*} GOARCH=$${platform#*/} $(BUILD) -trimpath -o $$out ./cmd/sightline; done

world-encoder: build ## train the embedded encoder anew
	$(SIGHTLINE) train configs/world-encoder.yaml --out build/world-encoder
	@echo "To embed it: cp build/world-encoder/model/encoder/* encoder/tiny/checkpoint/ && make test"

tables: build ## the tables of docs/evaluation.md (SIZE=base SEEDS=3)
	$(SIGHTLINE) bench retrieval --size $(SIZE) --seeds $(SEEDS) --out build/tables-$(SIZE)

clean: ## take away bin and build
	rm -rf bin build

ffmpeg:
	@scripts/install-ffmpeg
