"""The copy of a zone: what is written is what the format reads, and changes fit or are refused."""

import struct
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.images.verdict import Action, Mode
from rules.base.rule import Rule, SkippedLine
from rules.formats.rpz import SILENT_TYPES, iter_rules
from rules.lists.zone_copy import (
    HEAD_OCTETS,
    BadZone,
    Difference,
    ZoneTimers,
    apply,
    head,
    record_line,
    timers_in,
    timers_of,
)

APEX = b"\3rpz\4test\0"
A, NS, CNAME, SOA, MX, TXT, AAAA, RRSIG, NSEC = 1, 2, 5, 6, 15, 16, 28, 46, 47


def soa(serial: int) -> bytes:
    rdata = b"\2ns\0\4host\0" + struct.pack(">5I", serial, 3600, 600, 86400, 60)
    return record_line(APEX, APEX, SOA, 60, rdata)


def line(owner: bytes, rtype: int = CNAME, rdata: bytes = b"\0", ttl_s: int = 60) -> bytes:
    return record_line(APEX, owner + APEX, rtype, ttl_s, rdata)


def read(*lines: bytes) -> list[Rule | SkippedLine]:
    return list(iter_rules([*head(APEX, soa(1)).splitlines(keepends=True), *lines], Mode.EXACT))


def test_a_record_is_the_rule_that_it_means() -> None:
    said = read(
        line(b"\3bad\7example"),
        line(b"\1*\3bad\7example", rdata=b"\1*\0"),
        line(b"\2ok\7example", rdata=b"\x0crpz-passthru\0"),
        line(b"\6garden\7example", rdata=b"\1g\7example\0"),
        line(b"\4addr\7example", A, bytes([192, 0, 2, 1])),
        line(b"\4addr\7example", AAAA, bytes(15) + b"\1"),
        line(b"\4text\7example", TXT, b'\5a;"b '),
        line(b"\4mail\7example", MX, b"\0\1\1m\0"),
    )

    assert [(rule.wire, rule.mode, rule.action) for rule in said] == [
        (b"\3bad\7example\0", Mode.EXACT, Action.NXDOMAIN),
        (b"\3bad\7example\0", Mode.BELOW, Action.NODATA),
        (b"\2ok\7example\0", Mode.EXACT, Action.PASSTHRU),
        (b"\6garden\7example\0", Mode.EXACT, Action.LOCAL_DATA),
        (b"\4addr\7example\0", Mode.EXACT, Action.LOCAL_DATA),
        (b"\4text\7example\0", Mode.EXACT, Action.LOCAL_DATA),
        (b"\4mail\7example\0", Mode.EXACT, Action.LOCAL_DATA),
    ]
    assert said[3].data == b"\0\5\0\0\0\x3c\0\x0b\1g\7example\0"
    assert said[4].data == b"\0\1\0\0\0\x3c\0\4\xc0\0\2\1" + b"\0\x1c\0\0\0\x3c\0\x10" + bytes(15) + b"\1"
    assert said[5].data[8:] == struct.pack(">H", 6) + b'\5a;"b ' or said[5].data.endswith(b'\5a;"b ')


@pytest.mark.parametrize("rtype", [NS, RRSIG, NSEC, 48, 50, 51, 59, 60, 63])
def test_what_makes_a_zone_of_a_list_is_not_kept(rtype: int) -> None:
    assert line(b"\1a", rtype) == b""
    assert len(SILENT_TYPES) == 10  # those nine, and the SOA, which is kept


def test_a_ttl_beyond_its_range_is_zero() -> None:
    assert line(b"\1a", ttl_s=2**31) == b"a 0 CNAME .\n"
    assert line(b"\1a", ttl_s=2**31 - 1) == b"a 2147483647 CNAME .\n"


names = st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=6).map(
    lambda labels: b"".join(bytes([len(label)]) + label for label in labels).lower()
)


