"""The role that hears of sessions by RADIUS accounting: who may tell, what was told, and what becomes of it."""
