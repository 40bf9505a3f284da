.DEFAULT_GOAL := help
PY := .venv/bin/python

.PHONY: help venv lock format lint types layers test check demo clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

venv: .venv/.ready  ## a virtual environment with everything a developer needs, as locked

.venv/.ready: requirements-dev.txt pyproject.toml
	python3 -m venv .venv
	$(PY) -m pip install --quiet --require-hashes -r requirements-dev.txt
	$(PY) -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

lock:  ## write the locked requirements anew (needs uv)
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-header -q -o requirements.txt
	uv pip compile pyproject.toml --group dev -c requirements.txt --universal --python-version 3.11 --generate-hashes --no-header -q -o requirements-dev.txt

format:  ## format the code
	$(PY) -m ruff format src tests benchmarks
	$(PY) -m ruff check --fix-only -q src tests benchmarks

lint:  ## formatting and ruff
	$(PY) -m ruff format --check src tests benchmarks
	$(PY) -m ruff check src tests benchmarks

types:  ## mypy --strict
	$(PY) -m mypy

layers:  ## who may import whom
	.venv/bin/lint-imports

test:  ## the fast suite
	$(PY) -m pytest

demo:  ## every job in a minute, on the embedded local org
	.venv/bin/sfsync demo
