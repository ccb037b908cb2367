import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lists.outcomes import Item, complaints, rules, urls

from fastpath.images.verdict import Mode
from rules.base.canonical import IS_ADDRESS
from rules.base.errors import BadList
from rules.formats.stix import (
    BAD_TIME,
    IS_EXPIRED,
    IS_REVOKED,
    NO_OBJECT,
    NO_PATTERN,
    NOT_YET,
    OTHER_OBJECT,
    OTHER_PATTERN,
    iter_rules,
    parse_pattern,
)

NOW = 1_785_844_800.0  # 2026-08-04T12:00:00Z


def test_names_and_urls_that_a_pattern_equals_are_rules() -> None:
    found = read(indicator("[domain-name:value = 'bad.example']"), indicator("[url:value='http://bad.example/a?b']"))

    assert rules(found) == [("bad.example", Mode.SUBTREE)]
    assert urls(found) == [("bad.example/a?b", Mode.EXACT)]


def test_each_side_of_an_or_stands_for_itself() -> None:
    found = read(
        indicator(
            "[domain-name:value = 'a.example' OR ipv4-addr:value = '192.0.2.1'] OR "
            "[file:name = 'x' OR url:value = 'b.example/c']"
        )
    )

    assert rules(found) == [("a.example", Mode.SUBTREE)]
    assert urls(found) == [("b.example/c", Mode.EXACT)]
    assert complaints(found) == [(2, 1, IS_ADDRESS), (2, 1, OTHER_OBJECT)]


@pytest.mark.parametrize(
    "pattern",
    [
        "[domain-name:value = 'a.example' AND url:value = 'b.example/c']",
        "[domain-name:value LIKE '%.example']",
        "[domain-name:value MATCHES '.*']",
        "[domain-name:value != 'a.example']",
        "[NOT domain-name:value = 'a.example']",
        "[domain-name:value IN ('a.example')]",
        "[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']",
        "[domain-name:value = 'a.example'] REPEATS 5 TIMES",
        "[domain-name:value = 'a.example'",
        "domain-name:value = 'a.example'",
        "[domain-name:value = 'a.example']]",
        "[]",
        "",
        "[domain-name:value = 'a.example' OR]",
        "[[domain-name:value = 'a.example']]",
        "[domain-name:value = 'a.example'] [domain-name:value = 'b.example']",
        "[(domain-name:value = 'a.example']",
        "[domain-name:value = 5]",
        "[domain-name:value = 'a.example\\']",
        "[domain-name:value 'a.example']",
    ],
)
def test_a_pattern_that_says_anything_else_is_reported_whole(pattern: str) -> None:
    found = read(indicator(pattern))

    assert [reason for _, _, reason in complaints(found)] == [OTHER_PATTERN]
    assert rules(found) == urls(found) == []


@given(
    st.lists(st.tuples(st.sampled_from(["domain-name:value", "url:value", "ipv4-addr:value"]), st.text()), min_size=1),
    st.data(),
)
def test_every_or_of_equalities_is_understood(terms: list[tuple[str, str]], data: st.DataObject) -> None:
    pattern = ""
    for number, (path, value) in enumerate(terms):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        joint = data.draw(st.sampled_from(["] OR [", " OR "])) if number else "["
        pattern += f"{joint}{path} = '{escaped}'"

    assert parse_pattern(pattern + "]") == terms


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"revoked": True}, IS_REVOKED),
        ({"valid_until": "2026-08-04T12:00:00Z"}, IS_EXPIRED),
        ({"valid_until": "2026-08-04T16:59:59.999999999+05:00"}, IS_EXPIRED),
        ({"valid_from": "2026-08-04T12:00:01Z"}, NOT_YET),
        ({"valid_until": "soon"}, BAD_TIME),
        ({"valid_until": 5}, BAD_TIME),
        ({"pattern_type": "yara"}, NO_PATTERN),
        ({"pattern": None}, NO_PATTERN),
    ],
)
def test_an_indicator_that_does_not_count_now_is_reported(fields: dict[str, Any], reason: str) -> None:
    found = read(indicator("[domain-name:value = 'a.example']") | fields)

    assert complaints(found) == [(2, 1, reason)]
    assert rules(found) == []


@pytest.mark.parametrize("fields", [{"revoked": False}, {"valid_until": "2026-08-04T12:00:01Z"}, {"valid_until": None}])
def test_an_indicator_that_still_counts_is_a_rule(fields: dict[str, Any]) -> None:
    assert rules(read(indicator("[domain-name:value = 'a.example']") | fields)) == [("a.example", Mode.SUBTREE)]


def test_other_objects_are_silent_and_what_is_none_is_reported() -> None:
    found = read({"type": "identity", "name": "x"}, {"type": "relationship"}, 5, {"pattern": "x"})

    assert complaints(found) == [(4, 1, NO_OBJECT), (5, 1, NO_OBJECT)]


def test_a_value_that_is_no_name_is_reported() -> None:
    found = read(indicator("[domain-name:value = 'a b']"), indicator("[url:value = 'a\u202eb']"))

    assert [line for line, _, _ in complaints(found)] == [2, 3]


@pytest.mark.parametrize("text", ['{"title": "Unauthorized"}', "[]", "", "5"])
def test_an_answer_without_objects_is_no_list(text: str) -> None:
    with pytest.raises(BadList):
        list(iter_rules([text.encode()], Mode.SUBTREE))


def indicator(pattern: str) -> dict[str, Any]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "pattern_type": "stix",
        "pattern": pattern,
        "valid_from": "2026-08-04T00:00:00Z",
    }


def read(*objects: object) -> list[Item]:
    text = '{"type": "bundle", "objects": [\n' + ",\n".join(map(json.dumps, objects)) + '\n], "id": "x"}'
    return list(iter_rules([text.encode()], Mode.SUBTREE, lambda: NOW))
