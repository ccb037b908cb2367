import pytest

from fastpath.images.verdict import Mode
from rules.base.canonical import canonical_wire
from rules.base.watched import WatchedNames, WatchList, is_watch_reason

SHOPS = WatchList("shops", below=frozenset(map(canonical_wire, ["shop.example", "github.io"])))
POPULAR = WatchList("popular", alone=frozenset(map(canonical_wire, ["site.example", "deep.under.example"])))


def refusal(name: str, mode: Mode = Mode.SUBTREE, *released: str) -> str | None:
    watched = WatchedNames([SHOPS, POPULAR], map(canonical_wire, released))
    return watched.refusal(canonical_wire(name), mode)


@pytest.mark.parametrize("name", ["shop.example", "www.shop.example", "pay.shop.example"])
@pytest.mark.parametrize("mode", [Mode.EXACT, Mode.SUBTREE])
def test_a_name_that_stands_for_all_below_it_holds_rules_at_and_below_it(name: str, mode: Mode) -> None:
    assert refusal(name, mode) == "is watched (shops): held for review"


@pytest.mark.parametrize(
    ("name", "mode", "is_held"),
    [
        ("site.example", Mode.EXACT, True),
        ("www.site.example", Mode.EXACT, True),
        ("site.example", Mode.BELOW, True),
        ("blog.site.example", Mode.SUBTREE, False),
        ("under.example", Mode.SUBTREE, True),
        ("under.example", Mode.EXACT, False),
        ("notsite.example", Mode.SUBTREE, False),
    ],
)
def test_a_name_that_stands_alone_holds_what_closes_it_and_nothing_below(name: str, mode: Mode, is_held: bool) -> None:
    assert (refusal(name, mode) is not None) is is_held


def test_below_a_name_that_many_owners_share_each_is_for_itself() -> None:
    assert refusal("github.io", Mode.EXACT) is not None
    assert refusal("owner.github.io") is None


def test_what_is_released_is_held_no_more_and_what_stands_beside_it_is() -> None:
    assert refusal("pay.shop.example", Mode.SUBTREE, "pay.shop.example") is None
    assert refusal("a.pay.shop.example", Mode.SUBTREE, "pay.shop.example") is None
    assert refusal("shop.example", Mode.SUBTREE, "pay.shop.example") is not None


def test_the_first_list_that_has_a_name_is_the_reason() -> None:
    twice = WatchList("second", alone=SHOPS.below)
    reason = WatchedNames([SHOPS, twice]).refusal(canonical_wire("shop.example"), Mode.SUBTREE)

    assert reason is not None and "shops" in reason and is_watch_reason(reason)


def test_without_a_list_nothing_is_watched() -> None:
    assert WatchedNames().refusal(canonical_wire("shop.example"), Mode.SUBTREE) is None
