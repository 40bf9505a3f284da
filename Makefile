.DEFAULT_GOAL := help
PY := .venv/bin/python

SPHINX := .venv/bin/sphinx-build -q -n -W --keep-going

# What is Python here and meant for people to read.
CODE := $(wildcard src tests benchmarks docs scripts)
# At least this much of what pyproject.toml names as [tool.coverage.run] source runs under the tests.
FLOOR := 95
COVERAGE := --cov --cov-branch --cov-report=
# How much chaos, on how many cores; SEED= plays the same again.
SCHEDULES ?= 2000
JOBS ?= 2

.PHONY: help venv lock format lint types layers docs html man docs-check test slow long faults coverage audit sbom crash chaos mutants check guard measured demo

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

venv: .venv/.ready  ## a virtual environment with everything a developer needs, as locked

.venv/.ready: requirements-dev.txt pyproject.toml
	python3 -m venv .venv
	$(PY) -m pip install --quiet --require-hashes -r requirements-dev.txt
	$(PY) -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

lock:  ## write the locked requirements anew (needs uv)
	uv pip compile --no-strip-extras pyproject.toml --extra realtime --group build --universal --python-version 3.11 --generate-hashes --no-header -q -o requirements.txt
	uv pip compile --no-strip-extras pyproject.toml --extra notify --extra realtime --group dev -c requirements.txt --universal --python-version 3.11 --generate-hashes --no-header -q -o requirements-dev.txt

format:  ## format the code
	$(PY) -m ruff format $(CODE)
	$(PY) -m ruff check --fix-only -q $(CODE)

lint:  ## formatting and ruff
	$(PY) -m ruff format --check $(CODE)
	$(PY) -m ruff check $(CODE)

types:  ## mypy --strict
	$(PY) -m mypy
	$(PY) -m mypy docs/generate.py

layers:  ## who may import whom
	.venv/bin/lint-imports

docs:  ## write what the documentation takes from the code
	$(PY) docs/generate.py

html:  ## the documentation as web pages, in docs/_build/html; a warning is an error
	$(SPHINX) -b html docs docs/_build/html

man:  ## the manual page, docs/_build/man/sfsync.1
	$(SPHINX) -b man docs docs/_build/man

docs-check:  ## fail where that is stale
	$(PY) docs/generate.py --check

test:  ## the tests, but for those that take seconds each
	$(PY) -m pytest

slow:  ## those that `make test` and CI leave out, and `make check` runs as well
	$(PY) -m pytest -m "slow and not long and not faults and not crash"

long:  ## trouble of every kind, a telling slice of it
	$(PY) -m pytest -m "(long or always) and not faults and not crash" tests/crash tests/faults tests/trouble tests/laws

faults:  ## every cell of the tables of trouble, where the tests take the telling ones
	$(PY) -m pytest -m faults --dist=worksteal tests

coverage:  ## the tests, and how much of the code they run, branch by branch
	$(PY) -m coverage erase
	$(PY) -m pytest $(COVERAGE) -m "not long and not faults and not crash"
	$(PY) -m coverage report --fail-under=$(FLOOR)

audit: sbom  ## known vulnerabilities of what is locked, where an index of them answers
	$(PY) .ci/audit.py requirements.txt requirements-dev.txt

sbom:  ## what sfsync is made of, by the lock, as CycloneDX: dist/sbom.cdx.json
	mkdir -p dist
	.venv/bin/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --mc-type application --output-reproducible --validate -o dist/sbom.cdx.json

crash:  ## killed at every place there is, a commit or a call at a time: many minutes
	$(PY) -m pytest tests/crash -m "crash or not crash" --dist=loadgroup --timeout=3600

chaos:  ## thousands of random schedules of edits, trouble and crashes (SEED=, SCHEDULES=, JOBS=), and the tests' own long run
	.venv/bin/sfsync selftest --schedules $(SCHEDULES) --jobs $(JOBS) $(addprefix --seed ,$(SEED))
	$(PY) -m pytest -m long tests/chaos tests/unit/cli/test_selftest.py

mutants:  ## change the deciding code in a thousand ways: the tests have to notice (a quarter of an hour)
	$(PY) -m pip install --quiet mutmut==3.8.1
	rm -rf mutants
	.venv/bin/mutmut run
	.venv/bin/mutmut results

check: guard coverage  ## everything that guards the code

guard: lint types layers docs-check html man  ## the checks that run no test

measured:  ## how much of the code the last tests ran, where these were run with coverage, as CI does
	$(PY) -m coverage report --fail-under=$(FLOOR)

demo:  ## every job in a minute, on the embedded local org
	.venv/bin/sfsync demo
