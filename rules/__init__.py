"""Compiles lists into images: formats, canonical names, categories, compiler, publication."""
