# Every target sets itself up: the first run makes .venv from the lock, later runs start at once.
# The system's own interpreters first: they are compiled along a profile, and with one that pyenv has compiled, which is
# not, a call costs a seventh more.
PYTHON ?= $(firstword $(foreach v,python3.11 python3.12 python3.13 python3,$(foreach p,$(wildcard /usr/bin/$(v)) $(v),$(if $(shell $(p) -c 'import sys,venv,ensurepip; print(sys.version_info >= (3,11) or "")' 2>/dev/null),$(p)))))
BIN := .venv/bin
INSTALLED := .venv/.installed
MODELS := .venv/.models

.PHONY: demo serve test check bench soak setup clean

demo: $(MODELS) ## hold one real-time call with recorded callers, offline
	@$(BIN)/hocket demo

serve: $(MODELS) ## talk to the demo agent in a browser, offline
	@echo "Open http://localhost:8080 in a browser and talk to the demo agent; no key is needed. Ctrl-C ends."
	@$(BIN)/hocket serve examples/harbour_kayaks/agent.py --dev

test: $(MODELS) ## run every test
	@$(BIN)/python -m pytest

check: $(MODELS) ## format, lint, types, layers, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m pytest

bench: $(MODELS) ## print every figure of the README and write benchmarks/results
	@for question in $(filter-out benchmarks/soak.py,$(wildcard benchmarks/[a-z]*.py)); do \
		$(BIN)/python -m benchmarks.$$(basename $$question .py) || exit 1; done

soak: $(MODELS) ## an hour of 100 calls at once: memory, tasks and sockets stay flat
	@$(BIN)/python -m benchmarks.soak

setup: $(MODELS)

$(INSTALLED): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "hocket needs Python 3.11 or later with the venv module; none was found on the PATH."; exit 2; }
	@echo "Setting up .venv (about half a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(MODELS): $(INSTALLED) src/hocket/providers/models.py
	@$(BIN)/hocket models
	@touch $@

clean: ## remove everything that was made
	rm -rf .venv build dist .mypy_cache .ruff_cache .hypothesis .pytest_cache
