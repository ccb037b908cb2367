import os
import subprocess
import sys

import pytest
from support.dns.local_data import local_data, records
from support.lists.outcomes import actions, complaints, items, rules

from fastpath.images.verdict import Action, Mode
from fastpath.wire.address import rule_text
from rules.base.errors import BadList
from rules.base.lines import HAS_DIRECTION_MARK, HAS_NUL, LINE_TOO_LONG
from rules.base.local_data import APART, BAD_DATA, BAD_TYPE, CNAME_WITH_OTHERS, TOO_LONG, WILDCARD_TARGET
from rules.base.prefixes import HOST_BITS, NO_TRIGGER, TOO_SHORT
from rules.base.rule import Rule
from rules.formats.rpz import (
    BAD_DIRECTIVE,
    EVERY_NAME,
    NO_ORIGIN,
    NO_RECORD,
    OTHER_TRIGGER,
    OUTSIDE,
    UNCLOSED,
    iter_rules,
)

HEAD = """$TTL 60
@ IN SOA localhost. root.localhost. (
      2026080401 ; serial
      300 60 86400 60 )
  IN NS localhost.
"""


def test_a_zone_file_gives_its_rules_as_written() -> None:
    text = HEAD + "bad.example    CNAME .\n*.bad.example  CNAME .\nok.bad.example CNAME rpz-passthru.\n"

    assert actions(items(iter_rules, text, Mode.EXACT)) == [
        ("bad.example", Mode.EXACT, Action.NXDOMAIN),
        ("bad.example", Mode.BELOW, Action.NXDOMAIN),
        ("ok.bad.example", Mode.EXACT, Action.PASSTHRU),
    ]


@pytest.mark.parametrize(
    ("target", "action"),
    [
        (".", Action.NXDOMAIN),
        ("*.", Action.NODATA),
        ("rpz-passthru.", Action.PASSTHRU),
        ("RPZ-Drop.", Action.DROP),
        ("rpz-tcp-only.", Action.TCP_ONLY),
        ("bad.example", Action.PASSTHRU),
    ],
)
def test_the_target_says_the_action(target: str, action: Action) -> None:
    found = items(iter_rules, f"bad.example CNAME {target}", Mode.EXACT)

    assert actions(found) == [("bad.example", Mode.EXACT, action)]


@pytest.mark.parametrize(
    "record",
    [
        "a.example CNAME .",
        "a.example 300 IN CNAME .",
        "a.example IN 5m cname . ; why",
        "A.Example\tIN\tCNAME\t.",
        "a.example IN CNAME ( . )",
        "a.example ( CNAME\n . )",
    ],
)
def test_a_record_is_read_in_every_spelling(record: str) -> None:
    assert rules(items(iter_rules, record, Mode.EXACT)) == [("a.example", Mode.EXACT)]


@pytest.mark.parametrize(
    ("head", "owner"),
    [
        ("$ORIGIN rpz.test.\n", "a.example"),
        ("$ORIGIN rpz.test.\n", "a.example.rpz.test."),
        ("rpz.test. SOA . . 1 1 1 1 1\n", "A.Example.RPZ.test."),
        ("$ORIGIN rpz.test.\n@ SOA . . 1 1 1 1 1\n$ORIGIN example.rpz.test.\n", "a"),
        ("$ORIGIN rpz.test.\n$ORIGIN example\n", "a"),
        ("", "a.example."),
        ("@ SOA . . 1 1 1 1 1\n", "a.example"),
    ],
)
def test_owners_are_relative_to_the_zone(head: str, owner: str) -> None:
    assert rules(items(iter_rules, f"{head}{owner} CNAME .\n", Mode.EXACT)) == [("a.example", Mode.EXACT)]


def test_an_owner_outside_of_the_zone_is_reported() -> None:
    assert complaints(items(iter_rules, "$ORIGIN rpz.test.\n  \na.example. CNAME .\n")) == [(3, 1, OUTSIDE)]


def test_an_owner_that_is_left_out_is_the_one_before() -> None:
    found = items(iter_rules, 'a.example CNAME .\nb.example A 192.0.2.1\n  TXT "why; (this)"\n', Mode.EXACT)

    assert local_data(found) == [
        ("b.example", Mode.EXACT, [(1, bytes([192, 0, 2, 1])), (16, b"\x0bwhy; (this)")]),
    ]


@pytest.mark.parametrize(
    "owner",
    ["32.1.2.0.192.rpz-client-ip", "ns.example.rpz-nsdname", "32.1.2.0.192.rpz-nsip"],
)
def test_triggers_by_address_or_name_server_are_reported(owner: str) -> None:
    text = f"$ORIGIN rpz.test.\nok.example CNAME .\n{owner} CNAME .\n"

    assert complaints(items(iter_rules, text)) == [(3, 1, OTHER_TRIGGER)]


