from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.images.opened import KEY, LISTS, NUMBER, Images

from fastpath.images.image import Image, open_image
from fastpath.images.layout import ImageKind
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_wire
from rules.lists.compiler.delta import Changed, Entry, add_entries, put_entries, put_mode, remove_entries, write_delta

ORDERS, ADULT, CSAM = NUMBER["orders"], NUMBER["adult"], NUMBER["csam"]
BAD = to_wire(b"bad.example")


def with_delta(base: Image, changed: Changed, folder: Path) -> TableSet:
    write_delta(changed, LISTS, KEY, folder / "names-90.img", 90, base.generation)
    return TableSet(base, open_image(folder / "names-90.img", ImageKind.NAMES))


def held(tables: TableSet, wire: bytes = BAD) -> list[tuple[str, Mode, int]]:
    return [(match.list, match.mode, match.order) for match in tables.matches(wire)]


def test_an_entry_added_holds_beside_what_the_base_has(images: Images, tmp_path: Path) -> None:
    base = images.names([("adult", "bad.example", Mode.SUBTREE)])
    changed: Changed = {}

    add_entries(changed, TableSet(base).base_entries, [(BAD, Entry(ORDERS, Mode.EXACT, order=7))])

    assert held(with_delta(base, changed, tmp_path)) == [("orders", Mode.EXACT, 7), ("adult", Mode.SUBTREE, 0)]


def test_a_list_says_one_thing_of_a_name_in_one_mode_and_the_other_modes_and_lists_stay(
    images: Images, tmp_path: Path
) -> None:
    base = images.names(
        [
            ("adult", "bad.example", Mode.EXACT),
            ("adult", "bad.example", Mode.BELOW, Action.NODATA),
            ("orders", "bad.example", Mode.EXACT, Action.NO_ACTION, 7),
        ]
    )
    tables, changed = TableSet(base), Changed()

    put_mode(changed, tables.base_entries, BAD, ADULT, Mode.EXACT, Entry(ADULT, Mode.EXACT, Action.REFUSED))
    put_mode(changed, tables.base_entries, BAD, ADULT, Mode.BELOW, None)

    assert held(with_delta(base, changed, tmp_path)) == [("orders", Mode.EXACT, 7), ("adult", Mode.EXACT, 0)]
    put_mode(changed, tables.base_entries, BAD, ADULT, Mode.EXACT, Entry(ADULT, Mode.EXACT))
    put_mode(changed, tables.base_entries, BAD, ADULT, Mode.BELOW, Entry(ADULT, Mode.BELOW, Action.NODATA))
    assert changed == {}


def test_an_entry_removed_is_gone_and_the_rest_stays(images: Images, tmp_path: Path) -> None:
    base = images.names(
        [("orders", "bad.example", Mode.SUBTREE, Action.NO_ACTION, 7), ("adult", "bad.example", Mode.SUBTREE)]
    )
    changed: Changed = {}

    remove_entries(changed, TableSet(base).base_entries, [(BAD, Entry(ORDERS, Mode.SUBTREE, order=7))])

    assert held(with_delta(base, changed, tmp_path)) == [("adult", Mode.SUBTREE, 0)]


@pytest.mark.parametrize("list_id", ["orders", "csam"])
def test_the_last_entry_of_a_name_can_be_removed(images: Images, tmp_path: Path, list_id: str) -> None:
    base = images.names([(list_id, "bad.example", Mode.SUBTREE), ("orders", "other.example", Mode.SUBTREE)])
    changed: Changed = {}

    remove_entries(changed, TableSet(base).base_entries, [(BAD, Entry(NUMBER[list_id], Mode.SUBTREE))])
    tables = with_delta(base, changed, tmp_path)

    assert held(tables) == []
    assert len(held(tables, to_wire(b"other.example"))) == 1


def test_a_confidential_entry_survives_a_change_of_another_list(images: Images, tmp_path: Path) -> None:
    base = images.names([("csam", "bad.example", Mode.EXACT), ("orders", "bad.example", Mode.EXACT)])
    changed: Changed = {}

    remove_entries(changed, TableSet(base).base_entries, [(BAD, Entry(ORDERS, Mode.EXACT))])

    assert held(with_delta(base, changed, tmp_path)) == [("csam", Mode.EXACT, 0)]


