# Everything that README names. `make demo` and `make test` need Python 3.11 and a C compiler.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODELS := smollm2-135m-instruct gemma-3-270m qwen2.5-coder-0.5b-instruct
DEMO := runs/demo/run.sqlite
comma := ,
space := $(subst ,, )

.PHONY: demo test prove check format bench clean

demo: $(VENV)/.installed
	$(BIN)/doxa models pull $(MODELS)
	$(BIN)/doxa run --battery core --slice demo --models $(subst $(space),$(comma),$(MODELS)) --out $(DEMO)
	$(BIN)/doxa compare $(DEMO) smollm2-135m-instruct qwen2.5-coder-0.5b-instruct
	$(BIN)/doxa report $(DEMO) --pdf runs/demo/report.pdf

test: $(VENV)/.installed-test
	$(BIN)/doxa models pull $(MODELS)
	$(BIN)/python -m pytest

# what takes too long for every change
prove: $(VENV)/.installed-test
	$(BIN)/doxa models pull $(MODELS)
	DOXA_PROVE=1 $(BIN)/python -m pytest tests/probes/test_transformers_lm.py
	DOXA_LONG=1 $(BIN)/python -m pytest tests/statistical

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

# about three hours on an idle machine of two cores
bench: $(VENV)/.installed-test
	$(BIN)/doxa models pull $(MODELS)
	$(BIN)/python tests/benchmarks/peers.py
	$(BIN)/python tests/benchmarks/bench.py --write BENCHMARKS.md
	$(BIN)/python tests/benchmarks/bench_analysis.py
	$(BIN)/python tests/benchmarks/bench_classifier.py

clean:
	rm -rf $(VENV) build *.egg-info
