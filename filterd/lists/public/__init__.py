"""Lists that are public, as files."""
