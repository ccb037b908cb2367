"""Wire parsers: octets in, struct and status out; no I/O, no state."""