@pytest.mark.parametrize(
    ("data", "rtype", "rdata"),
    [
        ("A 192.0.2.1", 1, b"\xc0\0\2\1"),
        ("aaaa 2001:db8::1", 28, b"\x20\x01\x0d\xb8" + bytes(11) + b"\1"),
        ("CNAME garden.example.", 5, b"\6garden\7example\0"),
        ('TXT a "b c"', 16, b"\1a\3b c"),
        ("MX 10 mail.example.", 15, b"\0\x0a\4mail\7example\0"),
        ("TYPE65 \\# 3 00 0100", 65, b"\0\1\0"),
    ],
)
def test_any_other_data_of_a_name_are_its_local_data(data: str, rtype: int, rdata: bytes) -> None:
    found = items(iter_rules, f"$ORIGIN rpz.test.\na.example {data}\n*.b.example 5m IN {data}\n", Mode.EXACT)

    assert actions(found) == [
        ("a.example", Mode.EXACT, Action.LOCAL_DATA),
        ("b.example", Mode.BELOW, Action.LOCAL_DATA),
    ]
    assert local_data(found) == [("a.example", 1, [(rtype, rdata)]), ("b.example", 3, [(rtype, rdata)])]


def test_a_record_lives_as_long_as_it_says_else_as_the_zone_says() -> None:
    text = "a.test A 192.0.2.1\n$TTL 1h\nb.test A 192.0.2.1\nc.test 5m IN A 192.0.2.1\nd.test 30 A 192.0.2.1\n"

    found = [item for item in items(iter_rules, text) if isinstance(item, Rule)]

    assert [ttl_s for item in found for _, ttl_s, _ in records(item.data)] == [60, 3600, 300, 30]


def test_records_of_one_name_that_stand_together_are_one_rule_of_the_first_ones_line() -> None:
    text = (
        "a.test CNAME .\nb.test A 192.0.2.1\n       A 192.0.2.2\nc.test CNAME .\nb.test AAAA ::1\nb.test A 192.0.2.1\n"
    )

    found = items(iter_rules, text, Mode.EXACT)

    assert [(item.line, len(item.data)) for item in found if isinstance(item, Rule) and item.data] == [(2, 48)]
    assert complaints(found) == []


def test_records_of_one_name_that_stand_apart_are_reported() -> None:
    text = "b.test A 192.0.2.1\nc.test A 192.0.2.1\nb.test A 192.0.2.2\nc.test A 192.0.2.2\n"

    found = items(iter_rules, text, Mode.EXACT)

    assert [(name, len(data)) for name, _, data in local_data(found)] == [("b.test", 1), ("c.test", 2)]
    assert complaints(found) == [(3, 10, APART)]


def test_a_relative_target_is_completed_with_the_origin() -> None:
    found = items(iter_rules, "$ORIGIN rpz.test.\na.example CNAME garden\n")

    assert local_data(found)[0][2] == [(5, b"\6garden\3rpz\4test\0")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("CNAME *.garden.example.", WILDCARD_TARGET),
        ("A 192.0.2.256", BAD_DATA),
        ("AAAA 192.0.2.1", BAD_DATA),
        ("DNAME garden.example.", BAD_TYPE),
        ("A 192.0.2.1\na.example CNAME garden.example.", CNAME_WITH_OTHERS),
        ("CNAME garden.example.\n  CNAME b.example.", CNAME_WITH_OTHERS),
        ("TXT " + "x" * 255 + " y" * 130, TOO_LONG),
    ],
)
def test_local_data_that_cannot_be_answered_with_are_reported(data: str, reason: str) -> None:
    found = items(iter_rules, f"ok.example CNAME .\na.example {data}\n", Mode.EXACT)

    assert rules(found)[0] == ("ok.example", Mode.EXACT)
    assert [item[2] for item in complaints(found)] == [reason]


