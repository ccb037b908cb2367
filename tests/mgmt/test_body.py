from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgmt.body import fields_of, parse_instant
from mgmt.problems import Problem


@given(st.binary(max_size=200))
def test_any_octets_are_an_object_or_a_problem(octets):
    try:
        fields_of(octets, "a")
    except Problem as problem:
        assert problem.status in (400, 422)


def test_an_unknown_key_is_refused_with_the_nearest_known_one():
    with pytest.raises(Problem, match="/minuts: an unknown key; not taken; write minutes"):
        fields_of(b'{"minuts": 3}', "minutes", "reason")


def test_values_come_back_as_they_were_said():
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
def test_a_value_of_another_kind_is_refused_by_name(read, value):
    fields = fields_of(b'{"v": ' + value + b"}", "v")
    try:
        found = read(fields)
    except Problem as problem:
        assert problem.status == 422
        assert problem.where.startswith("/v")
    else:
        assert found == [1]


@pytest.mark.parametrize("said", ["2026-08-03T21:00:00", "21:00", "", None, 7, "2026-13-01T00:00:00Z"])
def test_an_instant_needs_its_zone(said):
    with pytest.raises(Problem, match=r"\?since: no instant with a zone"):
        parse_instant("?since", said)
