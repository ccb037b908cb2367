import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.present import present

from mgmt.contract.errors import BadRequest
from mgmt.orders.base.judge import host_of_entry, judge_entries, network_of_entry, parse_order, wire_of
from mgmt.orders.base.model import EntryMode, EntryStatus, name_text
from rules.base.protected import ProtectedNames

ORDER = {"issuer": "PTA", "ref": "1", "ground": "g", "entries": ["bad.example"]}
NOTHING = ProtectedNames()


def read(**changes: Any) -> Any:
    return parse_order(json.dumps({**ORDER, **changes}).encode())


@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=5))
def test_every_text_is_an_entry_with_a_status_and_a_reason_or_a_name(values: Any) -> None:
    judged = list(judge_entries(read(entries=values), NOTHING))

    assert [entry.number for entry in judged] == list(range(1, len(values) + 1))
    assert {entry.status for entry in judged} <= set(EntryStatus)
    assert all((entry.wire is not None) if entry.status == "pending" else entry.reason for entry in judged)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from([*ORDER, "scope", "deadline", "emergency", "x"]), x),
        max_leaves=9,
    )
)
def test_any_json_is_an_order_or_a_problem_with_its_place(said: Any) -> None:
    try:
        parse_order(json.dumps(said).encode())
    except BadRequest as refusal:
        assert refusal.where


def test_equal_content_has_an_equal_digest_whatever_its_spaces_and_order_of_keys() -> None:
    shuffled = json.dumps(dict(reversed(ORDER.items())), indent=3).encode()

    assert parse_order(shuffled).sha256 == read().sha256
    assert read(deadline="2026-08-05T10:00:00Z").sha256 == read(deadline="2026-08-05T15:00:00+05:00").sha256


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "IHC"},
        {"ref": "2"},
        {"ground": "h"},
        {"scope": "exact"},
        {"emergency": True},
        {"entries": ["b.example"]},
        {"deadline": "2026-08-05T10:00:00Z"},
        {"entries": ["bad.example", "bad.example"]},
    ],
)
def test_other_content_has_another_digest(change: Any) -> None:
    assert read(**change).sha256 != read().sha256


def test_one_name_in_two_scopes_is_no_duplicate() -> None:
    order = read(entries=["a.example", {"value": "a.example", "scope": "exact"}, "A.example"])

    assert [entry.status for entry in judge_entries(order, NOTHING)] == ["pending", "pending", "duplicate"]


@pytest.mark.parametrize(
    ("value", "scope", "status"),
    [
        ("isp.example", "subtree", "refused_protected"),
        ("isp.example", "exact", "pending"),
        ("portal.isp.example", "exact", "refused_protected"),
        ("x.portal.isp.example", "exact", "refused_protected"),
        ("notisp.example", "subtree", "pending"),
        ("com.pk", "subtree", "refused_protected"),
        ("com.pk", "exact", "pending"),
    ],
)
def test_a_protected_name_and_a_public_suffix_are_refused_where_they_would_be_blocked(
    value: str, scope: str, status: str
) -> None:
    [entry] = judge_entries(read(entries=[value], scope=scope), ProtectedNames(["portal.isp.example"]))

    assert entry.status == status
    assert (entry.reason is not None) == (status != "pending")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("garbage 0.5", "has a character that is not allowed"),
        ("%%% 0.5", "has a character that is not allowed"),
        ("foo.123", "ends in a number"),
        ("1.2.3", "not in full"),
        ("0x7f.1", "not in full"),
        ("192.0.2.7:80", "with a port"),
        ("*.192.0.2.7", "not in full"),
    ],
)
def test_what_is_neither_a_name_nor_a_whole_address_is_invalid_and_not_called_unenforceable(
    value: str, why: str
) -> None:
    [entry] = judge_entries(read(entries=[value]), NOTHING)

    assert entry.status == "invalid"
    assert why in present(entry.reason)


def test_a_wildcard_is_a_subtree_also_in_an_exact_order() -> None:
    [entry] = judge_entries(read(entries=["*.bad.example"], scope="exact"), NOTHING)

    assert (name_text(present(entry.wire)), entry.mode) == ("bad.example", "subtree")


