"""What a tap or a form of a family does, and who may do it."""
