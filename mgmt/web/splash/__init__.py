"""The page a person meets instead of a blocked one."""
