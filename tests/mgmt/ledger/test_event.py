import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from mgmt.ledger.event import CONTROL, KINDS, MAX_EVENT_OCTETS, Actor, Event, account, leaf_of, text_of, time_text

KEYS = st.text(st.characters(codec="ascii"), min_size=1, max_size=12)
ONES = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=40)
VALUES = ONES | st.lists(st.text(max_size=9), max_size=4) | st.lists(st.integers(0, 2**53 - 1), max_size=4)


@given(st.dictionaries(KEYS, VALUES, max_size=6), st.text(max_size=40), st.integers(0, 2**40))
def test_the_text_of_an_event_is_what_another_library_of_rfc_8785_makes_of_it(
    said: dict[str, Any], name: str, number: int
) -> None:
    text = text_of(Event("orders", "pushed", Actor("token", name), {"order": number}, said), number, 1785758400123)

    assert text == rfc8785.dumps(json.loads(text))
    assert json.loads(text)["said"] == said


def test_an_event_says_who_did_what_to_what_where_and_when() -> None:
    event = Event("orders", "withdrawn", Actor("token", "3", "regulator"), {"order": 5}, {"entries": 2}, CONTROL)

    said = json.loads(text_of(event, 17, 1785758400123, 60_000))

    assert isinstance(said.pop("node"), str)
    assert said == {
        "about": {"order": 5},
        "action": "withdrawn",
        "actor": {"kind": "token", "name": "3", "role": "regulator"},
        "clock_behind_ms": 60_000,
        "kind": "orders",
        "number": 17,
        "said": {"entries": 2},
        "second_actor": {"kind": "role", "name": "control", "role": ""},
        "time": "2026-08-03T12:00:00.123Z",
    }


@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), b"octets", [None, 2.0], {"deep": 1}])
def test_what_canonical_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="cannot stand in an event; not written"):
        text_of(Event("orders", "pushed", CONTROL, said={"x": value}), 0, 0)


def test_an_unknown_kind_and_a_text_too_long_are_refused() -> None:
    with pytest.raises(ValueError, match="the kind 'household' is unknown"):
        text_of(Event("household", "paused", CONTROL), 0, 0)
    with pytest.raises(ValueError, match=f"it may have {MAX_EVENT_OCTETS}"):
        text_of(Event("orders", "pushed", CONTROL, said={"x": "a" * MAX_EVENT_OCTETS}), 0, 0)
    assert "household" not in KINDS


def test_a_leaf_is_another_one_with_another_salt() -> None:
    text = text_of(Event("orders", "pushed", CONTROL), 0, 0)

    assert leaf_of(bytes(16), text) != leaf_of(bytes(15) + b"1", text)


def test_a_time_is_always_written_with_milliseconds() -> None:
    assert time_text(0) == "1970-01-01T00:00:00.000Z"
    assert time_text(1785758400999) == "2026-08-03T12:00:00.999Z"


def test_a_command_acts_as_the_account_that_runs_it() -> None:
    assert account().kind == "account" and account().name
