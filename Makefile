PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint ui draw labs

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.11 ..."; exit 1; }
	@echo "Installing into .venv (about two minutes, once) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(INSTALLED)  ## train two networks for five epochs; show their test errors beside the paper's
	$(BIN)/python train.py -m model=lenet5,lenet5_relu recipe.epochs=5

test: $(INSTALLED)  ## the tests that fit 15 minutes
	$(BIN)/python -m pytest -m "not long" -n auto --dist worksteal

test-all: $(INSTALLED)  ## all tests
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(INSTALLED)  ## ruff, mypy and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

draw: $(INSTALLED)  ## draw digits that LeNet-5 reads
	@$(BIN)/python -m lenet.predict page --tracking off

ui: $(INSTALLED)  ## browse the runs in MLflow, those of results/ too, on this machine only
	@$(BIN)/python -m lenet.study restore
	@echo "Ctrl-C ends it."
	@MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false PYTHONWARNINGS=ignore \
	  $(BIN)/mlflow ui --backend-store-uri sqlite:///$(CURDIR)/mlflow.db --host 127.0.0.1 --workers 1

NOTEBOOKS := $(patsubst %.py,%.ipynb,$(wildcard labs/[1-9]_*.py))

labs: $(NOTEBOOKS)  ## open the notebooks for students in JupyterLab
	$(BIN)/jupyter lab labs

labs/%.ipynb: | labs/%.py .venv/labs  # made once: what a student writes into it stays
	@$(BIN)/jupytext --quiet --to ipynb $(@:.ipynb=.py)

.venv/labs: $(INSTALLED)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation \
	  -c requirements.lock -e '.[labs]'
	@touch $@
