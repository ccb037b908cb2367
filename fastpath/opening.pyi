# Nothing for Python: views are opened through fastpath.tables.TableSet.
