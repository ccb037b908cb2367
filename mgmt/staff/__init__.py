"""People of the desk: what their roles may do, how they sign in, and what is known of their tokens."""
