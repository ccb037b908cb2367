"""Asks the traffic itself whether an order holds: from a subscriber's line, through the gateway, to a sink."""