@given(names, names, st.sampled_from([CNAME, A, AAAA, TXT, 999]), st.binary(max_size=40))
def test_whatever_a_record_holds_it_is_one_line_and_spoils_no_other(
    owner: bytes, target: bytes, rtype: int, rdata: bytes
) -> None:
    written = line(owner, rtype, target + b"\0" if rtype == CNAME else rdata)

    assert written.count(b"\n") == 1 and written.endswith(b"\n") and written.isascii()
    items = read(written, line(b"\4last\7example"))
    assert len(items) == 2 or (len(items) == 1 and owner == b"\4last\7example")
    assert isinstance(items[-1], Rule) or any(isinstance(item, Rule) for item in items)
    assert all(isinstance(item, Rule | SkippedLine) for item in items)


def test_the_serial_and_the_timers_stand_in_the_head(tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(head(APEX, soa(7)) + line(b"\1a"))

    assert timers_of(tmp_path / "copy", APEX) == ZoneTimers(7, 3600, 600, 86400, 60)


def test_the_copy_of_another_zone_is_none_of_this_one(tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(head(APEX, soa(7)))

    assert timers_of(tmp_path / "copy", b"\5other\0") is None


def test_the_head_of_the_longest_names_is_found(tmp_path: Path) -> None:
    label = b"\x3f" + b" " * 63
    apex = label * 3 + b"\x3d" + b" " * 61 + b"\0"
    line_of = record_line(apex, apex, SOA, 60, apex + apex + struct.pack(">5I", 9, 1, 2, 3, 4))
    (tmp_path / "copy").write_bytes(head(apex, line_of))

    assert (tmp_path / "copy").stat().st_size < HEAD_OCTETS
    assert timers_of(tmp_path / "copy", apex).serial == 9


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"a CNAME .\n",
        head(APEX, b""),
        head(APEX, b"x 1 CNAME .\n"),
        head(APEX, soa(7))[1:],
        head(APEX, soa(7))[:-2],
    ],
)
def test_a_file_that_is_no_copy_has_no_serial(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "copy").write_bytes(octets)

    assert timers_of(tmp_path / "copy", APEX) is None
    assert timers_of(tmp_path / "nothing", APEX) is None
    assert timers_in(b"a 60 CNAME .\n") is None


def changed(folder: Path, body: Iterable[bytes], *differences: Difference) -> tuple[bytes, list[bytes]]:
    """The lines of a copy behind its head, once it is changed."""
    (folder / "copy").write_bytes(head(APEX, soa(1)) + b"".join(body))
    found: list[bytes] = []
    apply(folder / "copy", differences, found.append)
    lines = b"".join(found).splitlines(keepends=True)
    return lines[2], lines[3:]


ONE, OTHER, TWO, TWO_MORE = (
    line(b"\1a"),
    line(b"\1a", rdata=b"\1*\0"),
    line(b"\1b", A, bytes(4)),
    line(b"\1b", A, bytes([1, 2, 3, 4])),
)


def test_changes_are_carried_over_and_the_records_of_an_owner_stay_together(tmp_path: Path) -> None:
    first = Difference(1, 2, soa(2), [ONE], [OTHER, TWO_MORE])
    second = Difference(2, 5, soa(5), [OTHER], [ONE])

    new_soa, lines = changed(tmp_path, [TWO, line(b"\1x"), ONE], first, second)

    assert new_soa == soa(5)
    assert lines == [line(b"\1x"), ONE, TWO, TWO_MORE]


def test_a_record_is_the_same_whatever_its_ttl(tmp_path: Path) -> None:
    gone = Difference(1, 2, soa(2), [line(b"\1a", ttl_s=3)], [])

    assert changed(tmp_path, [ONE], gone)[1] == []


@pytest.mark.parametrize(
    "difference",
    [
        Difference(1, 2, soa(2), [OTHER], []),  # is not there
        Difference(1, 2, soa(2), [], [ONE]),  # is there already
        Difference(3, 4, soa(4), [ONE], []),  # of another serial
        Difference(1, 2, soa(2), [ONE, ONE], []),
    ],
)
def test_changes_that_do_not_fit_are_refused(tmp_path: Path, difference: Difference) -> None:
    with pytest.raises(BadZone):
        changed(tmp_path, [ONE, TWO], difference)


def test_a_file_that_is_no_copy_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "seed").write_bytes(ONE)
    with pytest.raises(BadZone):
        apply(tmp_path / "seed", [Difference(1, 2, soa(2), [], [])], lambda octets: None)
