"""Registers that the operator keeps: block records, lawful requests, egress, appeals, transparency, settings, lists."""
