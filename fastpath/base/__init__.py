"""Byte cursor and writer, atomics, hashes, clock and socket declarations: what every room builds on."""
