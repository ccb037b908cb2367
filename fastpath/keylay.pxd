"""Writes the table of a KeyBuilder's entries: see keylay.pyx."""
from fastpath.keybuild cimport KeyBuilder


cdef object write_keys(KeyBuilder keys, out, int kind, generation, base_generation, list more, int flags=*)
