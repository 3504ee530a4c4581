"""How long a model takes on a target, and what it moves."""
