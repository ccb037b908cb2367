import random
from collections import Counter

import pytest

from dns.base.places import Place, Places


class Held:
    """Places, and who was evicted."""

    def __init__(self, n: int, n_of_client: int, is_newest_kept: bool = False) -> None:
        self.places, self.evicted = Places(n, n_of_client, is_newest_kept), list[str]()

    def take(self, address: str, name: str = "") -> Place | None:
        return self.places.take(address, lambda: self.evicted.append(name or address))

    def use(self, place: Place | None) -> None:
        assert place is not None
        self.places.use(place)


def test_a_client_gets_so_many_places_and_another_its_own() -> None:
    held = Held(10, 2)

    assert [held.take("192.0.2.7") is not None for _ in range(3)] == [True, True, False]
    assert held.take("192.0.2.8") is not None
    assert held.evicted == []


def test_a_slash_56_is_one_client() -> None:
    held = Held(10, 2)
    taken = [held.take(f"2001:db8:0:{net:x}::{net}") is not None for net in range(3)]

    assert taken == [True, True, False]
    assert held.take("2001:db8:0:100::1") is not None


def test_a_place_that_is_given_back_is_free() -> None:
    held = Held(1, 1)
    place = held.take("192.0.2.7")
    assert place is not None
    held.places.give_back(place)
    held.places.give_back(place)

    assert held.take("192.0.2.7") is not None and held.evicted == []


def test_who_holds_most_loses_the_longest_idle_when_all_are_taken() -> None:
    held = Held(4, 10)
    held.take("192.0.2.1", "another's, which is idle for longest")
    first, _second, _third = (held.take("192.0.2.66", name) for name in ("first", "second", "third"))
    held.use(first)

    assert held.take("192.0.2.2") is not None
    assert held.evicted == ["second"]


def test_a_client_with_as_many_as_any_displaces_itself() -> None:
    held = Held(4, 10)
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.66", "192.0.2.66"):
        held.take(address)
    for _ in range(10):
        held.take("192.0.2.66")

    assert held.evicted == ["192.0.2.66"] * 10


def test_among_clients_with_one_place_each_the_longest_idle_goes() -> None:
    held = Held(3, 10)
    places = [held.take(f"192.0.2.{number}") for number in range(3)]
    held.use(places[0])
    held.take("192.0.2.9")

    assert held.evicted == ["192.0.2.1"]


def test_a_place_that_was_taken_away_is_not_given_back_twice_nor_used() -> None:
    held = Held(1, 1)
    gone = held.take("192.0.2.7")
    kept = held.take("192.0.2.8")
    assert gone is not None and kept is not None
    held.use(gone)
    held.places.give_back(gone)
    held.take("192.0.2.9")

    assert held.evicted == ["192.0.2.7", "192.0.2.8"]


def test_a_client_that_holds_all_it_may_gets_another_for_its_own_longest_idle_where_the_newest_is_kept() -> None:
    held = Held(10, 2, is_newest_kept=True)
    held.take("192.0.2.8", "another's")
    first, _second = (held.take("192.0.2.7", name) for name in ("first", "second"))
    held.use(first)

    assert held.take("192.0.2.7") is not None
    assert held.evicted == ["second"]


def test_there_is_room_until_all_places_or_all_of_a_client_are_taken() -> None:
    held = Held(3, 2)
    assert held.places.has_room("192.0.2.7")
    taken = [held.take("192.0.2.7"), held.take("192.0.2.7")]

    assert (held.places.has_room("192.0.2.7"), held.places.has_room("192.0.2.8")) == (False, True)
    held.take("192.0.2.8")
    assert not held.places.has_room("192.0.2.9")
    assert taken[0] is not None
    held.places.give_back(taken[0])
    assert held.places.has_room("192.0.2.9")


@pytest.mark.parametrize("seed", range(20))
def test_whoever_loses_a_place_holds_the_most_and_no_more_are_held_than_there_are(seed: int) -> None:
    draw, n, n_of_client = random.Random(seed), 12, 5
    places, held = Places(n, n_of_client), list[Place]()

    def leave(place: Place) -> None:
        most = max(Counter(each.client for each in held).values())
        assert sum(each.client == place.client for each in held) == most
        held.remove(place)

    def take(address: str) -> None:
        taken: list[Place] = []
        own = sum(each.client == address for each in held)
        place = places.take(address, lambda: leave(taken[0]))
        assert (place is None) == (own == n_of_client)
        if place is not None:
            taken.append(place)
            held.append(place)

    for _ in range(500):
        match draw.randrange(4):
            case 0 if held:
                places.use(draw.choice(held))
            case 1 if held:
                places.give_back(held.pop(draw.randrange(len(held))))
            case _:
                take(f"192.0.2.{draw.randrange(6)}")
        assert len(held) <= n
