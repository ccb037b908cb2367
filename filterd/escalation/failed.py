"""What goes wrong when a message is delivered."""


class DeliveryFailed(Exception):
    """A receiver did not take a message; the text says why, and holds nothing of the message."""
