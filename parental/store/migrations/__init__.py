"""Revisions of the database: what they are, which one a database has, and the way to the newest."""
