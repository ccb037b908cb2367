"""Offline answers: lookup, explain, inspect, bulk input."""
