# One line a target; `make help` lists them. Needs make and git; each target installs what else it needs, when root.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build again packages build-packages check-packages demo-packages test-packages kernel-packages people-packages \
	bench-packages demo check check-lint check-types check-test-types check-repository unit test coverage kernel units people long bare versions checked compilers compiled-by mutated bench bench-dns bench-gate fuzz adversary hostile docs lock newest dist release clean

# Debian 13 and Ubuntu 24.04 have all of them. Each target installs what it needs; `make packages` installs all.
BUILD_PACKAGES := gcc libc6-dev libssl-dev python3 python3-dev python3-venv ca-certificates
RUN_PACKAGES := nftables iproute2 procps
CHECK_PACKAGES := mandoc minisign prometheus systemd
DEMO_PACKAGES := bind9-dnsutils curl nginx openssl unbound
# lua-cqueues: kresd does not start without it; Debian only recommends it.
TEST_PACKAGES := $(CHECK_PACKAGES) $(DEMO_PACKAGES) apache2-bin bind9 caddy dnsdist dnsmasq-base dnsperf dovecot-imapd fonts-noto-core freeradius freeradius-utils gnupg gpgv haproxy knot \
	knot-dnsutils libharfbuzz-subset0 libpango-1.0-0 libpangoft2-1.0-0 knot-resolver lighttpd lua-cqueues nghttp2-client nodejs nsd pdns-backend-sqlite3 pdns-recursor pdns-server postgresql rsyslog rsyslog-gnutls rsyslog-openssl sqlite3 tshark xz-utils zsh
# Debian alone has the browsers; without, the tests that drive them are skipped.
KERNEL_PACKAGES := $(TEST_PACKAGES) gnutls-bin chromium? firefox-esr?
# Ubuntu's chromium is no package; without it, the tests are skipped.
PEOPLE_PACKAGES := chromium? fonts-noto-core fonts-noto-color-emoji
BENCH_PACKAGES := $(TEST_PACKAGES) conntrack ethtool iptables suricata

BIN := .venv/bin
# In .ci/run, what fails is played once more.
PYTEST := $(BIN)/python .ci/pytest
SOURCES := setup.py $(wildcard fastpath/*/*.pyx fastpath/*/*.pxd)
# Four workers on two cores: much of `make test` waits for servers. Who has no more tests takes over half of another's.
PARALLEL ?= -n 4 --dist worksteal
# The units wait for nothing: more workers than cores only collect the tests once more.
CORES ?= -n auto --dist loadfile
# Each worker makes a laboratory of its own; most of the tier waits for packets that do not come. Split by tests/kernel/conftest.py.
LABS ?= -n 3 --dist loadfile
NOT_UNIT := services or kernel or people or long
# Files of another tier as a whole are not even imported: that is a sixth of all tests, in every worker.
UNIT = -m 'not ($(NOT_UNIT))' --ignore tests/repo --hypothesis-profile unit \
	$$(grep -rlE --include 'test_*.py' '^pytestmark = \[?pytest\.mark\.(services|kernel|people|long)\b' tests | sed 's/^/--ignore=/')
SECONDS ?= 60# of every fuzz target
PACKETS ?= 10000000# of `make mutated`
COMPILERS ?= gcc-12 gcc-14 clang-19# of `make compilers`
CELLS ?=# of `make bare`: empty: all
TESTS ?=# of `make newest`: files of tests; empty: those of `make unit`
T ?=# one fuzz target; empty: all of them
KEY ?=# of `make release`: the file of minisign's secret key
DB ?=# postgres: every database is PostgreSQL's, the daemons', too; empty: SQLite's, and each test that opens one itself runs with both
export DB

# `dns` must be ours wherever a command is started from.
export PYTHONSAFEPATH := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The tests start some thousand commands and roles: each would compile what it imports, and each worker all tests.
unexport PYTHONDONTWRITEBYTECODE
# The tests start processes by the thousand. In some virtual machines page faults take long; large pages have few.
check unit test kernel people: export PYTHONMALLOC := malloc
check unit test kernel people: export GLIBC_TUNABLES := glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

build: .venv/.compiled ## make .venv, with filterd compiled in it

again: # somebody has removed what was compiled

packages: build-packages check-packages demo-packages test-packages kernel-packages people-packages bench-packages

