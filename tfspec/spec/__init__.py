"""From the text of a spec to a checked Spec, with the place of everything in it."""
