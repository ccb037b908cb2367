"""One language machine for every page: catalogues, formats, direction, macros, style."""
