"""The parent's page."""
