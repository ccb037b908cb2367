import struct

import pytest
from support.dns.local_data import records

from fastpath.images.verdict import Action, Mode
from rules.base.errors import BadName
from rules.base.local_data import (
    APART,
    BAD_DATA,
    BAD_TARGET,
    BAD_TYPE,
    CNAME_WITH_OTHERS,
    MAX_DATA_OCTETS,
    TOO_LONG,
    WILDCARD_TARGET,
    Gatherer,
    are_records,
    is_nowhere,
    record_octets,
)

A = record_octets(b"A", 60, (b"192.0.2.1",))
GARDEN = record_octets(b"CNAME", 60, (b"garden.example.",))
NAME = b"\1a\4test\0"


@pytest.mark.parametrize(
    ("rtype", "words", "number", "rdata"),
    [
        (b"A", (b"192.0.2.1",), 1, b"\xc0\0\2\1"),
        (b"AAAA", (b"::",), 28, bytes(16)),
        (b"CNAME", (b"Garden.Example.",), 5, b"\6garden\7example\0"),
        (b"PTR", (b"host",), 12, b"\4host\4zone\4test\0"),
        (b"CNAME", (b"@",), 5, b"\4zone\4test\0"),
        (b"MX", (b"0", b"."), 15, b"\0\0\0"),
        (b"SRV", (b"1", b"2", b"443", b"a.test."), 33, b"\0\1\0\2\1\xbb\1a\4test\0"),
        (b"TXT", (b'"a \\"b\\" \\092"', b"c\\;d", b'""'), 16, b'\7a "b" \\' + b"\3c;d" + b"\0"),
        (b"HTTPS", (b"\\#", b"3", b"0001", b"00"), 65, b"\0\1\0"),
        (b"TYPE731", (b"\\#", b"0"), 731, b""),
        (b"A", (b"\\#", b"4", b"c0000201"), 1, b"\xc0\0\2\1"),
    ],
)
def test_a_record_becomes_type_ttl_length_and_data(
    rtype: bytes, words: tuple[bytes, ...], number: int, rdata: bytes
) -> None:
    assert record_octets(rtype, 300, words, b"zone.test") == struct.pack(">HIH", number, 300, len(rdata)) + rdata


@pytest.mark.parametrize(
    ("rtype", "words", "reason"),
    [
        (b"A", (b"192.0.2",), BAD_DATA),
        (b"A", (b"192.0.2.1", b"192.0.2.2"), BAD_DATA),
        (b"A", (b"::1",), BAD_DATA),
        (b"A", (b"\xd9\xa1.0.0.1",), BAD_DATA),
        (b"A", (b"192.0.2.1\0",), BAD_DATA),
        (b"CNAME", (), BAD_DATA),
        (b"CNAME", (b"a..test.",), BAD_TARGET),
        (b"CNAME", (b"192.0.2.1",), BAD_TARGET),
        (b"CNAME", (b"*.test.",), WILDCARD_TARGET),
        (b"MX", (b"x", b"a.test."), BAD_DATA),
        (b"MX", (b"65536", b"a.test."), BAD_DATA),
        (b"MX", (b"-1", b"a.test."), BAD_DATA),
        (b"MX", (b"1",), BAD_DATA),
        (b"SRV", (b"1", b"2", b"a.test."), BAD_DATA),
        (b"TXT", (b"x" * 256,), BAD_DATA),
        (b"TXT", (b"\\999",), BAD_DATA),
        (b"HTTPS", (b"1", b"."), BAD_TYPE),
        (b"NS", (b"a.test.",), BAD_TYPE),
        (b"TYPE0", (b"\\#", b"0"), BAD_TYPE),
        (b"TYPE255", (b"\\#", b"0"), BAD_TYPE),
        (b"TYPE65536", (b"\\#", b"0"), BAD_TYPE),
        (b"WHAT", (b"x",), BAD_TYPE),
        (b"TYPE65", (b"\\#", b"2", b"00"), BAD_DATA),
        (b"TYPE65", (b"\\#",), BAD_DATA),
        (b"TYPE65", (b"\\#", b"1", b"zz"), BAD_DATA),
        (b"TYPE65", (b"\\#", b"513", b"00" * 513), TOO_LONG),
    ],
)
def test_what_is_no_record_is_refused_with_its_reason(rtype: bytes, words: tuple[bytes, ...], reason: str) -> None:
    with pytest.raises(BadName) as refused:
        record_octets(rtype, 60, words)

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("address", "is_so"),
    [
        (b"0.0.0.0", True),
        (b"::", True),
        (b"::1", True),
        (b"127.0.0.1", True),
        (b"127.1.2.3", True),
        (b"127.0.0.1.example", False),
        (b"192.0.2.1", False),
        (b"2001:db8::", False),
    ],
)
def test_an_address_that_leads_nowhere_is_known(address: bytes, is_so: bool) -> None:
    assert is_nowhere(address) is is_so


