"""The report of a model: one offline page, made of what the other passes say."""
