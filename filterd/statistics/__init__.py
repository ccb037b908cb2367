"""The release of each quarter's statistics."""
