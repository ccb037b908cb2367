"""Benchmarks of single C functions, built in place for bench/; never shipped."""
