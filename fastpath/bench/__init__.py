"""Measurements of single functions in C, built in place for bench/; never shipped."""
