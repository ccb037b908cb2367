"""Packets that are only seen: the loop of a mirror port, and the gate's judgement of what passes by."""
