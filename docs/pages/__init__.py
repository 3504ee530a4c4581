"""The pages of docs/reference, written from the code: docstrings, knobs, rules and specs."""
