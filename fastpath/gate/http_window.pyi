"""No Python interface: GateLoop.feed() reaches this code."""
