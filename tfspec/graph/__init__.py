"""The semantic graph: what an architecture is, before anything says how it runs."""
