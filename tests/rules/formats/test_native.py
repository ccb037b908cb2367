import json
from typing import Any

import pytest
from support.lists.outcomes import Item, actions, complaints, rules, urls

from fastpath.images.verdict import Action, Mode
from fastpath.wire.address import rule_text
from rules.base.canonical import IS_ADDRESS
from rules.base.errors import BadList
from rules.base.prefixes import HOST_BITS, NO_PREFIX
from rules.base.rule import Rule, SkippedLine
from rules.formats.native import (
    BAD_ACTION,
    BAD_DATA,
    BAD_KIND,
    BAD_REF,
    BAD_SCOPE,
    BAD_TIME,
    IS_EXPIRED,
    KIND_IS_NAME,
    NO_VALUE,
    REMOVES_NOTHING,
    SCOPE_OF_NOTHING,
    iter_rules,
)

NOW = 1_785_844_800.0  # 2026-08-04T12:00:00Z


def test_what_the_file_says_goes_before_what_the_source_says() -> None:
    found = read(
        {"value": "a.example", "kind": "domain", "scope": "subtree"},
        {"value": "b.example", "kind": "host", "scope": "exact"},
        {"value": "c.example", "kind": "domain", "scope": "below"},
        {"value": "d.example", "kind": "host"},
        {"value": "e.example", "kind": "domain"},
        {"value": "f.example"},
    )

    assert rules(found) == [
        ("a.example", Mode.SUBTREE),
        ("b.example", Mode.EXACT),
        ("c.example", Mode.BELOW),
        ("d.example", Mode.EXACT),
        ("e.example", Mode.SUBTREE),
        ("f.example", Mode.SUBTREE),
    ]


def test_urls_are_exact_or_prefixes() -> None:
    found = read(
        {"value": "a.example/x", "kind": "url"},
        {"value": "http://a.example/y", "kind": "url", "scope": "subtree"},
        {"value": "a.example/", "kind": "url"},
    )

    assert urls(found) == [("a.example/x", Mode.EXACT), ("a.example/y", Mode.SUBTREE)]
    assert rules(found) == [("a.example", Mode.EXACT)]


def test_an_entry_has_its_own_letter_or_the_lists() -> None:
    found = read(
        {"value": "a.example"},
        {"value": "b.example", "order_ref": "L/2"},
        {"value": "c.example", "order_ref": None},
        order={"issuer": "pta", "ref": "L/1"},
    )

    assert [item.order_ref for item in found if isinstance(item, Rule)] == ["L/1", "L/2", None]


def test_actions_and_local_data_are_taken() -> None:
    found = read(
        {"value": "a.example", "action": "nodata"},
        {"value": "b.example", "action": "local-data", "data": "00010000003c0004c0000201"},
    )

    assert actions(found) == [
        ("a.example", Mode.SUBTREE, Action.NODATA),
        ("b.example", Mode.SUBTREE, Action.LOCAL_DATA),
    ]
    assert isinstance(found[1], Rule)
    assert found[1].data == bytes.fromhex("00010000003c0004c0000201")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({}, NO_VALUE),
        ("a.example", NO_VALUE),
        ({"value": 5}, NO_VALUE),
        ({"value": "192.0.2.1"}, IS_ADDRESS),
        ({"value": "a.example", "kind": "ip"}, NO_PREFIX),
        ({"value": "192.0.2.1/24", "kind": "cidr"}, HOST_BITS),
        ({"value": "192.0.2.0/24", "kind": "cidr", "scope": "all"}, BAD_SCOPE),
        ({"value": "192.0.2.0/24", "kind": "cidr", "scope": "exact"}, SCOPE_OF_NOTHING),
        ({"value": "192.0.2.0/23", "kind": "cidr", "scope": "exact"}, SCOPE_OF_NOTHING),
        ({"value": "2001:db8::/32", "kind": "cidr", "scope": "exact"}, SCOPE_OF_NOTHING),
        ({"value": "192.0.2.7", "kind": "ip", "scope": "below"}, SCOPE_OF_NOTHING),
        ({"value": "192.0.2.6/31", "kind": "cidr", "scope": "below"}, SCOPE_OF_NOTHING),
        ({"value": "192.0.2.1", "kind": "ip", "data": "00"}, BAD_DATA),
        ({"value": "a.example", "kind": "name"}, BAD_KIND),
        ({"value": "a.example", "kind": []}, BAD_KIND),
        ({"value": "a.example", "scope": "all"}, BAD_SCOPE),
        ({"value": "a.example/x", "kind": "url", "scope": "below"}, BAD_SCOPE),
        ({"value": "a.example/x"}, KIND_IS_NAME),
        ({"value": "a.example", "action": "block"}, BAD_ACTION),
        ({"value": "a.example", "action": 1}, BAD_ACTION),
        ({"value": "a.example", "action": "shadow"}, BAD_ACTION),
        ({"value": "a.example", "data": "00"}, BAD_DATA),
        ({"value": "a.example", "action": "local-data", "data": "x"}, BAD_DATA),
        ({"value": "a.example", "action": "local-data", "data": "0001"}, BAD_DATA),
        ({"value": "a.example", "action": "local-data", "data": "00" * 800}, BAD_DATA),
        ({"value": "a.example/x", "kind": "url", "action": "local-data", "data": "00"}, BAD_DATA),
        ({"value": "a.example", "expires_at": "2026-08-04T12:00:00Z"}, IS_EXPIRED),
        ({"value": "a.example", "expires_at": "soon"}, BAD_TIME),
        ({"value": "a.example", "expires_at": 5}, BAD_TIME),
        ({"value": "a.example", "order_ref": 5}, BAD_REF),
        ({"value": "*.a.example"}, "has a character that is not allowed in a host name"),
    ],
)
def test_an_entry_that_is_not_clear_is_reported_with_its_place(entry: Any, reason: str) -> None:
    found = read({"value": "first.example"}, entry)

    assert complaints(found) == [(3, 1, reason)]


