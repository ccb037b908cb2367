"""Looks of control that go on as long as it runs: at the box, and at the archive."""