def test_a_value_has_one_wire_name_however_it_is_written() -> None:
    assert wire_of("HXXP://Bad[.]Example./", "exact") == wire_of("bad.example", "subtree") == b"\3bad\7example\0"
    assert wire_of("HXXPS://Bad.Example:443/./path", "exact") == wire_of("bad.example/path", "subtree")
    assert wire_of("[2001:DB8::9]", "exact") == b"2001:db8::9"
    assert wire_of("not a name", "exact") is None


def test_an_international_name_is_its_a_label() -> None:
    [entry] = judge_entries(read(entries=["مثال.test"]), NOTHING)

    assert name_text(present(entry.wire)) == "xn--mgbh0fb.test"


def test_a_url_is_meant_exactly_or_with_all_below_it_and_is_no_order_where_nobody_sees_paths() -> None:
    order = read(entries=["https://bad.example/a", "https://bad.example/b/*", "bad.example/a"])

    assert [(entry.wire, entry.mode, entry.status) for entry in judge_entries(order, NOTHING)] == [
        (b"bad.example/a", "url", "pending"),
        (b"bad.example/b/", "url-prefix", "pending"),
        (b"bad.example/a", "url", "duplicate"),
    ]
    without_gate = judge_entries(order, NOTHING, has_gate=False)
    assert {entry.status for entry in without_gate} == {"not_enforceable_at_this_layer"}


def test_nothing_is_enforced_where_traffic_is_only_seen() -> None:
    order = read(entries=["bad.example", "https://bad.example/a", "no name"])

    found = list(judge_entries(order, NOTHING, has_gate=False, stops_names=False))

    assert [entry.status for entry in found] == ["not_enforceable_at_this_layer"] * 2 + ["invalid"]
    assert found[0].reason == "this box has neither a DNS front nor a gate in the way of traffic"


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("192.0.2.7", b"192.0.2.7"),
        (" 192.0.2[.]7 ", b"192.0.2.7"),
        ("192.0.2.7/32", b"192.0.2.7"),
        ("192.0.2.0/24", b"192.0.2.0/24"),
        ("[2001:DB8:0::7]", b"2001:db8::7"),
        ("2001:db8::/48", b"2001:db8::/48"),
        ("::ffff:192.0.2.7", b"192.0.2.7"),
    ],
)
def test_an_address_or_a_prefix_has_one_text_however_it_is_written(value: str, wire: bytes) -> None:
    (entry,) = judge_entries(read(entries=[value]), NOTHING)

    assert (entry.wire, entry.mode, entry.status, name_text(wire)) == (
        wire,
        EntryMode.ADDRESS,
        "pending",
        wire.decode(),
    )
    assert str(network_of_entry(value)).removesuffix("/32").removesuffix("/128") == wire.decode()


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("192.0.2.7/24", "invalid"),
        ("192.0.2.0/33", "invalid"),
        ("192.0.2.256", "invalid"),
        ("2.0.0.0/7", "refused_protected"),
        ("2000::/15", "refused_protected"),
        ("192.168.1.1", "refused_protected"),
        ("192.0.2.1-192.0.2.9", "invalid"),
        ("bad.cafe", "pending"),
        ("http://192.0.2.7/24", "pending"),
        ("192.0.2.7/page", "pending"),
    ],
)
def test_what_is_no_address_that_can_be_closed_says_so_and_what_is_none_stays_a_name_or_a_url(
    value: str, status: str
) -> None:
    (entry,) = judge_entries(read(entries=[value]), NOTHING)

    assert entry.status == status
    assert entry.mode != EntryMode.ADDRESS or status == "refused_protected"


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("https://Shared.test/a", b"\6shared\4test\0"),
        ("https://shared.test/#!/a", b"\6shared\4test\0"),
        ("shared.test:8443/a", b"\6shared\4test\0"),
        ("http://192.0.2.7/a", None),
        ("not a name", None),
        ("=1+1", None),
    ],
)
def test_the_host_of_an_entry_is_that_of_its_url(value: str, host: bytes | None) -> None:
    assert host_of_entry(value) == host
