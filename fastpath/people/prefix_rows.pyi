# Nothing for Python: held_prefixes reads rows.
