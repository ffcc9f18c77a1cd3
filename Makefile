# make demo   serve the built-in manifests          make test   everything that CI checks
# make build  bin/naru                              make bench  this data plane beside HAProxy and nginx
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)
STATICCHECK := go tool -modfile=tools/go.mod staticcheck
FUZZTIME ?= 60s

.PHONY: build demo test unit lint bench bench-compile fuzz generate clean

build:
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/naru ./cmd/naru

demo: build
	@bin/naru demo

# Of tests that pass, only those are told that were skipped, and why.
test: lint
	go test -race -timeout 10m -v ./... | awk -f tools/skipped.awk

# The inner loop: no race detector, and only what changed.
unit:
	go test ./...

lint:
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w mends it):"; echo "$$unformatted"; exit 1; fi
	go mod tidy -diff
	go vet ./...
	GOOS=darwin GOARCH=arm64 go build ./...
	GOOS=darwin GOARCH=arm64 go vet ./...
	GOOS=linux GOARCH=arm64 go build ./...
	$(STATICCHECK) ./...
	go run ./internal/docs -check

generate:
	go run ./internal/docs

bench: build bench-compile
	go run ./bench/l4 -install

bench-compile:
	go test -run '^$$' -bench . -benchtime 3x ./bench/compile
	go test -run '^$$' -bench 'Probe10k' -benchtime 1x ./internal/probe

# Runs every fuzz target for FUZZTIME; their seeds run in make test.
fuzz:
	@for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; \
	  done; \
	done

clean:
	rm -rf bin