def test_entries_to_remove_are_reported_for_a_full_list_has_none() -> None:
    text = b'{"format":"cf-list/1","add":[],"remove":[{"value":"a.example"}]}'

    (found,) = iter_rules([text], Mode.EXACT)

    assert isinstance(found, SkippedLine)
    assert (found.text, found.reason, found.column) == ("a.example", REMOVES_NOTHING, 42)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"format":"cf-list/1","mode":"delta","add":[]}',
            "a delta, which is not a whole list; not read; push it to the API",
        ),
        ('{"format":"cf-list/1","add":[],"mode":"delta"}', "a delta"),
        ('{"format":"cf-list/2","add":[]}', "a format other than"),
        ('{"add":[]}', "no format 'cf-list/1'"),
        ('{"error":"unauthorized"}', "no format"),
        ("[]", "no object"),
        ("", "ends before"),
        ('{"format":"cf-list/1","add":[{"value":"a.example"}],"order":{"ref":"L"}}', "an order after its entries"),
        ('{"format":"cf-list/1","order":{"ref":5}}', "an order whose ref is not text"),
        ('{"format":"cf-list/1","add":{}}', "no array"),
        ('{"format":"cf-list/1","add":[]}x', "more text"),
    ],
)
def test_what_is_no_full_list_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadList, match=r"^line 1, column") as caught:
        list(iter_rules([text.encode()], Mode.EXACT))

    assert message in str(caught.value)


def test_a_list_that_is_cut_anywhere_is_refused() -> None:
    octets = json.dumps(
        {"format": "cf-list/1", "mode": "full", "add": [{"value": f"n{i}.example"} for i in range(500)]}
    ).encode()

    for at in range(0, len(octets), 100):
        with pytest.raises(BadList):
            list(iter_rules([octets[:at]], Mode.EXACT))


def read(*entries: object, **head: object) -> list[Item]:
    text = json.dumps({"format": "cf-list/1", "mode": "full", **head, "add": []})[:-2]
    text += "\n" + ",\n".join(map(json.dumps, entries)) + "]}"
    return list(iter_rules([text.encode()], Mode.EXACT, lambda: NOW))


def test_addresses_and_prefixes_are_rules_of_their_own_kinds() -> None:
    found = read(
        {"value": "192.0.2.1", "kind": "ip"},
        {"value": "192.0.2.0/23", "kind": "cidr", "action": "nodata"},
        {"value": "192.0.2.0/24", "kind": "cidr", "scope": "below"},
        {"value": "192.0.2.6/31", "kind": "cidr", "scope": "exact"},
        {"value": "192.0.2.9", "kind": "ip", "scope": "subtree"},
    )

    assert [(rule_text(item.wire), item.mode, item.action) for item in found if isinstance(item, Rule)] == [
        ("192.0.2.1", Mode.EXACT, Action.NO_ACTION),
        ("192.0.2.0/24", Mode.BELOW, Action.NODATA),
        ("192.0.3.0/24", Mode.BELOW, Action.NODATA),
        ("192.0.2.0/24", Mode.BELOW, Action.NO_ACTION),
        ("192.0.2.6", Mode.EXACT, Action.NO_ACTION),
        ("192.0.2.7", Mode.EXACT, Action.NO_ACTION),
        ("192.0.2.9", Mode.SUBTREE, Action.NO_ACTION),
    ]
