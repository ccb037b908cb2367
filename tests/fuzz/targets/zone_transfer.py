"""Any octets are messages of a primary: records, changes or one of three refusals come of them, and nothing else."""

import contextlib

from dns.base.message import BadMessage, read_message
from dns.zones.ixfr import IncomingTransfer, TooManyChanges
from dns.zones.tsig import BadSignature, Key, check_query, find_tsig
from rules.lists.zone_copy import head, record_line, timers_in

APEX = b"\3rpz\4test\0"
KEY = Key(b"\1k\0", "hmac-sha256", bytes(32))
MOST = 1000


def check(data: bytes) -> None:
    """`data` as messages with two octets of length before each."""
    for serial in (None, 1):
        incoming = IncomingTransfer(APEX, serial, lambda record: None, MOST)
        for octets in _messages(data):
            with contextlib.suppress(BadMessage, BadSignature, TooManyChanges):
                _check_signature(octets)
            try:
                incoming.take(read_message(octets).answers)
            except (BadMessage, TooManyChanges):
                break
        for change in incoming.changes:
            for record in (*change.removed, *change.added):
                _check_line(record_line(APEX, *record[:2], *record[3:]))
        if incoming.kind is not None:
            line = record_line(APEX, incoming.soa.owner, 6, incoming.soa.ttl_s, incoming.soa.rdata)
            _check_line(line)
            said = timers_in(line)
            assert said is not None and said.serial == incoming.serial
            assert head(APEX, line).count(b"\n") == 3


def _check_signature(octets: bytes) -> None:
    tsig = find_tsig(octets)
    asked = check_query(octets, {KEY.name: KEY}, 0)
    assert (asked.key is None) == (tsig is None)


def _check_line(line: bytes) -> None:
    assert not line or (line.count(b"\n") == 1 and line.endswith(b"\n") and line.isascii())


def _messages(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at + 2 <= len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        found.append(data[at + 2 : end])
        at = end
    return found
