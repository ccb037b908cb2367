"""Lists in, images out: formats, canonical names, categories, compile, publish."""
