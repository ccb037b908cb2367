"""Time as families plan it: cards, day sets, exceptions, screen time, tickets; of it come one week and instants."""
