"""Who and what is in an account: children, and the lines and classes of a school."""
