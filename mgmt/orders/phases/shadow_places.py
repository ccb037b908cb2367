"""The places of orders in shadow: lists of an image with action shadow, one for each order.

Workers count what such a list would have blocked by list and channel, so an order has a list of its own, and there are
few: an image holds 128 lists, and each place is one that the configuration cannot have.
"""

N_PLACES = 8  # orders at once; a desk tries some for days, and what waits gets that answer
SHADOW_LISTS = tuple(f"orders-shadow-{place}" for place in range(1, N_PLACES + 1))  # their ids, by place from 1


def list_of(place: int) -> str:
    """The id of the list of a place."""
    return SHADOW_LISTS[place - 1]
