# Five verbs, each one line that calls a tool or deplib. Paths are relative, so the clone may lie anywhere.
PYTHON ?= python3
BIN := .venv/bin/
READY := .venv/installed

# Large, reproducible files: features, trained models, records of what was executed here.
export DEPLIB_DATA ?= $(CURDIR)/.deplib
# One thread a process and one hash seed: the digits of the book are the same from run to run.
export OMP_NUM_THREADS = 1
export PYTHONHASHSEED = 0

BUILD := $(BIN)jupyter-book build -W -n --keep-going book

.PHONY: help book test bench sweep lint
help:   ## list the verbs
	@sed -n 's/^\([a-z]*\): .*## */\1\t/p' Makefile

book: $(READY)   ## compute whatever is missing or stale, execute the chapters, build book/_build/html
	$(BIN)deplib run && $(BIN)deplib publish && $(BUILD)

test: $(READY)   ## unit tests, every cell of the published chapters, the build with warnings as errors
	$(BIN)deplib run && $(BIN)pytest && $(BIN)pytest --nbval book/ && $(BUILD)

bench: $(READY)   ## speed and memory of each stage and of the whole book, on this machine: some 25 minutes
	set -e; for script in bench/*.py; do $(BIN)python "$$script"; done

sweep: $(READY)   ## the multi-seed study into results/: long, and resumable
	$(BIN)deplib sweep

lint: $(READY)   ## style, types, spelling, and that notebooks/ and book/ hold the same text
	$(BIN)ruff check && $(BIN)ruff format --check && $(BIN)mypy && $(BIN)codespell && $(BIN)pytest tests/test_repository.py

# torch first and pinned: any other version may bring gigabytes of GPU libraries.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	@echo "Installing torch, then the packages of requirements.lock: some minutes the first time."
	$(BIN)python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(READY)
