# Everything that the project does to itself. `make help` lists the targets.
# Stamp files under .make/ remember what is done, so that a warm run repeats nothing.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := default
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
CLEAN := .make/clean-venv
CLEAN_BIN := $(CURDIR)/$(CLEAN)/bin
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

# One interpreter for every build with the binding: another one would build pyo3 again.
export PYO3_PYTHON := $(BIN)/python

RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' 2>/dev/null)
PYTHON_SOURCES := $(shell find python -name '*.py' -o -name '*.pyi' -o -name 'py.typed')
EXAMPLES := $(wildcard examples/*)
# Benches in Python are those that say how they are run; the rest are the servers that they start.
BENCHES := $(shell grep -ls 'python benches/' benches/*.py)
WHEEL_SOURCES := pyproject.toml README.md LICENSE $(RUST_SOURCES) $(PYTHON_SOURCES) $(EXAMPLES)

# ---------------------------------------------------------------- the everyday targets

.PHONY: default
default: fmt develop lint test-quick  ## Format, build for development, lint, quick tests

.PHONY: run
run: .make/release  ## Set up everything, build for release, start `p13n demo`
	exec $(BIN)/p13n demo $(ARGS)

.PHONY: test
test: check-fmt clippy test-rust test-campaign lint-python test-wheel stubtest  ## Every check
	@echo "make test: everything passed"

.PHONY: fmt
fmt: .make/venv  ## Format Rust and Python sources
	cargo fmt
	$(BIN)/ruff check --quiet --fix-only .
	$(BIN)/ruff format --quiet .

.PHONY: develop
develop: .make/develop  ## Build the binding for development into .venv

.PHONY: lint
lint: clippy lint-python  ## All linters and type checks

.PHONY: test-quick
test-quick: develop  ## Rust unit tests and Python tests on the development build
	cargo test --quiet --lib
	$(BIN)/python -m pytest -q -x $(PYTEST_ARGS)

# ---------------------------------------------------------------- the parts of `make test`

.PHONY: check-fmt
check-fmt: .make/tools .make/venv
	cargo fmt --check
	$(BIN)/ruff format --check --quiet .

.PHONY: clippy
clippy: .make/tools .make/venv  ## Clippy, with and without the binding; warnings are errors
	cargo clippy --quiet --all-targets -- -D warnings
	cargo clippy --quiet --all-targets --features python -- -D warnings
	cargo clippy --quiet --all-targets --features mutants,shuttle -- -D warnings

.PHONY: test-rust
test-rust: .make/tools  ## All Rust tests, without the binding
	cargo test --quiet

# The campaign's short forms are in `cargo test`; these two need builds of their own.
.PHONY: test-campaign
test-campaign: .make/tools  ## All twelve mutants, and 10,000 schedules of each scenario
	cargo test --quiet --features mutants --test campaign -- mutants
	cargo test --quiet --features shuttle --test schedules

.PHONY: lint-python
lint-python: .make/venv  ## Ruff and mypy --strict
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --strict

.PHONY: wheel
wheel: .make/wheel  ## Build the wheel into dist/

.PHONY: test-wheel
test-wheel: .make/clean-tests  ## Python tests against the wheel in a clean environment
	$(CLEAN_BIN)/python -P -m pytest -q $(PYTEST_ARGS)

.PHONY: stubtest
stubtest: .make/clean-tests  ## The stubs against the binary
	cd .make && $(CLEAN_BIN)/python -P -m mypy.stubtest p13n._core

# ---------------------------------------------------------------- longer work

.PHONY: golden
golden: .make/node  ## Compute the golden expectations again with Node
	node tests/golden/expr/generate.mjs

# Random expressions, here and in Node; the short form is in `cargo test`. Mismatches are printed as
# golden cases.
.PHONY: fuzz-expr
fuzz-expr: .make/node  ## Random expressions against Node (PROGRAMS=1000000, SEED=N)
	cargo test --quiet --profile campaign --test oracle -- \
	  fuzz --programs $(or $(PROGRAMS),1000000) $(SEEDED)

# Random lives of a reactor, here and in plain maps; the short form is in `cargo test`.
.PHONY: profile-model
profile-model: .make/tools  ## Random lives of a reactor against plain maps (CASES=100000, SEED=N)
	cargo test --quiet --profile campaign --test profile_model -- \
	  --cases $(or $(CASES),100000) $(SEEDED)

# The assertions of a test262 checkout that lie in our grammar; not in CI: the checkout is not ours.
.PHONY: test262
test262: .make/node  ## Assertions of a test262 checkout that our grammar holds (DIR=path)
	@[ -d "$(DIR)/test/built-ins" ] || $(call SAY_NO,make test262 DIR=path/to/test262)
	cargo build --quiet --profile campaign --test oracle
	node tests/oracle/test262.mjs $(DIR) \
	  "$$(ls -t target/campaign/deps/oracle-* | grep -v '\.d$$' | head -n 1)"

# Coverage-guided, each target for SECONDS; RUSTC_BOOTSTRAP lets the stable compiler count coverage.
.PHONY: fuzz-core
fuzz-core: .make/tools  ## libFuzzer on the parser, the evaluator and templates (SECONDS=600)
	@command -v cargo-fuzz >/dev/null || $(call SAY_NO,cargo install cargo-fuzz first)
	cargo test --quiet --test oracle -- seeds fuzz/corpus
	for target in parse evaluate template; do \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none $$target -- \
	    -max_total_time=$(or $(SECONDS),600) -timeout=10 -rss_limit_mb=4096 -max_len=4096; \
	done

# The campaign in full (docs/reliability.md). SEED=N repeats what a seed decides; a part that this
# system does not let run ends with a code other than 0, or with SKIP_OK=1 only says so.
CAMPAIGN = cargo test --quiet --profile campaign --test campaign --
SEEDED = $(if $(SEED),--seed $(SEED))
OR_SKIPPED = $(if $(SKIP_OK),|| [ $$? = 77 ])

.PHONY: crash
crash: .make/release  ## kill -9 the log's driver (KILLS=10000) and the service (CYCLES=300)
	$(CAMPAIGN) kill --size $(or $(KILLS),10000) $(SEEDED)
	$(BIN)/python tests/crash/campaign.py --cycles $(or $(CYCLES),300) $(SEEDED)
	$(BIN)/python tests/crash/campaign.py --cycles $(or $(CYCLES),300) --sync interval $(SEEDED)

.PHONY: powercut
powercut: .make/tools  ## Cut the power of an ext4 file system under the driver (CUTS=1000)
	$(CAMPAIGN) powercut --size $(or $(CUTS),1000) $(SEEDED) $(OR_SKIPPED)

.PHONY: faults
faults: .make/tools  ## Crash images (IMAGES=1000000), the N-th call, every flip and cut, sync order
	$(CAMPAIGN) images --size $(or $(IMAGES),1000000) $(SEEDED)
	$(CAMPAIGN) reactor $(SEEDED)
	$(CAMPAIGN) sweep --size $(or $(OPERATIONS),2000) $(SEEDED)
	$(CAMPAIGN) damage $(SEEDED)
	$(CAMPAIGN) order $(SEEDED) $(OR_SKIPPED)

.PHONY: soak
soak: .make/tools  ## Visitors come and go for minutes (SECONDS=600), and memory stays where it was
	P13N_SOAK_S=$(or $(SECONDS),600) cargo test --quiet --profile campaign --test soak -- --nocapture
.PHONY: erasure
erasure: .make/tools  ## Erase 1,000 of 100,000 people, prove it; die at every call of the disk
	P13N_ERASURE=1 P13N_CASES=1 cargo test --profile campaign --test erasure -- --nocapture
	P13N_ERASURE_KILLS=100 $(BIN)/python -m pytest -q -s tests/test_erasure.py

.PHONY: mutants
mutants: .make/tools  ## Twelve deliberate faults, each of which the campaign must catch
	cargo test --quiet --profile campaign --features mutants --test campaign -- mutants $(SEEDED)

.PHONY: shuttle
shuttle: .make/tools  ## The log under a million orders of its threads (SCHEDULES=1000000)
	cargo test --quiet --profile campaign --features shuttle --test schedules -- \
	  --size $(or $(SCHEDULES),1000000) $(SEEDED)

.PHONY: bench
bench: .make/release  ## All benches, beside their controls; writes benches/results/
	cargo bench --quiet --bench '*'
	for bench in $(BENCHES); do $(BIN)/python $$bench; done

# Not a part of `bench`: it compiles five other engines, which takes minutes.
.PHONY: bench-peers
bench-peers: .make/tools  ## Expressions beside QuickJS, CEL, Rhai, Zen and Boa (CASES='some find')
	cargo run --release --manifest-path benches/peers/Cargo.toml -- $(CASES)

.PHONY: docs
docs: develop  ## Run every example of README and docs/, check their links
	$(BIN)/python -m pytest -q tests/test_docs.py

.PHONY: map
map:  ## Write the map of source files into rust/README.md
	$(PYTHON) tests/source_map.py .

.PHONY: lock
lock:  ## Resolve the newest allowed versions into requirements-dev.lock
	rm -rf .make/lock-venv
	$(PYTHON) -m venv .make/lock-venv
	.make/lock-venv/bin/python $(PIP_INSTALL) --upgrade 'pip>=25.1'
	.make/lock-venv/bin/python -c 'import tomllib; \
	  p = tomllib.load(open("pyproject.toml", "rb")); \
	  print(*p["project"]["dependencies"], *p["dependency-groups"]["development"], sep="\n")' \
	  > .make/lock.in
	.make/lock-venv/bin/python $(PIP_INSTALL) -r .make/lock.in
	{ sed -n '/^#/p' requirements-dev.lock; .make/lock-venv/bin/python -m pip freeze; } \
	  > .make/lock.out
	mv .make/lock.out requirements-dev.lock

.PHONY: clean
clean:  ## Remove everything that was built
	rm -rf target dist build .make $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf benches/peers/target
	find python -name '*.so' -delete
	find python tests benches -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

.PHONY: help
help:  ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) \
	  | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

# ---------------------------------------------------------------- set-up, remembered in .make/

SAY_NO = { printf 'p13n: %s\n' "$(1)" >&2; exit 1; }

.make/tools:
	@command -v $(PYTHON) >/dev/null \
	  || $(call SAY_NO,Python 3.11 or newer is needed (make PYTHON=... names another one))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || $(call SAY_NO,$(PYTHON) is too old: 3.11 or newer is needed (make PYTHON=...))
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || $(call SAY_NO,$(PYTHON) lacks venv and ensurepip (on Debian: apt-get install python3-venv))
	@command -v cargo >/dev/null || $(call SAY_NO,cargo is needed (Rust 1.95 or newer))
	@mkdir -p .make && touch $@

.make/node: .make/tools
	@command -v node >/dev/null || $(call SAY_NO,node is needed to compute golden expectations)
	@touch $@

.make/venv: .make/tools requirements-dev.lock
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) -r requirements-dev.lock
	@touch $@

# The development and the release build install to the same place: each forgets the other.
.make/develop: .make/venv $(WHEEL_SOURCES)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --quiet
	@rm -f .make/release && touch $@

.make/release: .make/venv $(WHEEL_SOURCES)
	@echo "Building p13n for release: two to five minutes the first time."
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --quiet --release
	@rm -f .make/develop && touch $@

.make/wheel: .make/venv $(WHEEL_SOURCES)
	rm -rf dist
	$(BIN)/maturin build --quiet --release --out dist
	@touch $@

# First the wheel and what it asks for, alone: it must run before any tool for tests is there.
.make/clean-tests: .make/wheel
	rm -rf $(CLEAN)
	$(PYTHON) -m venv $(CLEAN)
	$(CLEAN_BIN)/python $(PIP_INSTALL) --constraint requirements-dev.lock dist/*.whl
	cd .make && $(CLEAN_BIN)/p13n --help >/dev/null
	$(CLEAN_BIN)/python $(PIP_INSTALL) --constraint requirements-dev.lock \
	  pytest pytest-timeout mypy duckdb pyarrow
	@touch $@
