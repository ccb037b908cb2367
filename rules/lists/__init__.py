"""Sources of lists: fetched, read, compared with the last good version, kept."""
