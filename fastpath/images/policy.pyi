# Nothing for Python: the lookups are reached through fastpath.images.tables.
