"""The verbs, one module each; a module here is a verb of its name, and holds its `VERB`."""
