"""The archive: its service, files under legal holds, and what proves block records."""
