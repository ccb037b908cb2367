import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgmt.errors import BadRequest
from mgmt.fields import MAX_KEY_CHARACTERS, Fields, fields_of, parse_instant, sendable


@given(st.binary(max_size=200))
def test_any_octets_are_an_object_or_refused_with_their_place(octets: bytes) -> None:
    try:
        fields_of(octets, "a")
    except BadRequest as refusal:
        assert refusal.where and sendable(refusal.detail) == refusal.detail


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(BadRequest, match="/minuts: an unknown key; not taken; write minutes"):
        fields_of(b'{"minuts": 3}', "minutes", "reason")


def test_no_suggestion_is_looked_for_where_a_key_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def compare(key: str, *_: object) -> list[str]:
        compared.append(key)
        return []

    monkeypatch.setattr("mgmt.fields.difflib.get_close_matches", compare)

    for n in (MAX_KEY_CHARACTERS, MAX_KEY_CHARACTERS + 1, 15 << 20):
        with pytest.raises(BadRequest, match="an unknown key; not taken; write one of reason"):
            fields_of(json.dumps({"r" * n: 1}).encode(), "reason")

    assert [len(key) for key in compared] == [MAX_KEY_CHARACTERS]


def test_values_come_back_as_they_were_said() -> None:
    fields = fields_of(
        b'{"t": "x", "n": 3, "b": true, "l": ["a"], "at": "2026-08-03T21:00:00+05:00", "o": null}', *"tnblo", "at"
    )

    assert fields.text("t") == "x"
    assert fields.whole_number("n", 1, 3) == 3
    assert fields.truth("b") is True
    assert fields.texts("l", 1) == ["a"]
    assert fields.instant("at") == datetime(2026, 8, 3, 16, tzinfo=UTC)
    assert not fields.has("o")


@pytest.mark.parametrize(
    "read",
    [
        lambda f: f.text("v"),
        lambda f: f.whole_number("v", 0, 9),
        lambda f: f.truth("v"),
        lambda f: f.instant("v"),
        lambda f: f.sequence("v", 9),
        lambda f: f.one_of("v", ("a", "b"), "a"),
        lambda f: f.texts("v", 9),
    ],
)
@pytest.mark.parametrize("value", [b"1.5", b'"a\\nb"', b"{}", b"[1]"])
def test_a_value_of_another_kind_is_refused_by_name(read: Callable[[Fields], object], value: bytes) -> None:
    fields = fields_of(b'{"v": ' + value + b"}", "v")
    try:
        found = read(fields)
    except BadRequest as refusal:
        assert refusal.where.startswith("/v")
    else:
        assert found == [1]


@pytest.mark.parametrize("said", ["2026-08-03T21:00:00", "21:00", "", None, 7, "2026-13-01T00:00:00Z"])
def test_an_instant_needs_its_zone(said: object) -> None:
    with pytest.raises(BadRequest, match=r"\?since: not an instant with a zone"):
        parse_instant("?since", said)
