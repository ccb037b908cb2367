"""Lists, as the desk decides on them."""
