"""Classes that only tests and fuzzers use, built in place; never shipped."""