def test_what_a_signer_adds_to_a_zone_says_nothing() -> None:
    text = (
        HEAD + "a.example CNAME .\n  RRSIG CNAME 13 3 60 20260901 20260801 1 rpz.test. c2ln\n  NSEC b.example CNAME\n"
    )

    found = items(iter_rules, text, Mode.EXACT)

    assert rules(found) == [("a.example", Mode.EXACT)]
    assert complaints(found) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("* CNAME .", EVERY_NAME),
        ("@ CNAME .", EVERY_NAME),
        ("$INCLUDE other.zone", BAD_DIRECTIVE),
        ("a.example CNAME . x", BAD_DATA),
        ("a.example", NO_RECORD),
        ('a.example "x', NO_RECORD),
        ("  CNAME .", NO_RECORD),
        ("a.example ( CNAME", UNCLOSED),
        ("a.*.example CNAME .", "has a character that is not allowed in a host name"),
        ("192.0.2.1 CNAME .", "is an address"),
    ],
)
def test_what_is_no_rule_is_reported(line: str, reason: str) -> None:
    found = items(iter_rules, line)

    assert rules(found) == []
    assert [item[2] for item in complaints(found)] == [reason]


def test_a_parenthesis_that_is_never_closed_does_not_cost_the_rest_of_the_zone() -> None:
    found = items(iter_rules, "a.example TXT (\n" + "".join(f"n{i}.example CNAME .\n" for i in range(200)), Mode.EXACT)

    assert len(rules(found)) == 200
    assert complaints(found) == [(1, 15, UNCLOSED)]


def test_a_source_may_say_that_bare_owners_mean_subtrees() -> None:
    assert rules(items(iter_rules, "a.example CNAME .\n*.b.example CNAME .", Mode.SUBTREE)) == [
        ("a.example", Mode.SUBTREE),
        ("b.example", Mode.BELOW),
    ]


def test_a_page_instead_of_a_zone_is_refused() -> None:
    with pytest.raises(BadList):
        items(iter_rules, "<html>")


def test_a_fault_of_an_owner_that_an_earlier_line_gave_stands_in_column_one() -> None:
    found = items(iter_rules, "a..example TXT x\n  CNAME .\n")

    assert complaints(found) == [(1, 1, "has an empty label"), (2, 1, "has an empty label")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('bad.example TXT "unclosed', NO_RECORD),
        ("bad.example TXT (", UNCLOSED),
        ("bad.example TXT " + "x" * 2048, LINE_TOO_LONG),
        ("bad.example TXT \0", HAS_NUL),
        ("bad.example TXT \u202e", HAS_DIRECTION_MARK),
    ],
)
def test_lines_behind_a_record_that_cannot_be_read_are_not_those_of_the_owner_before(line: str, reason: str) -> None:
    found = items(
        iter_rules,
        f"good.example A 192.0.2.1\n{line}\n  A 192.0.2.66\n"
        f"allowed.example CNAME rpz-passthru.\n{line}\n  CNAME .\nlast.example CNAME .\n",
        Mode.EXACT,
    )

    assert actions(found) == [
        ("allowed.example", Mode.EXACT, Action.PASSTHRU),
        ("last.example", Mode.EXACT, Action.NXDOMAIN),
        ("good.example", Mode.EXACT, Action.LOCAL_DATA),
    ]
    assert [len([*records(item.data)]) for item in found if isinstance(item, Rule)] == [0, 0, 1]
    assert [said[2] for said in complaints(found)] == [reason, NO_RECORD] * 2


@pytest.mark.parametrize("comment", ["; x", '; "unclosed (', "; " + "x" * 4000])
def test_an_owner_is_inherited_over_a_comment_whatever_is_in_it(comment: str) -> None:
    found = items(iter_rules, f"a.example A 192.0.2.1\n{comment}\n  A 192.0.2.2\n", Mode.EXACT)

    assert [len([*records(item.data)]) for item in found if isinstance(item, Rule)] == [2]


@pytest.mark.parametrize("line", ["$ORIGIN sub.rpz.test. extra", '$origin sub.rpz.test. "', "$ORIGIN"])
def test_behind_an_origin_that_cannot_be_read_relative_names_are_reported_until_the_next(line: str) -> None:
    found = items(
        iter_rules,
        f"$ORIGIN rpz.test.\na.example CNAME .\n{line}\nb.example CNAME .\n@ SOA . . 1 1 1 1 1\n"
        "c.example.rpz.test. CNAME .\nd.example.rpz.test. CNAME e.example\n$ORIGIN more\nf.example A 192.0.2.1\n"
        "$ORIGIN rpz.test.\n  A 192.0.2.2\ng.example CNAME .\n",
        Mode.EXACT,
    )

    assert rules(found) == [(f"{name}.example", Mode.EXACT) for name in "acg"]
    assert [(at, why) for at, _, why in complaints(found)][1:] == [
        (4, NO_ORIGIN),
        (5, NO_ORIGIN),
        (7, NO_ORIGIN),
        (8, NO_ORIGIN),
        (9, NO_ORIGIN),
        (11, NO_RECORD),
    ]