def test_what_is_taken_back_leaves_no_trace_in_the_delta(images: Images) -> None:
    base_entries = TableSet(images.names([("adult", "bad.example", Mode.SUBTREE)])).base_entries
    changed: Changed = {}

    add_entries(changed, base_entries, [(BAD, Entry(ORDERS, Mode.EXACT, order=7))])
    remove_entries(changed, base_entries, [(BAD, Entry(ORDERS, Mode.EXACT, order=7))])

    assert changed == {}


def test_a_name_stays_while_another_order_holds_it(images: Images, tmp_path: Path) -> None:
    base = images.names([])
    base_entries = TableSet(base).base_entries
    changed: Changed = {}

    both = [(BAD, Entry(ORDERS, Mode.EXACT, order=7)), (BAD, Entry(ORDERS, Mode.EXACT, order=8))]
    add_entries(changed, base_entries, both)
    remove_entries(changed, base_entries, [(BAD, Entry(ORDERS, Mode.EXACT, order=7))])

    assert held(with_delta(base, changed, tmp_path)) == [("orders", Mode.EXACT, 8)]


NAMES = ("a.example", "b.example", "bad.example")
ENTRIES = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from([ORDERS, ADULT, CSAM]),
    st.sampled_from([Mode.EXACT, Mode.SUBTREE]),
)


@given(before=st.sets(ENTRIES), steps=st.lists(st.tuples(st.booleans(), ENTRIES), max_size=12))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_base_and_delta_hold_what_a_set_would_hold(
    images: Images,
    tmp_path: Path,
    before: set[tuple[str, int, Mode]],
    steps: list[tuple[bool, tuple[str, int, Mode]]],
) -> None:
    base = images.names([(LISTS[number].id, name, mode) for name, number, mode in before])
    base_entries = TableSet(base).base_entries
    changed: Changed = {}
    expected = set(before)
    for is_added, (name, number, mode) in steps:
        change = add_entries if is_added else remove_entries
        change(changed, base_entries, [(to_wire(name.encode()), Entry(number, mode))])
        (expected.add if is_added else expected.discard)((name, number, mode))

    tables = with_delta(base, changed, tmp_path)

    for asked in NAMES:
        found = sorted((match.list, match.mode) for match in tables.matches(to_wire(asked.encode())))
        assert found == sorted((LISTS[number].id, mode) for name, number, mode in expected if name == asked)


def test_the_local_data_of_an_entry_survives_a_change_of_another_list(images: Images, tmp_path: Path) -> None:
    data = bytes.fromhex("0001 0000003c 0004 c6336407")
    builder = NamesBuilder(KEY, LISTS)
    builder.add(BAD, ADULT, Mode.EXACT, Action.LOCAL_DATA, 0, data)
    with (tmp_path / "names-80.img").open("wb") as out:
        builder.build(out, 80)
    base = open_image(tmp_path / "names-80.img", ImageKind.NAMES)
    changed: Changed = {}

    put_entries(changed, TableSet(base).base_entries, BAD, {ORDERS}, [Entry(ORDERS, Mode.EXACT, order=7)])
    write_delta(changed, LISTS, KEY, tmp_path / "names-90.img", 90, 0)  # as a base, so that it can be asked alone

    assert sorted(TableSet(open_image(tmp_path / "names-90.img", ImageKind.NAMES)).base_entries(BAD)) == [
        (ORDERS, Mode.EXACT, Action.NO_ACTION, 7, b""),
        (ADULT, Mode.EXACT, Action.LOCAL_DATA, 0, data),
    ]


def test_a_list_holds_just_what_was_put_last(images: Images, tmp_path: Path) -> None:
    base = images.names([("adult", "bad.example", Mode.SUBTREE), ("orders", "bad.example", Mode.EXACT, 255, 3)])
    base_entries = TableSet(base).base_entries
    changed: Changed = {}

    put_entries(changed, base_entries, BAD, {ORDERS}, [Entry(ORDERS, Mode.SUBTREE, order=7)])
    assert held(with_delta(base, changed, tmp_path)) == [("orders", Mode.SUBTREE, 7), ("adult", Mode.SUBTREE, 0)]
    put_entries(changed, base_entries, BAD, {ORDERS}, [])
    assert held(with_delta(base, changed, tmp_path)) == [("adult", Mode.SUBTREE, 0)]
    put_entries(changed, base_entries, BAD, {ORDERS}, [Entry(ORDERS, Mode.EXACT, order=3)])
    assert changed == {}
