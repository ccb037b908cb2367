"""Registers that the desk keeps: lawful requests, egress, appeals, transparency, settings of pages, households."""
