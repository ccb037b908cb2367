"""A wrapped answer keeps the client's question, fits its room, and reads back: the alias, then known types."""

import struct

from fastpath.dns.alias_answer import wrapped
from fastpath.dns.query import query as read_query

QUERY = bytes.fromhex("abcd01000001000000000000") + b"\x03wWw\x06sEarch\x04test\x00\x00\x01\x00\x01"
CNAME, SOA = 5, 6
LENGTHS = {1: 4, 28: 16}
COPIED = (*LENGTHS, 16, 64, 65)  # A, AAAA, TXT, SVCB, HTTPS


def check(data: bytes) -> None:
    for room in (65535, 1232, 90, len(QUERY)):
        try:
            answer = wrapped(QUERY, data, room)
        except ValueError:
            return
        if answer is None:
            return
        assert len(answer) <= room and answer[:2] == QUERY[:2] and answer[12 : len(QUERY)] == QUERY[12:]
        _check_records(answer)


def _check_records(answer: bytes) -> None:
    n_questions, n_answers, n_authorities, n_additionals = struct.unpack_from("!HHHH", answer, 4)
    assert (n_questions, n_additionals) == (1, 0) and n_authorities <= 1 and answer[3] & 0x20 == 0
    at = len(QUERY)
    for i in range(n_answers + n_authorities):
        owner_at = at
        at = _behind_name(answer, at)
        kind, _, _, n_data = struct.unpack_from("!HHIH", answer, at)
        at += 10
        if i == 0 and n_answers:
            assert kind == CNAME and answer[owner_at : owner_at + 2] == b"\xc0\x0c"
        if i >= n_answers:
            assert kind == SOA and _behind_name(answer, _behind_name(answer, at)) + 20 == at + n_data
        elif kind == CNAME:
            assert _behind_name(answer, at) == at + n_data
        else:
            assert kind in COPIED and n_data == LENGTHS.get(kind, n_data)
        at += n_data
    assert at == len(answer)


def _behind_name(message: bytes, at: int) -> int:
    """Where the name ends; the only pointers are those to the question and to the alias's target."""
    if message[at] == 0xC0:
        assert message[at + 1] in (12, len(QUERY) + 12)
        return at + 2
    octets = 1
    while message[at]:
        assert message[at] < 64
        octets += 1 + message[at]
        at += 1 + message[at]
    assert octets <= 255
    return at + 1


assert read_query(QUERY).after == len(QUERY)
