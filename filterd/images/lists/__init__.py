"""Lists of the configuration: sources, updates, copies of zones."""
