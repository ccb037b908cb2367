"""Signed statements as pages and PDF."""
