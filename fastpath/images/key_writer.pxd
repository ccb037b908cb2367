"""Writes the key table of a KeyBuilder's entries: see key_writer.pyx."""
from fastpath.images.key_builder cimport KeyBuilder


cdef object write_keys(KeyBuilder keys, out, int kind, generation, base_generation, list more, int flags=*)
