"""The role that hears of sessions by RADIUS accounting: who may report, what was reported, and what becomes of it."""
