# Nothing for Python: views are opened through fastpath.images.tables.TableSet.
