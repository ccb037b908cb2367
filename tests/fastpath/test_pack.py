import io

import pytest
from support.images import KEY, LISTS

from fastpath.name import to_wire
from fastpath.pack import ListSpec, NamesBuilder, ProfileSpec, pack_policy
from fastpath.verdict import Mode


def built(entries: list[tuple[str, int]], generation: int = 1) -> tuple[bytes, dict[str, int]]:
    builder = NamesBuilder(KEY, LISTS)
    for name, list_number in entries:
        builder.add(to_wire(name.encode()), list_number, Mode.SUBTREE)
    out = io.BytesIO()
    stats = builder.build(out, generation)
    return out.getvalue(), stats | {"written": len(out.getvalue())}


def test_equal_input_gives_equal_octets() -> None:
    entries = [(f"n{i}.test", 1 + i % 3) for i in range(500)]

    assert built(entries)[0] == built(entries)[0]


def test_the_order_of_different_names_does_not_show_in_the_octets() -> None:
    entries = [(f"n{i}.test", 1 + i % 3) for i in range(500)]
    one, two = io.BytesIO(), io.BytesIO()
    for out, order in ((one, entries), (two, entries[::-1])):
        builder = NamesBuilder(KEY, LISTS)
        for name, number in order:
            builder.add(to_wire(name.encode()), number, Mode.SUBTREE)
        builder.build(out, 1)

    # sets are numbered in the order of the hashes, so nothing of the order of arrival is left
    assert one.getvalue() == two.getvalue()


def test_the_statistics_count_names_entries_and_sets() -> None:
    _, stats = built([("a.test", 1), ("a.test", 2), ("b.test", 1), ("b.test", 1), ("c.test", 1)])

    assert (stats["names"], stats["entries"], stats["sets"]) == (3, 5, 2)
    assert stats["bytes"] == stats["written"]


@pytest.mark.parametrize(("wire", "list_number", "mode", "action", "said"), [
    (b"\x04test", 1, 1, 4, "not one name"),
    (b"\x00", 1, 1, 4, "not one name"),
    (b"\x04test\x00x", 1, 1, 4, "not one name"),
    (b"\x04test\x00", 99, 1, 4, "there are 8"),
    (b"\x04test\x00", 1, 4, 4, "mode 4"),
    (b"\x04test\x00", 1, 1, 7, "action 7"),
    (b"\x04test\x00", 1, 1, -2, "action -2"),
])
def test_what_is_no_entry_is_refused(wire: bytes, list_number: int, mode: int, action: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        NamesBuilder(KEY, LISTS).add(wire, list_number, mode, action)


def test_lists_that_do_not_fit_the_image_are_refused() -> None:
    with pytest.raises(ValueError, match="an image holds 128"):
        NamesBuilder(KEY, [ListSpec(f"l{n}", 2, 0, 4, False) for n in range(129)])
    with pytest.raises(ValueError, match="1 to 24 ASCII octets"):
        NamesBuilder(KEY, [ListSpec("a-list-id-that-is-far-too-long", 2, 0, 4, False)])
    with pytest.raises(ValueError, match="1 to 24 ASCII octets"):
        NamesBuilder(KEY, [ListSpec("لسٹ", 2, 0, 4, False)])
    with pytest.raises(ValueError, match="category 128"):
        NamesBuilder(KEY, [ListSpec("list", 9, 128, 4, False)])
    with pytest.raises(ValueError, match="a key has 16"):
        NamesBuilder(b"short", LISTS)


def test_a_closed_interval_that_leaves_the_week_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves the week"):
        pack_policy(io.BytesIO(), 1, 0, [ProfileSpec(0, ((10_000, 81),), 0, 0)], [])


def test_a_subscriber_without_a_profile_or_with_two_is_refused() -> None:
    profile = ProfileSpec(0, (), 0, 0)
    with pytest.raises(ValueError, match="not there"):
        pack_policy(io.BytesIO(), 1, 0, [profile], [(7, 1)])
    with pytest.raises(ValueError, match="stands twice"):
        pack_policy(io.BytesIO(), 1, 0, [profile], [(7, 0), (7, 0)])
