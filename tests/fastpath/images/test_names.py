from pathlib import Path

import pytest
from support.images.opened import LISTS, Images

from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_wire


def matched(tables: TableSet, name: str) -> list[tuple[str, str | None]]:
    return [(match.list, match.rule) for match in tables.matches(to_wire(name.encode()))]


@pytest.mark.parametrize(("mode", "itself", "below"), [(Mode.EXACT, 1, 0), (Mode.SUBTREE, 1, 1), (Mode.BELOW, 0, 1)])
def test_each_mode_matches_what_it_says(images: Images, mode: Mode, itself: int, below: int) -> None:
    tables = TableSet(images.names([("orders", "listed.test", mode)]))

    assert len(matched(tables, "listed.test")) == itself
    assert len(matched(tables, "www.listed.test")) == below
    assert len(matched(tables, "a.b.c.listed.test")) == below


def test_a_subtree_rule_does_not_touch_a_name_that_only_ends_alike(images: Images) -> None:
    tables = TableSet(images.names([("orders", "book.test", Mode.SUBTREE)]))

    assert matched(tables, "notbook.test") == []
    assert matched(tables, "book.test.example") == []
    assert matched(tables, "test") == []


def test_the_longest_suffix_comes_first(images: Images) -> None:
    tables = TableSet(images.names([("orders", "b.test", Mode.SUBTREE), ("adult", "a.b.test", Mode.SUBTREE)]))

    assert matched(tables, "x.a.b.test") == [("adult", "a.b.test"), ("orders", "b.test")]


def test_several_lists_of_one_name_are_all_found(images: Images) -> None:
    tables = TableSet(images.names([(spec.id, "all.test", Mode.SUBTREE) for spec in LISTS if not spec.confidential]))

    assert [name for name, _ in matched(tables, "all.test")] == [spec.id for spec in LISTS if not spec.confidential]


def test_the_same_entry_twice_counts_once_and_the_first_order_stays(images: Images) -> None:
    image = images.names(
        [
            ("orders", "o.test", Mode.SUBTREE, Action.NO_ACTION, 5),
            ("orders", "o.test", Mode.SUBTREE, Action.NO_ACTION, 9),
        ]
    )

    (match,) = TableSet(image).matches(to_wire(b"o.test"))

    assert match.order == 5


def test_the_letter_case_of_a_wire_name_does_not_matter(images: Images) -> None:
    tables = TableSet(images.names([("orders", "listed.test", Mode.EXACT)]))

    assert tables.matches(b"\x06LiStEd\x04TEST\x00")


def test_labels_of_every_length_are_told_apart(images: Images) -> None:
    names = ["x" * n + ".test" for n in range(1, 64)]
    tables = TableSet(images.names([("orders", name, Mode.EXACT) for name in names[::2]]))

    for position, name in enumerate(names):
        assert bool(matched(tables, name)) == (position % 2 == 0), name


def test_a_name_of_127_labels_is_matched_at_every_depth(images: Images) -> None:
    deep = ".".join(["a"] * 127)
    tables = TableSet(images.names([("orders", deep, Mode.EXACT), ("adult", "a.a", Mode.SUBTREE)]))

    assert matched(tables, deep) == [("orders", deep), ("adult", "a.a")]


def test_each_suffix_of_the_deepest_name_is_reported_in_plain_and_as_a_digest(images: Images) -> None:
    names = [".".join(["a"] * n) for n in range(1, 128)]
    tables = TableSet(images.names([(each, name, Mode.SUBTREE) for name in names for each in ("csam", "orders")]))

    assert matched(tables, names[-1]) == [
        found for name in reversed(names) for found in (("orders", name), ("csam", None))
    ]
    assert tables.matched(names[-1].encode()) == tables.matched_each([names[-1].encode()] * 40)[39] == 0b11


@pytest.mark.parametrize("list_id", ["csam", "orders"])
def test_no_number_of_longer_names_on_other_lists_hides_an_order_or_a_csam_entry(images: Images, list_id: str) -> None:
    names = [f"{'a.' * n}listed.test" for n in range(119)]
    others = [(other, name, mode) for name in names[1:] for other, mode in (("adult", 1), ("games", 2), ("help", 1))]
    tables = TableSet(images.names([(list_id, names[0], Mode.SUBTREE), *others]))

    for name in ("www.listed.test", names[16], names[-1], f"www.{names[-2]}"):
        assert tables.decide(to_wire(name.encode()), None, 0).list == list_id, name


def test_a_delta_replaces_what_the_base_says_of_a_name(images: Images) -> None:
    base = images.names([("orders", "old.test", Mode.SUBTREE), ("orders", "kept.test", Mode.SUBTREE)])
    delta = images.names([("adult", "old.test", Mode.EXACT), ("orders", "new.test", Mode.SUBTREE)], base)
    tables = TableSet(base, delta)

    assert matched(tables, "old.test") == [("adult", "old.test")]
    assert matched(tables, "www.old.test") == []
    assert matched(tables, "kept.test") == [("orders", "kept.test")]
    assert matched(tables, "www.new.test") == [("orders", "new.test")]


def test_a_name_dropped_by_the_delta_is_gone_but_what_stands_above_it_speaks(images: Images) -> None:
    base = images.names([("orders", "a.test", Mode.SUBTREE), ("orders", "b.a.test", Mode.SUBTREE)])
    tables = TableSet(base, images.names([], base, drops=["b.a.test"]))

    assert matched(tables, "b.a.test") == [("orders", "a.test")]


def test_a_delta_serves_without_a_base(images: Images) -> None:
    tables = TableSet(None, images.names([("orders", "only.test", Mode.SUBTREE)]))

    assert matched(tables, "www.only.test") == [("orders", "only.test")]


def test_a_confidential_name_matches_and_stands_nowhere_in_the_image(images: Images) -> None:
    image = images.names([("csam", "marker-of-a-secret.test", Mode.SUBTREE), ("orders", "plain.test", Mode.EXACT)])

    assert matched(TableSet(image), "www.marker-of-a-secret.test") == [("csam", None)]
    octets = Path(image.path).read_bytes()
    assert b"marker-of-a-secret" not in octets
    assert b"plain" in octets


def test_a_name_on_a_confidential_and_a_plain_list_is_found_on_both(images: Images) -> None:
    base = images.names([("csam", "both.test", Mode.SUBTREE), ("orders", "both.test", Mode.SUBTREE)])

    assert matched(TableSet(base), "both.test") == [("orders", "both.test"), ("csam", None)]
    delta = images.names([("adult", "both.test", Mode.SUBTREE)], base)
    assert matched(TableSet(base, delta), "both.test") == [("adult", "both.test"), ("csam", None)]


def test_an_image_of_no_names_matches_nothing(images: Images) -> None:
    assert matched(TableSet(images.names([])), "any.test") == []


def test_ten_thousand_names_are_each_found_and_their_neighbours_are_not(images: Images) -> None:
    names = [f"host{n}.zone{n % 97}.test" for n in range(10_000)]
    tables = TableSet(images.names([("orders", name, Mode.EXACT) for name in names]))

    assert all(matched(tables, name) == [("orders", name)] for name in names)
    assert not any(matched(tables, name + "x") for name in names)
