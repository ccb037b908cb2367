"""No Python interface: the constructors of GateLoop, TapLoop and Replay call it."""