def test_an_owner_that_is_left_out_behind_an_origin_is_the_one_before_it() -> None:
    found = items(
        iter_rules, "$ORIGIN rpz.test.\na.example A 192.0.2.1\n$ORIGIN sub.rpz.test.\n  A 192.0.2.2\n", Mode.EXACT
    )

    assert rules(found) == [("a.example", Mode.EXACT)]
    assert [len([*records(item.data)]) for item in found if isinstance(item, Rule)] == [2]


@pytest.mark.services
def test_a_word_of_many_digits_takes_no_longer_than_any_other() -> None:
    # in a process of its own: what backtracks without end holds the interpreter's lock and cannot be interrupted
    code = (
        "from fastpath.images.verdict import Mode; from rules.formats.rpz import iter_rules; "
        "print(list(iter_rules([b'a.test ' + b'7' * 400 + b'! CNAME .\\n'], Mode.EXACT))[0].reason)"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=120)

    assert done.stdout.strip() == "is not a record of a zone file"


# Triggers by address -------------------------------------------------------------------------------------------------


def told(text: str) -> list[tuple[str, Mode, Action, int]]:
    return [
        (rule_text(item.wire), item.mode, item.action, item.line)
        for item in items(iter_rules, text, Mode.EXACT)
        if isinstance(item, Rule)
    ]


@pytest.mark.parametrize(
    ("target", "action"),
    [
        (".", Action.NXDOMAIN),
        ("*.", Action.NODATA),
        ("rpz-passthru.", Action.PASSTHRU),
        ("rpz-drop.", Action.DROP),
        ("rpz-tcp-only.", Action.TCP_ONLY),
        ("garden.example.", Action.LOCAL_DATA),
    ],
)
def test_a_trigger_by_address_is_a_rule_of_its_prefix_with_every_action(target: str, action: Action) -> None:
    text = f"$ORIGIN rpz.test.\n24.0.2.0.192.rpz-ip CNAME {target}\n128.1.zz.db8.2001.rpz-ip.rpz.test. CNAME {target}\n"

    assert told(text) == [("192.0.2.0/24", Mode.SUBTREE, action, 2), ("2001:db8::1", Mode.EXACT, action, 3)]


def test_records_of_one_address_trigger_are_one_rule_however_it_is_written() -> None:
    found = items(
        iter_rules,
        "24.0.2.0.192.rpz-ip A 198.51.100.1\n24.0.2.0.192.RPZ-IP A 198.51.100.2\n"
        "a.test CNAME .\n32.zz.db8.2001.rpz-ip A 198.51.100.3\n",
        Mode.EXACT,
    )

    rules_found = [item for item in found if isinstance(item, Rule)]
    assert [(rule_text(item.wire), len([*records(item.data)])) for item in rules_found] == [
        ("a.test", 0),
        ("192.0.2.0/24", 2),
        ("2001:db8::/32", 1),
    ]


def test_a_trigger_that_ends_inside_of_an_octet_is_several_rules_of_its_line() -> None:
    assert told("a.test CNAME .\n31.6.2.0.192.rpz-ip A 198.51.100.1\nb.test CNAME .\n") == [
        ("a.test", Mode.EXACT, Action.NXDOMAIN, 1),
        ("b.test", Mode.EXACT, Action.NXDOMAIN, 3),
        ("192.0.2.6", Mode.SUBTREE, Action.LOCAL_DATA, 2),
        ("192.0.2.7", Mode.SUBTREE, Action.LOCAL_DATA, 2),
    ]


@pytest.mark.parametrize(
    ("owner", "reason"),
    [
        ("24.1.2.0.192.rpz-ip", HOST_BITS),
        ("0.0.0.0.0.rpz-ip", TOO_SHORT),
        ("24.0.2.192.rpz-ip", NO_TRIGGER),
        ("rpz-ip", NO_TRIGGER),
        ("*.24.0.2.0.192.rpz-ip", NO_TRIGGER),
    ],
)
def test_a_trigger_by_address_that_is_none_is_reported(owner: str, reason: str) -> None:
    assert complaints(items(iter_rules, f"ok.example CNAME .\n{owner} CNAME .\n")) == [(2, 1, reason)]


@pytest.mark.parametrize("target", ["24.0.2.0.192.rpz-ip.", "24.0.2.0.192."])
def test_an_address_trigger_that_is_its_own_alias_lets_through_as_the_first_edition_wrote_it(target: str) -> None:
    """BIND reads the second form: the trigger without its last label."""
    assert told(f"$ORIGIN rpz.test.\n24.0.2.0.192.rpz-ip CNAME {target}\n") == [
        ("192.0.2.0/24", Mode.SUBTREE, Action.PASSTHRU, 2)
    ]