def test_records_of_one_owner_are_one_rule_and_another_owner_ends_it() -> None:
    gatherer = Gatherer()
    other = record_octets(b"TXT", 60, (b"why",))

    assert gatherer.add(NAME, Mode.EXACT, 3, A) is None
    assert gatherer.add(NAME, Mode.EXACT, 4, other) is None
    assert gatherer.add(NAME, Mode.EXACT, 5, A) is None
    rule = gatherer.add(NAME, Mode.BELOW, 6, A)

    assert rule is not None
    assert (rule.wire, rule.mode, rule.action, rule.line) == (NAME, Mode.EXACT, Action.LOCAL_DATA, 3)
    assert rule.data == A + other
    last = gatherer.finish()
    assert last is not None and (last.mode, last.line) == (Mode.BELOW, 6)
    assert gatherer.finish() is None


def test_an_owner_that_comes_again_is_refused_and_nothing_else_is_lost() -> None:
    gatherer = Gatherer()
    gatherer.add(b"\1b\0", Mode.EXACT, 1, A)
    gatherer.add(NAME, Mode.EXACT, 2, A)

    with pytest.raises(BadName, match=APART):
        gatherer.add(b"\1b\0", Mode.EXACT, 3, GARDEN)

    rule = gatherer.finish()
    assert rule is not None and (rule.wire, rule.data) == (NAME, A)


@pytest.mark.parametrize(
    ("first", "second"),
    [(A, GARDEN), (GARDEN, A), (GARDEN, record_octets(b"CNAME", 60, (b"b.",)))],
)
def test_a_cname_stands_alone(first: bytes, second: bytes) -> None:
    gatherer = Gatherer()
    gatherer.add(NAME, Mode.EXACT, 1, first)

    with pytest.raises(BadName, match=CNAME_WITH_OTHERS):
        gatherer.add(NAME, Mode.EXACT, 2, second)


def test_a_rule_holds_no_more_than_its_most() -> None:
    gatherer = Gatherer()
    taken = 0

    with pytest.raises(BadName, match=TOO_LONG):
        for number in range(1000):
            gatherer.add(NAME, Mode.EXACT, 1, record_octets(b"A", 60, (b"198.51.100.%d" % number,)))
            taken += 1

    rule = gatherer.finish()
    assert rule is not None
    assert len(rule.data) <= MAX_DATA_OCTETS < len(rule.data) + 12
    assert len(list(records(rule.data))) == taken


@pytest.mark.parametrize("data", [b"", A, GARDEN, A + record_octets(b"TXT", 60, (b"x",)), A * 32])
def test_whole_records_from_elsewhere_are_taken(data: bytes) -> None:
    assert are_records(data)


@pytest.mark.parametrize(
    "data",
    [
        A[:-1],
        A + b"\0",
        A[:7],
        A * 43,
        A + GARDEN,
        GARDEN[:-1],
        GARDEN + b"\0",
        struct.pack(">HIH", 1, 60, 3) + b"abc",
        struct.pack(">HIH", 28, 60, 4) + b"abcd",
        struct.pack(">HIH", 5, 60, 2) + b"\xc0\0",
        struct.pack(">HIH", 2, 60, 1) + b"\0",
    ],
    ids=[
        "cut",
        "octet behind",
        "half a head",
        "too many",
        "cname beside",
        "cut name",
        "octet behind name",
        "a of 3 octets",
        "aaaa of 4 octets",
        "pointer",
        "name server",
    ],
)
def test_what_no_answer_could_hold_is_not(data: bytes) -> None:
    assert not are_records(data)
