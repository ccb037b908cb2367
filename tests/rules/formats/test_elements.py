import io
import json
import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.base.errors import BadList
from rules.formats import elements
from rules.formats.elements import MAX_DEPTH, Elements, Place, parse_time, skipped_at

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def read(octets: Iterable[bytes]) -> list[object]:
    text = Elements(octets)
    found = [text.value() for _place in text.elements()]
    text.end()
    return found


@given(st.lists(VALUES, max_size=6), st.sampled_from([None, 1]), st.integers(1, 40), st.booleans())
def test_an_array_is_read_whatever_the_blocks(
    values: list[object], indent: int | None, n: int, ascii_only: bool
) -> None:
    octets = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    if b"\xed" in octets:  # half of a surrogate pair is no UTF-8
        return

    assert read([octets[at : at + n] for at in range(0, len(octets), n)]) == values
    assert read(io.BytesIO(octets)) == values


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_members_that_nobody_reads_are_passed_over(value: dict[str, object]) -> None:
    octets = json.dumps({**value, "wanted": [1, 2]}).encode()

    text = Elements([octets])
    found = [text.value() for key in text.members() if key == "wanted" for _place in text.elements()]
    text.end()

    assert found == [1, 2]


def test_the_place_of_every_element_is_known_in_octets() -> None:
    octets = '[ 1,\n  "\u00e9\u00e9", "\u00e9", 2,\n\n {"a": "\u00e9"}, 3]'.encode()

    for size in (1, 2, 3, 1000):
        text = Elements(octets[at : at + size] for at in range(0, len(octets), size))
        assert list(text.elements()) == [
            Place(1, 3),
            Place(2, 3),
            Place(2, 11),
            Place(2, 17),
            Place(4, 2),
            Place(4, 15),
        ]


def test_a_text_that_is_cut_anywhere_is_refused() -> None:
    octets = json.dumps([{"a": [1, -2.5e3, "b\u00e9\n"], "c": None}, True, "x"], indent=1).encode()

    for at in range(len(octets)):
        with pytest.raises(BadList, match=r"^line \d+, column \d+: (the text ends|not JSON)"):
            read([octets[:at]])


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"", "line 1, column 1: the text ends before the list does; not read; check what the source delivers"),
        (b" \n ", "line 2, column 2: the text ends"),
        (b"{}", "line 1, column 1: no array where one belongs"),
        (b"[1 2]", "line 1, column 4: no comma between two items"),
        (b"[1,]", "line 1, column 4: a comma after the last"),
        (b"[1]\n[", "line 2, column 1: more text after the list's end"),
        (b"[x]", "line 1, column 2: not JSON, expecting value"),
        (b"[\n{'a': 1}]", "line 2, column 2: not JSON"),
        (b"[NaN]", "line 1, column 2: nan is not a number"),
        (b"[" + b"1" * 5000 + b"]", "line 1, column 2: exceeds the limit"),
        (b'["a\0b"]', "line 1, column 4: not JSON, invalid control character"),
        (b"<!DOCTYPE html><html>", "line 1: a web page instead of a list"),
        ("[1]".encode("utf-16"), "line 1: the file is UTF-16"),
        (b"\0\0\0\0", "line 1, column 1: no array"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(octets: bytes, message: str) -> None:
    with pytest.raises(BadList) as caught:
        read([octets])

    assert str(caught.value).startswith(message)


def test_a_member_without_a_colon_and_one_without_a_text_are_refused() -> None:
    for octets in (b'{"a" 1}', b"{1: 2}", b'{"a": 1 "b": 2}', b'{"a": 1,}'):
        with pytest.raises(BadList, match="line 1, column"):
            list(Elements([octets]).members())


def test_a_byte_order_mark_is_no_text() -> None:
    assert read([b"\xef\xbb\xbf[1]"]) == [1]


def test_octets_that_are_no_utf8_do_not_stop_the_list() -> None:
    (found,) = read([b'["\xff.example"]'])

    assert skipped_at(Place(1, 2), found, "x").text.isprintable()


@pytest.mark.parametrize("octets", [b"[" * 100_000, b'[{"a":' + b"[" * 500 + b"]" * 500 + b"}]", b'[{"a":' * 100_000])
def test_what_is_nested_too_deep_is_refused(octets: bytes) -> None:
    with pytest.raises(BadList, match=f"nested deeper than {MAX_DEPTH}"):
        read([octets])
    with pytest.raises(BadList, match=f"nested deeper than {MAX_DEPTH}"):
        Elements([octets]).skip()


def test_brackets_in_a_text_are_no_depth() -> None:
    assert read([json.dumps(["[" * 500, {"a": "{" * 500}]).encode()]) == ["[" * 500, {"a": "{" * 500}]


def test_an_entry_that_is_too_large_is_refused_before_it_is_whole() -> None:
    def endless() -> Iterator[bytes]:
        yield b'["'
        while True:
            yield b"x" * 2**16

    with pytest.raises(BadList, match="line 1, column 2: an entry longer than 1024 KiB"):
        read(endless())


def test_more_entries_than_a_list_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "MAX_ROWS", 3)

    assert read([b"[1,2,3]"]) == [1, 2, 3]
    with pytest.raises(BadList, match="column 8: more than 3 entries; not read; split it"):
        read([b"[1,2,3,4]"])


def test_memory_does_not_grow_with_the_text() -> None:
    def megabytes() -> Iterator[bytes]:
        yield b"[0"
        for _ in range(2**13):
            yield b',{"value":"bad.example"}' + b" " * 1000
        yield b"]"

    tracemalloc.start()
    text = Elements(megabytes())
    assert sum(1 for _place in text.elements()) == 2**13 + 1
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2**20  # an eighth of the text; other threads of this process are counted, too


@settings(max_examples=300)
@given(st.binary(max_size=60) | st.text('[]{}",:0123456789.eE+-\\utrfalsn \n', max_size=60).map(str.encode))
def test_no_octets_raise_anything_but_a_bad_list(octets: bytes) -> None:
    for walk in (read, lambda blocks: list(Elements(blocks).members()), lambda blocks: Elements(blocks).skip()):
        try:
            walk([octets])
        except BadList as bad:
            assert str(bad).startswith("line ")


def test_a_time_without_a_zone_is_utc() -> None:
    assert (
        parse_time("2026-08-04T00:00:00") == parse_time("2026-08-04T00:00:00Z") == parse_time("2026-08-04T05:00+05:00")
    )
