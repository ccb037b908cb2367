"""The public's page: what was directed, and what became of it, quarter by quarter."""
