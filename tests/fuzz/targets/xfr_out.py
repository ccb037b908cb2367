"""Any octets from a secondary get an answer of their own id or none; no name of a zone without its key; a lone SOA or a
refusal over UDP."""

import tempfile
from ipaddress import ip_network
from pathlib import Path

from fuzz.served import NOW_S
from support.images.opened import Images

from dns.base.message import read_message
from dns.base.wire_format import NOERROR, QR, SOA
from dns.zones.rpz_edition import Plan
from dns.zones.served_zone import Rights, ServedZone
from dns.zones.tsig import Key
from dns.zones.xfr_out import MESSAGE_OCTETS, Answerer
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire

CLIENT = "192.0.2.53"
SIGNED, OPEN = to_wire(b"rpz.example"), to_wire(b"open.example")
KEY = Key(to_wire(b"key"), "hmac-sha256", bytes(range(32)))


def check(data: bytes) -> None:
    for is_stream in (False, True):
        answer = ANSWERER.answer(data, CLIENT, is_stream)
        if answer is None:
            assert len(data) < 12 or data[2] & 0x80
            continue
        messages = list(answer.messages)
        assert messages and (is_stream or (len(messages) == 1 and len(messages[0]) < 512))
        for octets in messages:
            _check_message(data, octets, is_stream)


def _check_message(data: bytes, octets: bytes, is_stream: bool) -> None:
    assert len(octets) <= MESSAGE_OCTETS and octets[:2] == data[:2]
    message = read_message(octets)
    assert message.flags & QR
    if message.rcode != NOERROR:
        assert not message.answers
    elif not is_stream:
        assert len(message.answers) <= 1
    # the seeds' own signature is good: what it asks for, it may have
    assert message.additionals or all(record.owner.endswith(OPEN) for record in message.answers)
    assert all(record.rtype != SOA or record.owner in (OPEN, SIGNED) for record in message.answers)


def _answerer() -> Answerer:
    zones = [
        ServedZone(Plan(name, ("orders", "malware")), Rights((ip_network("192.0.2.0/24"),), key))
        for name, key in ((SIGNED, KEY), (OPEN, None))
    ]
    with tempfile.TemporaryDirectory() as folder:
        images = Images(Path(folder))
        for name in ("a.test", "b.test"):
            tables = TableSet(images.names([("orders", name, Mode.SUBTREE), ("csam", "secret.test", Mode.SUBTREE)]))
            for zone in zones:
                zone.take(*zone.prepare(tables))
    return Answerer(zones, lambda: NOW_S)


ANSWERER = _answerer()
