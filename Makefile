# Needs Python 3.11 to 3.14 and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
BOOTSTRAP := $(PYTHON) .ci/bootstrap.py

.DEFAULT_GOAL := help
.PHONY: help demo check test conformance soak lint format bench lock clean

help:  ## what there is
	@grep -E '^[a-z]+: .*##|^[a-z]+:  ##' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

demo:  ## start everything on this machine; TRAFFIC=0 starts it quiet, DEMO_WORKERS=4 with four relay processes
	@$(BOOTSTRAP) requirements.txt
	@exec $(BIN)/python manage.py demo $(ARGS)

check: lint  ## style, types, contracts and the tests of pure code, in a minute
	@$(BIN)/pytest -n 2 $(PURE) -m "not bench and not conformance and not soak" $(ARGS)

PURE := tests/architecture tests/documentation/test_numbers.py $(addprefix tests/relay/,platforms protocol simulation throttle)

test: lint  ## all checks and tests, at most ten minutes
	@$(BOOTSTRAP) requirements-dev.txt chromium node
	@$(BIN)/pytest -n 2 -m "not bench and not conformance and not soak" $(ARGS)

conformance:  ## the long rows of the conformance table, relays with faults, every page by keyboard, twenty minutes
	@$(BOOTSTRAP) requirements-dev.txt nginx haproxy chromium node javac curl
	@$(BIN)/pytest -n 4 -m conformance $(ARGS)

soak:  ## faults, floods and load with real processes, about two hours, with figures; run nothing else meanwhile
	@$(BOOTSTRAP) requirements-dev.txt
	@$(BIN)/pytest -n 3 -m "soak and beside" $(ARGS) || [ $$? = 5 ]  # 5: ARGS chose none of them
	@$(BIN)/pytest -m "soak and not beside" --timeout 600 $(ARGS)

lint:  ## style, types, and who may import whom
	@$(BOOTSTRAP) requirements-dev.txt
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@FLOODGATE_DEMO=1 $(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m tests.architecture.bars

format:  ## lay out the code and mend what can be mended
	@$(BOOTSTRAP) requirements-dev.txt
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

bench:  ## measure; ARGS=--help says what can be chosen
	@$(BOOTSTRAP) requirements-dev.txt nginx haproxy
	@exec $(BIN)/python -m tests.bench $(ARGS)

lock:  ## write requirements*.txt anew from requirements*.in
	@$(BOOTSTRAP) requirements-dev.txt
	@$(BIN)/uv pip compile $(LOCK) --output-file requirements.txt requirements.in
	@$(BIN)/uv pip compile $(LOCK) --output-file requirements-dev.txt requirements-dev.in

LOCK := --quiet --universal --python-version 3.11 --generate-hashes --system-certs --custom-compile-command "make lock"

clean:  ## remove what make made
	rm -rf .venv .venv.lock .demo .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
