import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct
from multidict import MultiDict

from mgmt.contract.decoder import MAX_KEY_CHARACTERS, decode, decode_query
from mgmt.contract.errors import BadRequest, NotJson
from mgmt.contract.fields import sendable
from mgmt.contract.shapes import Instant, Line


class Part(Struct, forbid_unknown_fields=True):
    value: Line
    side: Literal["left", "right"] | None = None


class Whole(Struct, forbid_unknown_fields=True):
    reason: Line
    parts: Annotated[list[Line | Part], Meta(max_length=2)] = []
    minutes: Annotated[int, Meta(ge=1, le=30)] | None = None
    at: Instant | None = None
    is_on: bool = False


class Asked(Struct, forbid_unknown_fields=True):
    name: Line
    after: Annotated[int, Meta(ge=0)] = 0
    since: Instant | None = None


@given(st.binary(max_size=200))
def test_any_octets_are_an_object_or_refused_with_their_place(octets: bytes) -> None:
    try:
        decode(octets, Whole)
    except BadRequest as refusal:
        assert refusal.where and sendable(refusal.detail) == refusal.detail


@pytest.mark.parametrize(
    ("change", "where", "write"),
    [
        ({"reason": 7}, "/reason", "write 1 to 500 characters on one line"),
        ({"reason": "a\nb"}, "/reason", "write 1 to 500 characters on one line"),
        ({"reason": "a\n"}, "/reason", "write 1 to 500 characters on one line"),
        ({"reason": "left \u202e right"}, "/reason", "write 1 to 500 characters on one line"),
        ({"minutes": 31}, "/minutes", "write a whole number, 1 to 30"),
        ({"minutes": True}, "/minutes", "write a whole number, 1 to 30"),
        ({"at": "2026-08-03T21:00:00"}, "/at", "write 2026-08-04T10:00:00+05:00"),
        ({"at": "21:00"}, "/at", "write 2026-08-04T10:00:00+05:00"),
        ({"is_on": "yes"}, "/is_on", "write true or false"),
        ({"parts": ["a", "b", "c"]}, "/parts", "write […] with at most 2"),
        ({"parts": ["a", 7]}, "/parts/1", "write 1 to 500 characters on one line or {…}"),
        ({"parts": [{"value": "a", "side": "top"}]}, "/parts/0/side", "write one of left, right"),
        ({"parts": [{"side": "left"}]}, "/parts/0/value", "write 1 to 500 characters on one line"),
        ({"parts": [{"value": "a", "sid": "left"}]}, "/parts/0/sid", "write side"),
        ({"minuts": 3}, "/minuts", "write minutes"),
        ({"a/b~c": 3}, "/a~1b~0c", "write one of reason, parts, minutes, at, is_on"),
    ],
)
def test_a_field_is_refused_by_its_pointer_and_with_what_to_write(change: Any, where: str, write: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        decode(json.dumps({"reason": "x", **change}).encode(), Whole)

    assert refusal.value.where == where
    assert refusal.value.detail.startswith(f"{where}: ") and refusal.value.detail.endswith(f"; not taken; {write}")


def test_what_is_missing_is_named() -> None:
    with pytest.raises(BadRequest, match=r"^/reason: missing; not taken; write 1 to 500 characters on one line$"):
        decode(b"{}", Whole)


@pytest.mark.parametrize(
    "octets",
    [b"", b"{", b'{"reason":"\xe9"}', b"\xff\xfe{\0}\0", b'{"reason":"\\ud800"}', b'{"minutes":NaN}', b"nul"],
)
def test_what_is_no_json_in_utf_8_is_not_read(octets: bytes) -> None:
    with pytest.raises(NotJson, match=r"^body: not JSON in UTF-8 \(.*\); not taken; send an object$"):
        decode(octets, Whole)


@pytest.mark.parametrize("octets", [b"[]", b"7", b"null", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused_as_a_whole(octets: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^body: expected 'object', got .*; write \{…\}$"):
        decode(octets, Whole)


def test_a_refusal_quotes_a_line_at_most() -> None:
    for change in ({"side": "x" * 10**6}, {"y" * 10**6: 1}):
        with pytest.raises(BadRequest) as refusal:
            decode(json.dumps({"reason": "x", "parts": [{"value": "a", **change}]}).encode(), Whole)
        assert len(refusal.value.detail) < 400


def test_no_suggestion_is_looked_for_where_a_key_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []

    def compare(key: str, *_: object) -> list[str]:
        compared.append(key)
        return []

    monkeypatch.setattr("mgmt.contract.decoder.difflib.get_close_matches", compare)

    for n in (MAX_KEY_CHARACTERS, MAX_KEY_CHARACTERS + 1, 15 << 20):
        with pytest.raises(BadRequest, match="an unknown key; not taken; write one of reason"):
            decode(json.dumps({"r" * n: 1}).encode(), Whole)

    assert [len(key) for key in compared] == [MAX_KEY_CHARACTERS]


def test_parameters_are_numbers_instants_and_texts() -> None:
    found = decode_query(MultiDict(name="null", after="7", since="2026-08-03T21:00:00+05:00"), Asked)

    assert found == Asked("null", 7, datetime(2026, 8, 3, 16, tzinfo=UTC))


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ([("after", "null")], "?after"),
        ([("after", "NULL")], "?after"),
        ([], "?name"),
        ([("name", "")], "?name"),
        ([("name", "a"), ("after", "x")], "?after"),
        ([("name", "a"), ("after", "-1")], "?after"),
        ([("name", "a"), ("after", "")], "?after"),
        ([("name", "a"), ("since", "null")], "?since"),
        ([("name", "a"), ("since", "1785758400")], "?since"),
        ([("name", "a"), ("since", "2026-08-03T12:00:00")], "?since"),
        ([("name", "a"), ("sinc", "x")], "?sinc"),
        ([("name", "a"), ("name", "b")], "?name"),
        ([("name", "a"), ("\ud800", "b")], "?\ufffd"),
    ],
)
def test_a_parameter_that_cannot_be_taken_is_named(said: list[tuple[str, str]], where: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        decode_query(MultiDict(said), Asked)

    assert refusal.value.where == where
    assert "; not taken; " in refusal.value.detail


def test_a_text_of_another_form_is_refused_without_a_regular_expression() -> None:
    class Place(Struct):
        province: Annotated[str, Meta(pattern="^PK-[A-Z]{2}$")]

    with pytest.raises(BadRequest, match=r"^\?province: a text that is not of its form; not taken; write "):
        decode_query(MultiDict(province="XX"), Place)
