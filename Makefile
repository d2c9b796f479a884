# Two targets set everything up by themselves: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
SERVE ?= 1
DEMO ?= demo
DATA ?= ../shared/data

.DEFAULT_GOAL := help
.PHONY: help install demo test soak check format train validate bench speed clean

help:  ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/installed  ## Make the virtual environment (.venv) with everything in it

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Crackmonitor needs Python 3.11 or newer; say which one: make PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --editable '.[dev]'
	@touch $@

demo: install  ## Three simulated walls through the real service, then its dashboard (SERVE=0: no dashboard)
	$(BIN)/crackmonitor demo $(DEMO) $(if $(filter 0,$(SERVE)),--no-serve)

test: check  ## Style, types, layers, and all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

soak: install  ## What tries to break the service's promises, at full counts (a quarter of an hour to two)
	CRACKMONITOR_TEST_SOAK=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m soak

check: install  ## Style, types and layers only
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## Put the source into the house's style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

train: install  ## Train anew from $(DATA): classifier, segmenter, each tuned by the other (hours; goes on where it stopped)
	$(BIN)/crackmonitor train --data $(DATA) --out training --name first
	$(BIN)/crackmonitor train --data $(DATA) --out training --network segmenter --name masonry \
		--teacher training/weights/first.safetensors
	$(BIN)/crackmonitor train --data $(DATA) --out training --network segmenter \
		--start training/weights/masonry.safetensors
	$(BIN)/crackmonitor train --data $(DATA) --out training --preset tuned --patches 51000 --name tuned \
		--start training/weights/first.safetensors --dense-by training/weights/segmenter.safetensors
	$(BIN)/crackmonitor train --data $(DATA) --out training --preset kept --patches 48000 --name concrete \
		--start training/weights/tuned.safetensors --dense-by training/weights/segmenter.safetensors
	$(BIN)/crackmonitor train --data $(DATA) --out training \
		--start training/weights/tuned.safetensors --mean-with training/weights/concrete.safetensors

validate: install  ## Hundreds of simulated series through the analysis, into simulations/results (hours)
	$(BIN)/crackmonitor validate $(if $(wildcard $(DATA)),--data $(DATA)) --keep validation --report simulations/results/validation.md

bench: install  ## The analysis against the published way of doing it, into simulations/results (half an hour)
	$(BIN)/crackmonitor bench --report simulations/results/speed.md

speed: install  ## How long the costly parts take, against the last run on this machine; fails where one is 25 % slower
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/speed/between_versions.py --benchmark-enable --benchmark-autosave \
		$(if $(wildcard .benchmarks/*/*.json),--benchmark-compare --benchmark-compare-fail=median:25%)

clean:  ## Remove the virtual environment, the demonstration and all caches
	rm -rf .venv $(DEMO) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
