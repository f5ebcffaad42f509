# Everything happens in a local virtual environment; only python3, a C compiler and make are needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
COMPILED := $(wildcard bitmart_book/_book.p* bitmart_book/native/*.p*) setup.py pyproject.toml
# The books that others wrote want a newer Python than this package does: see bench-peers.
PEERS := build/peers
PEERS_PYTHON ?= $(shell for python in python3.12 python3.13 python3.14 \
    $(wildcard $(HOME)/.pyenv/versions/3.1[234]*/bin/python) $(PYTHON); do \
    $$python -c 'import sys; sys.exit(not (3, 12) <= sys.version_info < (3, 15))' 2>/dev/null \
    && echo $$python && break; done)
# Recorded streams, where they are at hand.
REAL := $(addprefix --real ,$(firstword $(BITMART_BOOK_DATA) $(wildcard ../shared/data)))
CPUS := $(shell $(PYTHON) -c 'import os; print(os.cpu_count())' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo account test slow trust mutants simulate strangers sanitize sanitized fuzz replay soak leaks bench \
    bench-peers instructions lint types format package coverage picture peers clean

help:
	@echo "make demo      ten seconds of two live books, from the exchange in the box"
	@echo "make account   orders of your own at that exchange: one rests, one fills"
	@echo "make test      the tests"
	@echo "make slow      the long tests too: 2,000 runs of each property, ten minutes of market"
	@echo "make mutants   one seeded bug after the other, each of which a test must notice"
	@echo "make simulate  faults in virtual time: SEED=1 SEEDS=1 HOURS=1 (symbol-hours of each seed)"
	@echo "make strangers a second world's lies in virtual time: SEEDS=1 HOURS=1 (of each seed)"
	@echo "make bench     the numbers in README, measured here and now"
	@echo "make bench-peers   the same beside other libraries' books, into docs/performance.md"
	@echo "make instructions  instructions a frame, counted by valgrind, beside the last count"
	@echo "make lint      ruff and cython-lint"
	@echo "make types     mypy, and the stub against the binary"
	@echo "make package   build wheel and sdist, install each in a clean environment, use it"
	@echo "make coverage  line coverage, the compiled code included"
	@echo "make peers     the exchange in the box against a client for Node (needs npm)"
	@echo "make portable  the tests with the portable twin of what reads many characters at once"
	@echo "make sanitize  the tests under AddressSanitizer and UBSan"
	@echo "make fuzz      ten million random inputs under them, a million at the Python boundary"
	@echo "make replay    one finding again: FILE=build/fuzz/NAME.jsonl"
	@echo "make soak      a day of messages, bombs, threads, a thousand topics: memory and limits"
	@echo "make trust     every figure of docs/trust.md, in one table: forty minutes"
	@echo "make leaks     connections opened and closed two hundred times: what is left behind"
	@echo "make picture   the picture in README, from the real program"
	@echo "make clean     remove what the others made"

demo: $(VENV)/.package
	@$(BIN)/bitmart-book watch BTC_USDT ETH_USDT --source sim --seconds 10

account: $(VENV)/.package
	@$(BIN)/python examples/own_orders.py

test: $(VENV)/.test
	$(BIN)/python -m pytest -q -n $(CPUS) --dist worksteal

slow: $(VENV)/.test
	HYPOTHESIS_PROFILE=slow $(BIN)/python -m pytest -q -n $(CPUS) --dist worksteal -m "slow or not slow" --timeout 3600

mutants: $(VENV)/.test $(VENV)/.coverage
	$(BIN)/python -m tests.mutants --jobs $(CPUS)

SEED ?= 1
SEEDS ?= 1
HOURS ?= 1
FAULTS ?= all

simulate: $(VENV)/.test
	$(BIN)/python -m tests.simulation --seed $(SEED) --seeds $(SEEDS) --hours $(HOURS) \
	    --faults "$(FAULTS)" --jobs $(CPUS)

strangers: $(VENV)/.test
	$(BIN)/python -m tests.strangers --seeds $(SEEDS) --hours $(HOURS)

bench: $(VENV)/.package
	$(BIN)/bitmart-book bench $(REAL)

bench-peers: $(PEERS)/.peers
	@echo "with $$($(PEERS)/bin/python -V), $(or $(PEERS_PYTHON),$(PYTHON))"
	$(PEERS)/bin/bitmart-book bench --peers $(REAL) --svg docs/bench.svg --json > $(PEERS)/report.json
	$(PEERS)/bin/python -m benchmarks.record $(PEERS)/report.json

instructions: $(VENV)/.package
	@command -v valgrind >/dev/null || { echo "missing: valgrind (Debian: apt install valgrind)"; exit 1; }
	$(BIN)/python -m benchmarks.instructions

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/cython-lint bitmart_book

types: $(VENV)/.types
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest bitmart_book._book --mypy-config-file pyproject.toml

format: $(VENV)/.lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

package: $(VENV)/.test
	rm -rf build/package && mkdir -p build/package
	$(BIN)/python -m build --quiet --outdir build/package/dist .
	for file in build/package/dist/*; do \
	    rm -rf build/package/venv && $(PYTHON) -m venv build/package/venv && \
	    build/package/venv/bin/pip --disable-pip-version-check install --quiet $$file && \
	    $(BIN)/python -m benchmarks.frames --updates 50 --out build/package/frames.jsonl.gz && \
	    (cd build/package && venv/bin/bitmart-book replay --json frames.jsonl.gz && \
	    venv/bin/bitmart-book bench --quick --only frames --only websocket) || exit 1; \
	done

# Tracing runs Python code in the middle of compiled calls, so that the promise to other threads
# does not hold in this build; and it is slow, so that the simulation is left out.
coverage: $(VENV)/.test $(VENV)/.coverage
	rm -rf build/coverage && git clone --quiet . build/coverage
	cd build/coverage && BITMART_BOOK_COVERAGE=1 $(CURDIR)/$(BIN)/python setup.py -q build_ext --inplace
	cd build/coverage && HYPOTHESIS_PROFILE=quick $(CURDIR)/$(BIN)/python -m coverage run \
	    -m pytest -q -p no:cacheprovider --ignore tests/simulation \
	    --deselect tests/book/test_book.py::test_readers_in_other_threads_see_whole_frames
	cd build/coverage && $(CURDIR)/$(BIN)/python -m coverage report
	cd build/coverage && $(CURDIR)/$(BIN)/python -m coverage report | grep -q _book.pyx

.PHONY: portable sanitized sanitize fuzz replay soak leaks

# What every other machine runs: the same without reading eight or sixteen characters at a time.
portable: $(VENV)/.test
	rm -rf build/portable && git clone --quiet . build/portable
	cd build/portable && BITMART_BOOK_PORTABLE=1 BITMART_BOOK_DEBUG=1 $(CURDIR)/$(BIN)/python setup.py -q build_ext --inplace
	cd build/portable && HYPOTHESIS_PROFILE=quick $(CURDIR)/$(BIN)/python -m pytest -q \
	    -p no:cacheprovider -n $(CPUS) --dist worksteal --ignore tests/simulation

# What is committed, built with sanitizers in a checkout of its own. CPython keeps memory until it
# exits, so that looking for leaks is `make leaks` and not LeakSanitizer.
SANITIZED := build/sanitize
PRELOADED = env LD_PRELOAD="$$($${CC:-cc} -print-file-name=libasan.so) $$($${CC:-cc} -print-file-name=libubsan.so)" \
    ASAN_OPTIONS=detect_leaks=0:halt_on_error=1:malloc_context_size=5:quarantine_size_mb=32 \
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    BITMART_BOOK_DATA="$${BITMART_BOOK_DATA:-$(CURDIR)/../shared/data}"

sanitized: $(VENV)/.test
	@test -d $(SANITIZED) || git clone --quiet . $(SANITIZED)
	@git diff --quiet HEAD || echo "uncommitted changes are not in it"
	@cd $(SANITIZED) && git fetch --quiet origin HEAD && git reset --quiet --hard FETCH_HEAD
	@cd $(SANITIZED) && if test setup.py -nt bitmart_book/_book.c; then rm -f bitmart_book/*.so bitmart_book/*.c; fi
	@cd $(SANITIZED) && BITMART_BOOK_SANITIZE=1 $(CURDIR)/$(BIN)/python setup.py -q build_ext --inplace

# The reports of a process that died are in files: its output belongs to pytest.
sanitize: sanitized
	rm -f $(SANITIZED)/report.*
	cd $(SANITIZED) && PYTHONMALLOC=malloc HYPOTHESIS_PROFILE=quick $(PRELOADED) \
	    sh -c 'ASAN_OPTIONS=$$ASAN_OPTIONS:log_path=report UBSAN_OPTIONS=$$UBSAN_OPTIONS:log_path=report \
	    exec $(CURDIR)/$(BIN)/python -m pytest -q -p no:cacheprovider -n $(CPUS) --dist worksteal' \
	    || { head -n 40 report.* 2>/dev/null; exit 1; }

FUZZ ?= --inputs 10_000_000 --seed 1
BOUNDARY ?= --runs 1_000_000 --seed 1
fuzz: sanitized $(VENV)/.fuzz
	cd $(SANITIZED) && $(PRELOADED) $(CURDIR)/$(BIN)/python -m tests.fuzz.native $(FUZZ) --out $(CURDIR)/build/fuzz
	$(BIN)/python -m tests.fuzz.native --kind bitmart_book.check.shadow:ShadowEngine \
	    --inputs 200_000 --out build/fuzz
	$(BIN)/python -m tests.fuzz.boundary $(BOUNDARY) --out build/fuzz

replay: sanitized
	cd $(SANITIZED) && PYTHONMALLOC=malloc $(PRELOADED) $(CURDIR)/$(BIN)/python -m tests.fuzz.native --replay $(abspath $(FILE))

SOAK ?=
soak: $(VENV)/.test
	$(BIN)/python -m tests.soak.bombs
	$(BIN)/python -m tests.soak.threads
	$(BIN)/python -m tests.soak.topics
	$(BIN)/python -m tests.soak.day $(SOAK)

# make trust SHARE=0.1 does a tenth of what takes long.
SHARE ?= 1
trust: $(VENV)/.test $(VENV)/.coverage
	$(BIN)/python -m tests.trust --share $(SHARE)

leaks: $(VENV)/.test
	PYTHONASYNCIODEBUG=1 $(BIN)/python -W error -m tests.soak.leaks

picture: $(VENV)/.package
	COLUMNS=100 LINES=27 $(BIN)/bitmart-book watch BTC_USDT ETH_USDT --source sim --seconds 8 \
	    --svg docs/watch.svg

peers: $(VENV)/.package
	@command -v npm >/dev/null || { echo "missing: npm"; exit 1; }
	mkdir -p build/peers
	npm install --prefix build/peers --silent --no-audit --no-fund bitmart-api@2.5.1
	for compression in text binary mixed; do \
	    node tests/peers/bitmart_api.mjs $(CURDIR)/$(BIN)/bitmart-book build/peers \
	        --compression $$compression || exit 1; \
	done

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f bitmart_book/*.c bitmart_book/*.so bitmart_book/*.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

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

$(VENV)/.test $(VENV)/.lint $(VENV)/.types $(VENV)/.coverage $(VENV)/.fuzz: $(VENV)/.%: $(VENV)/.package
	@$(PIP) install --quiet --group $*
	@touch $@

# Without a Python that all of them take, those that it does take.
$(PEERS)/.peers: $(VENV)/.python $(COMPILED)
	@echo "setting up $(PEERS) with $(or $(PEERS_PYTHON),$(PYTHON))"
	@$(or $(PEERS_PYTHON),$(PYTHON)) -m venv $(PEERS)
	@$(PEERS)/bin/pip --disable-pip-version-check install --quiet --upgrade "pip>=25.1"
	@$(PEERS)/bin/pip --disable-pip-version-check install --quiet --editable . --group bench-peers
	@touch $@
