"""Test doubles of C state, built in place for tests/ and bench/; never shipped."""
