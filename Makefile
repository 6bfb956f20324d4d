# "make test" is everything that must hold before a change lands.
SHELL    := /bin/bash
TOOL     := go tool -modfile=tools/go.mod
FUZZTIME ?= 30s

# Steps of "make test", the cheap ones first; the tests come last.
CHECKS := packages python zlint etcd gofmt modules vet portable staticcheck generated builds

# The race detector watches everything but the arithmetic of Go's own primitives,
# which shares nothing, and takes twice as long under it.
RACE := -race -gcflags=crypto/internal/fips140/...=-race=false

# The examples with gRPC and PostgreSQL's driver, a module of their own.
LIBRARIES := examples/libraries

# The module that pins the etcd server which tests start.
ETCD := internal/peers/etcd

# What else than this machine's system everything must compile for, and the program be built.
SYSTEMS := darwin/arm64 windows/amd64 linux/arm64

.PHONY: help test tests build peers fuzz mutants scan cover bench $(CHECKS)

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 20

# Nothing here looks at version control, so a checkout owned by another user,
# or an unpacked archive, passes too.
test: export GOFLAGS += -buildvcs=false
test: ## everything: checks, then the tests under the race detector
	@for check in $(CHECKS); do tools/step $$check $(MAKE) --no-print-directory $$check || exit; done
	@tools/step -v tests $(MAKE) --no-print-directory tests

build: ## bin/signet
	go build -trimpath -o bin/signet ./cmd/signet

peers: packages python zlint etcd ## what the tests speak to: openssl, curl, pyOpenSSL, zlint, pkilint, etcd

packages: ## install what is missing of tools/debian-packages
	@tools/packages

etcd: ## the server of the tests' clusters, as pinned in internal/peers/etcd/go.mod
	@go -C $(ETCD) tool -n server >/dev/null

zlint: ## the judge of certificates, as pinned in tools/go.mod
	@$(TOOL) -n zlint >/dev/null

python: ## the pinned Python environment, in .cache/venv
	@tools/python

gofmt: ## every file is formatted
	@files=$$(gofmt -l .) && if [[ -n $$files ]]; then echo "not formatted; next: gofmt -w" $$files; exit 1; fi

modules: ## go.mod and go.sum are tidy
	@go mod tidy -diff
	@go -C tools mod tidy -diff
	@go -C $(LIBRARIES) mod tidy -diff
	@go -C $(ETCD) mod tidy -diff

# What compiles does so with $(RACE), as the tests do, so that every dependency is
# compiled once.
vet: ## go vet
	@go vet $(RACE) ./...
	@go -C $(LIBRARIES) vet $(RACE) ./...

portable: ## everything compiles for other systems
	@go -C tools run ./portable .. $(SYSTEMS)

builds: ## the program is built for other systems
	@for system in $(SYSTEMS); do GOOS=$${system%/*} GOARCH=$${system#*/} CGO_ENABLED=0 go build -trimpath -o /dev/null ./cmd/signet || exit; done

staticcheck: ## staticcheck, as pinned in tools/go.mod
	@checker=$$($(TOOL) -n staticcheck) && export GOFLAGS="$$GOFLAGS $(RACE)" && "$$checker" ./... && cd $(LIBRARIES) && "$$checker" ./...

generated: ## generated files are up to date
	@GOFLAGS="$$GOFLAGS $(RACE)" tools/unchanged go generate ./...

tests: ## the tests alone, under the race detector
	@$(TOOL) gotestsum --format standard-quiet -- $(RACE) -timeout 40m ./...
	@go test ./policy -run TestIndex # all of Cedar's corpus: with -race, a part of it
	@go test -tags noncecheck ./internal/record # no key seals twice under a nonce
	@go -C $(LIBRARIES) test $(RACE) ./...

fuzz: ## every fuzz target for FUZZTIME (30s)
	@tools/fuzz $(FUZZTIME)

mutants: ## 200 small faults put into PACKAGE (pki): which do its tests miss?
	@go -C tools run ./mutate $(or $(PACKAGE),pki)

scan: ## sslyze and testssl look at "signet listen"; some minutes
	@tools/scan

bench: python ## docs/benchmarks.md made anew, next to nginx, HAProxy, stunnel and ghostunnel; hours. A look: BENCH="-quick -rounds 3"
	@tools/bench
	go run ./bench matrix $(BENCH)

cover: ## how much of the code the tests run: .cache/cover.html
	@mkdir -p .cache
	go test -coverpkg=./... -coverprofile=.cache/cover.out ./...
	@go tool cover -html=.cache/cover.out -o .cache/cover.html
	@go tool cover -func=.cache/cover.out | tail -n 1
