# Everything that README names. `make demo` and `make test` need Python 3.11 and a C compiler.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODELS := smollm2-135m-instruct gemma-3-270m qwen2.5-coder-0.5b-instruct
DEMO := runs/demo/run.sqlite
comma := ,
space := $(subst ,, )

.PHONY: demo test check format clean

demo: $(VENV)/.installed
	$(BIN)/doxa models pull $(MODELS)
	$(BIN)/doxa run --battery core --slice demo --models $(subst $(space),$(comma),$(MODELS)) --out $(DEMO)
	$(BIN)/doxa compare $(DEMO) smollm2-135m-instruct qwen2.5-coder-0.5b-instruct
	$(BIN)/doxa report $(DEMO) --pdf runs/demo/report.pdf

test: $(VENV)/.installed-test
	$(BIN)/doxa models pull $(MODELS)
	$(BIN)/python -m pytest

check: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/doxa battery check core

format: $(VENV)/.installed-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# llama-cpp-python is compiled here where no wheel fits: about 6 minutes on two cores
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info
