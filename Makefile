# make demo: set up and do the main job. make test: what a change must pass. make slow: the long tests.
PYTHON ?= python3
VENV   ?= .venv
OUT    ?= out
PYTEST ?= -n auto --dist worksteal
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test slow bench peers clean help
.DELETE_ON_ERROR:

help:
	@sed -n '1s/^# //p' Makefile

# Installed anew when what to install changes; the code itself is used where it lies (-e).
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("tfspec needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; name another with: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test]'
	@touch $@

demo: $(STAMP)
	@mkdir -p $(OUT)
	$(BIN)/tfspec check gpt2 vit-b16 transformer-base bert-base llama-3-8b swin-t
	$(BIN)/tfspec shapes vit-b16
	$(BIN)/tfspec cost vit-b16
	$(BIN)/tfspec diff gpt2 llama-3-8b
	$(BIN)/tfspec build swin-t -o $(OUT)/swin_t.py
	$(BIN)/tfspec build vit-b16 -o $(OUT)/vit_b16.py
	$(BIN)/tfspec build vit-b16 --run
	$(BIN)/python examples/photo.py

test: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest $(PYTEST) -m 'not slow'

slow: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST) -m slow

bench: $(STAMP)
	$(BIN)/python benchmarks/tool.py

peers: $(STAMP)
	@test -x .venv-peers/bin/python || $(BIN)/python benchmarks/peers.py --install
	$(BIN)/python benchmarks/peers.py

clean:
	rm -rf $(VENV) .venv-peers $(OUT) build dist .hypothesis .pytest_cache .ruff_cache
