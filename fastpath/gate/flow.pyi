"""Nothing for Python: GateLoop.feed() is the way in."""