build-packages: ; @.ci/packages $(BUILD_PACKAGES) $(RUN_PACKAGES)
check-packages: ; @.ci/packages $(CHECK_PACKAGES)
demo-packages: ; @.ci/packages $(DEMO_PACKAGES)
test-packages: ; @.ci/packages $(TEST_PACKAGES)
kernel-packages: ; @.ci/packages $(KERNEL_PACKAGES)
people-packages: ; @.ci/packages $(PEOPLE_PACKAGES)
bench-packages: ; @.ci/packages $(BENCH_PACKAGES)

.venv/.installed: pyproject.toml requirements-dev.lock .ci/venv $(shell .ci/venv check || echo again) | build-packages
	.ci/venv
	touch $@

.venv/.compiled: .venv/.installed $(SOURCES) $(if $(wildcard fastpath/*/*.so),,again)
	FILTERD_BUILD=release $(BIN)/python setup.py -q build_ext --inplace
	touch $@

demo: build demo-packages ## show the whole product in a laboratory of network namespaces, step by step; without root, the steps that need none
	$(BIN)/filterd lab run

check: build check-packages ## ruff, cython-lint, mypy (of the tests, too), stubtest, and the tests of the repository itself
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-repository check-test-types check-types check-lint

check-lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	PATH=$(BIN):$$PATH cython-lint fastpath/*/
	$(BIN)/python -m mypy.stubtest --allowlist .ci/stubtest.allow fastpath

check-types:
	$(BIN)/mypy

check-test-types:
	$(BIN)/mypy --config-file tests/mypy.ini

check-repository:
	$(BIN)/python .ci/pytest -q -m 'not long' tests/repo

unit: build ## run the tests that start no process: units, properties, fuzz corpus; no root
	$(PYTEST) -q $(CORES) $(UNIT) --durations=10

test: build test-packages ## run all tests that need no root: `unit`, and those with real servers on the loopback; with PostgreSQL: DB=postgres
	$(PYTEST) -q $(PARALLEL) $(COUNTED) -m 'not kernel and not people and not long' --ignore tests/repo --durations=10

coverage: export COVERAGE_CORE := sysmon
coverage: COUNTED := --cov --cov-report=
coverage: test ## `test`, counting which lines it runs: fails where they are fewer than the floors in .ci/coverage
	.ci/coverage

kernel: build kernel-packages ## run the tests in network namespaces; needs root
	@$(BIN)/python -m filterd.box.capabilities kernel
	$(PYTEST) -q $(LABS) -m kernel --durations=10 $$(grep -rl --include "test_*.py" mark.kernel tests)

units: build kernel-packages ## run the units under a systemd of their own: start, stop, and what the account of each role may do; needs root
	@$(BIN)/python -m filterd.box.capabilities units
	$(PYTEST) -q tests/systemd --durations=10

people: build people-packages ## open every page in a browser on the screen of a phone; screenshots in build/shots; no root
	rm -rf build/shots
	$(PYTEST) -q -n 2 -m people --durations=5 tests/people

long: build test-packages ## run the tests that take more than ten seconds each
	$(BIN)/pytest -q -m long --durations=10

bare: ## run demo, unit, test and kernel, each as the first command on a bare Debian 13, as root, in a container and as a user; or CELLS='root:demo'
	.ci/bare $(CELLS)

versions: build test-packages ## run the tests on every Python from 3.11 to 3.13 that is installed
	$(BIN)/tox

# A tree of what was compiled by $(1) as flavour $(2): build/$(1)/tree, to be put before the sources. Only fastpath is in it.
define compiled
	FILTERD_BUILD=$(2) $(BIN)/python setup.py -q build_ext --build-temp build/$(1)/temp --build-lib build/$(1)/tree
	find fastpath -name '*.py' -exec cp --parents -t build/$(1)/tree {} +
endef
SANITIZED := LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
	    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

checked: build test-packages ## run the tests of fastpath with every index checked, then under the address and undefined behaviour sanitizers
	$(call compiled,checked,checked)
	$(BIN)/pytest -q $(CORES) -o pythonpath='build/checked/tree . tests' tests/fastpath
	$(call compiled,asan,asan)
	$(SANITIZED) $(BIN)/pytest -q -s $(CORES) -o pythonpath='build/asan/tree . tests' tests/fastpath

compilers: build test-packages ## build with each of COMPILERS='gcc-12 gcc-14 clang-19', warnings are errors, and run the tests of fastpath, fuzz corpus and adversary
	@.ci/packages $(COMPILERS)
	for cc in $(COMPILERS); do $(MAKE) --no-print-directory compiled-by CC=$$cc || exit 1; done

compiled-by:
	$(call compiled,$(CC),tested)
	$(BIN)/pytest -q $(CORES) -o pythonpath='build/$(CC)/tree . tests' -m 'not long' tests/fastpath tests/fuzz tests/adversary
	PYTHONPATH=build/$(CC)/tree:.:tests $(BIN)/python tests/adversary/search.py --seconds 20

mutated: build ## send PACKETS=10000000 mutated packets through the gate, under both sanitizers
	$(call compiled,asan,asan)
	$(SANITIZED) PYTHONPATH=build/asan/tree:.:tests \
	    $(BIN)/python tests/fuzz/mutate_packets.py $(PACKETS)

bench: build bench-packages ## run every benchmark, and other products for comparison; results go to bench/history/
	$(BIN)/uv pip install -q --require-hashes -r requirements-bench.lock \
	    || echo 'bench: not all peers could be installed; going on without them' >&2
	$(BIN)/python bench/run.py

fuzz: build ## run every fuzz target for SECONDS=60, or one of them: T=tls
	$(BIN)/python tests/fuzz/run.py --seconds $(SECONDS) $(T)

hostile: build test-packages ## attack a running filterd; print for each attack what was sent, lost and revealed; as root in a network of its own
	$(BIN)/python tests/hostile/run.py

adversary: build ## search for SECONDS=60 for packets that get a listed name past the gate, or keep an allowed one from its client
	$(BIN)/python tests/adversary/search.py --seconds $(SECONDS)

bench-dns: build bench-packages ## compare the DNS front with dnsdist, Unbound and PowerDNS, also while images and zones change, and under load for minutes
	$(BIN)/python bench/run.py dns swap soak ixfr

bench-gate: build bench-packages ## compare the gateway with and without the gate, and with Suricata; also with a gate that is killed, hung or full; needs root
	$(BIN)/python bench/run.py gate gate_queue gate_live gate_faults gate_flows peers_gate

docs: build ## write the generated pages of docs/, and build the manual from all pages: build/docs/index.html
	$(BIN)/python docs/generate.py
	@$(BIN)/python -c 'import furo, myst_parser, sphinx' 2>/dev/null || { echo "docs: Sphinx, myst-parser or furo is missing; the generated pages" \
	    "are written, build/docs is as it was; install them: .ci/venv" >&2; exit 3; }
	$(BIN)/python -m sphinx -q -W --keep-going -n -c docs . build/docs

lock: .venv/.installed ## write requirements*.lock again: the newest versions that pyproject.toml allows, with their digests
	.ci/lock

newest: build ## install the newest versions that pyproject.toml allows in an environment of its own, print what moved, run `unit`, or TESTS=tests/…
	.ci/newest
	build/newest/venv/bin/python -m pytest -q $(CORES) $(or $(TESTS),$(UNIT))

dist: export SOURCE_DATE_EPOCH = $(shell git log -1 --format=%ct)
dist: build ## build sdist, wheel and bill of materials in dist/, test their contents, and install them in a clean place
	rm -rf dist
	mkdir -p build
	PIP_CONSTRAINT=$(CURDIR)/.ci/build-constraints.txt $(BIN)/python -m build --outdir dist . >build/dist.log || { tail -n 20 build/dist.log >&2; exit 1; }
	version=$$($(BIN)/python -c 'import filterd; print(filterd.__version__)'); \
	    sed "s/^dynamic = .*/version = \"$$version\"/" pyproject.toml >build/pyproject.toml
	$(BIN)/cyclonedx-py requirements requirements.lock --pyproject build/pyproject.toml --output-reproducible \
	    --output-file dist/filterd.cdx.json
	FILTERD_DIST=dist $(BIN)/pytest -q -m long tests/repo/test_artefacts.py
	ls -l dist

release: check-packages ## tag this commit as the version of filterd/__init__.py: `dist`, notes, digests signed with KEY=FILE; pushes nothing
	.ci/release

clean: ## remove everything that was built
	rm -rf .venv build dist .tox *.egg-info fastpath/*/*.so fastpath/*/*.c .mypy_cache .ruff_cache .pytest_cache
