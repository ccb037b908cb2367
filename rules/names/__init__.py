"""Canonical names, URLs and prefixes, and the names that no list may block."""
