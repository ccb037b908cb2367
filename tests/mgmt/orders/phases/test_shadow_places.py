"""The places of orders in shadow, as lists of an image."""

from fastpath.images.layout import Limit
from filterd.config.schema import MAX_LISTS, OWN_LISTS
from mgmt.orders.phases.shadow_places import N_PLACES, SHADOW_LISTS, list_of


def test_each_place_has_a_list_of_its_own_which_an_image_can_name_and_hold() -> None:
    assert [list_of(place) for place in range(1, N_PLACES + 1)] == list(SHADOW_LISTS)
    assert len(set(SHADOW_LISTS)) == N_PLACES and max(map(len, SHADOW_LISTS)) <= 24  # LIST_ID_OCTETS
    assert MAX_LISTS + len(OWN_LISTS) + N_PLACES + 1 == Limit.LISTS  # and that of sealed orders
