# make demo: set up and do the main job. make test: what a change must pass. make slow: the long tests. make fuzz: 100,000 random specs.
PYTHON ?= python3
VENV   ?= .venv
OUT    ?= out
PYTEST ?= -n auto --dist worksteal
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test slow fuzz bench peers figures reference clean help
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
	$(BIN)/tfspec cost gpt2 --mode train --dtype bf16 --checkpoint block
	$(BIN)/tfspec cost llama-3-8b --mode decode --dtype bf16 --target h200 --fit --set B=8,T=8192
	$(BIN)/tfspec cost llama-3-8b --mode train --dtype bf16 --compiled --set T=4096
	$(BIN)/tfspec cost deepseek-v3 --mode decode --dtype bf16 --set B=1,T=4096
	$(BIN)/tfspec cost deepseek-v3 --mode train --dtype bf16 --target h200 --sweep T=512..4096
	$(BIN)/tfspec cost examples/frozen/llava-stage-1.yaml --mode train --dtype bf16
	$(BIN)/tfspec diff gpt2 llama-3-8b
	$(BIN)/tfspec draw transformer-base
	$(BIN)/tfspec draw vit-b16 --cost flops -o $(OUT)/vit_b16.svg
	$(BIN)/tfspec draw dit-xl-2 -o $(OUT)/dit.svg
	$(BIN)/tfspec draw uniter-base --width column -o $(OUT)/uniter.svg
	$(BIN)/tfspec draw examples/cross/both-at-once.yaml -o $(OUT)/both.svg
	$(BIN)/tfspec draw vilbert -o $(OUT)/vilbert.svg
	$(BIN)/tfspec draw perceiver --open cross -o $(OUT)/perceiver.svg
	$(BIN)/tfspec draw examples/detr.yaml -o $(OUT)/detr.svg
	$(BIN)/tfspec draw examples/mae.yaml -o $(OUT)/mae.svg
	$(BIN)/tfspec report llama-3-8b --dtype bf16 --target h200 --set B=8 -o $(OUT)/llama_3_8b.html
	$(BIN)/tfspec build swin-t -o $(OUT)/swin_t.py
	$(BIN)/tfspec build vit-b16 -o $(OUT)/vit_b16.py
	$(BIN)/tfspec build gpt2 --loss next-token -o $(OUT)/gpt2.py
	$(BIN)/tfspec build markuplm-base --verify -o $(OUT)/markuplm.py
	$(BIN)/tfspec build llava-1.5-7b --with generate -o $(OUT)/llava.py
	$(BIN)/tfspec build vit-b16 --run
	$(BIN)/python examples/photo.py

test: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest $(PYTEST) -m 'not slow'

slow: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST) -m slow

# The eight seeds of the long tests, 1000 to 1007, each for 12,500 cases: the first 1,500 of each are
# those that `make slow` runs. Other seeds: make fuzz SEED=2000.
SEED ?= 1000
fuzz: $(STAMP)
	TFSPEC_FUZZ_CASES=100000 TFSPEC_FUZZ_DECODED=5000 TFSPEC_FUZZ_SEED=$(SEED) $(BIN)/python -m pytest $(PYTEST) -m slow tests/fuzz/test_fuzz.py tests/fuzz/test_decoding.py

bench: $(STAMP)
	$(BIN)/python benchmarks/tool.py

peers: $(STAMP)
	@test -x .venv-peers/bin/python || $(BIN)/python benchmarks/peers.py --install
	$(BIN)/python benchmarks/peers.py

# The pictures of README and docs, made anew; a test compares them with what is drawn.
FIGURES := docs/figures
figures: $(STAMP)
	@mkdir -p $(FIGURES)
	$(BIN)/tfspec draw vit-b16 --cost flops --set B=1 -o $(FIGURES)/vit-b16.svg
	$(BIN)/tfspec draw vit-b16 --cost flops --set B=1 --theme dark -o $(FIGURES)/vit-b16-dark.svg
	$(BIN)/tfspec draw transformer-base -o $(FIGURES)/transformer-base.svg
	$(BIN)/tfspec draw transformer-base --theme dark -o $(FIGURES)/transformer-base-dark.svg
	$(BIN)/tfspec draw llama-3-8b --open mlp -o $(FIGURES)/llama-3-8b-mlp.svg
	$(BIN)/tfspec draw swin-t -o $(FIGURES)/swin-t.svg
	$(BIN)/tfspec draw gpt2 --open attention --level ops -o $(FIGURES)/gpt2-attention.svg

# The pages of docs/reference, written from the code; a test compares them with it.
reference: $(STAMP)
	$(BIN)/python -m docs.pages

clean:
	rm -rf $(VENV) .venv-peers $(OUT) build dist .hypothesis .pytest_cache .ruff_cache
