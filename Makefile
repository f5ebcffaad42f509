# Everyday commands. Everything happens in a virtual environment of this folder, .venv, which each
# command sets up first: only Python 3.11 or newer, a C compiler and make are needed.
# The long proofs are in proofs.mk; `make` alone lists both.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
COMPILED := $(wildcard bitmart_book/_book.p* bitmart_book/native/*.p* bitmart_book/wire/_fast.p*) \
    setup.py pyproject.toml
# Recorded streams, where they are at hand.
REAL := $(addprefix --real ,$(firstword $(BITMART_BOOK_DATA) $(wildcard ../shared/data)))
VENUE ?= bitmart
DEMO_bitmart := BTC_USDT ETH_USDT
DEMO_kraken := BTC/USD ETH/USD
DEMO_okx := BTC-USDT BTC-USDT-SWAP
DEMO_bybit := BTCUSDT ETHUSDT
CPUS := $(shell $(PYTHON) -c 'import os; print(os.cpu_count())' 2>/dev/null)
# One more, since some tests wait; with three more the tests took longer.
TESTERS := $(shell expr $(CPUS) + 1)

.DEFAULT_GOAL := help

##@ Every day

demo: $(VENV)/.package ## ten seconds of two live books, from the exchange in the box; VENUE=kraken, okx or bybit: its
	@$(BIN)/bitmart-book watch $(DEMO_$(VENUE)) --venue $(VENUE) --source sim --seconds 10

account: $(VENV)/.package ## orders of your own at that exchange: one rests, one fills
	@$(BIN)/python examples/own_orders.py

# PYTHONS: all, those of this machine; 3.12, that one; oldest, the oldest versions of what it needs.
test: $(VENV)/.test $(VENV)/.watch ## the tests; PYTHONS=all: with every Python that is here, PYTHONS=oldest
	$(if $(PYTHONS),$(BIN)/python -m tests.pythons $(PYTHONS),\
	    $(BIN)/python -m pytest -q -n $(TESTERS) --dist worksteal)

lint: $(VENV)/.lint ## ruff and cython-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint bitmart_book

types: $(VENV)/.types ## mypy and pyright: the package, the stub, both faces, every example shown
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest bitmart_book._book --mypy-config-file pyproject.toml
	$(BIN)/mypy --strict tests/typing/faces.py
	$(BIN)/basedpyright -p tests/typing
	$(BIN)/python -m tests.typing.shown

format: $(VENV)/.lint ## let ruff put the code in form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.package ## how fast it is on this machine, beside books made of its dependencies
	$(BIN)/bitmart-book bench $(REAL)

# Whoever installs the sdist does what is done here: unpacks it and builds a wheel of it. What was
# built is then used in a clean environment, and not beside the sources. It is not optimised here,
# which would take most of the time: `make wheel` tries what is published.
USED := build/package/used
package: $(VENV)/.test ## build the sdist and a wheel of it, install that in a clean environment, use it
	rm -rf build/package && mkdir -p build/package
	$(BIN)/python -m build --quiet --sdist --outdir build/package .
	BITMART_BOOK_DEBUG=1 $(PIP) wheel --quiet --no-deps --wheel-dir build/package build/package/*.tar.gz
	$(BIN)/python -m benchmarks.frames --updates 50 --out build/package/frames.jsonl.gz
	$(PYTHON) -m venv $(USED)
	$(USED)/bin/pip --disable-pip-version-check install --quiet build/package/*.whl
	cd build/package && used/bin/bitmart-book replay --json frames.jsonl.gz
	cd build/package && used/bin/bitmart-book bench --quick --only frames --only websocket
	$(PIP) --python $(USED)/bin/python install --quiet "picows>=2.3,<2.4"
	cd build/package && used/bin/python -c "import bitmart_book.wire.transports as t; assert t.why_not_fast() is None"

check: $(VENV)/.test $(VENV)/.lint $(VENV)/.types ## lint, types and package, side by side
	@$(MAKE) --jobs --output-sync=target lint types package

# Nothing is fetched but what builds it. SERVE=1 shows it, on this machine only.
docs: $(VENV)/.docs ## the documentation as a site, in build/site: warnings are errors, links are checked
	$(BIN)/python -m tests.site $(if $(SERVE),--serve)

picture: $(VENV)/.test $(VENV)/.watch ## the pictures in README and docs/watch.md, from the real program
	COLUMNS=100 LINES=27 $(BIN)/bitmart-book watch BTC_USDT ETH_USDT --source sim --seconds 8 \
	    --svg docs/watch.svg
	$(BIN)/python -m tests.site.picture docs/watch-keys.svg

clean: ## remove what the others made
	rm -rf $(VENV) build dist *.egg-info .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f $(foreach kind,c so html,bitmart_book/*.$(kind) bitmart_book/wire/*.$(kind))
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

include proofs.mk

# A line with a description is a command and no file.
COMMAND := ^[a-z-]+:.*\#\# 
.PHONY: help sanitized $(shell grep -hoE '$(COMMAND)' $(MAKEFILE_LIST) | sed 's/:.*//')

help:
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	    /$(COMMAND)/ { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- set-up ---

$(VENV)/.python:
	@command -v $(PYTHON) >/dev/null || { echo "missing: $(PYTHON) (Python 3.11 or newer)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "missing: Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	    { echo "missing: Python's venv module (Debian: apt install python3-venv)"; exit 1; }
	@command -v $${CC:-cc} >/dev/null || \
	    { echo "missing: a C compiler (Debian: apt install gcc libc6-dev)"; exit 1; }
	@test -f "$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" || \
	    { echo "missing: Python's C headers (Debian: apt install python3-dev)"; exit 1; }
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.package: $(VENV)/.python $(COMPILED)
	@echo "building bitmart_book"
	@PYTHONWARNINGS=ignore $(PIP) install --quiet --editable .
	@touch $@

$(addprefix $(VENV)/.,test docs lint types tables notebook watch coverage fuzz cross release): $(VENV)/.%: $(VENV)/.package
	@$(PIP) install --quiet --group $*
	@touch $@
