"""What goes wrong when a message is delivered."""


class DeliveryFailure(Exception):
    """A receiver did not take a message; the text says why, and holds nothing of the message."""
