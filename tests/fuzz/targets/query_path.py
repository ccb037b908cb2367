"""A query over a stream goes to the upstream, or gets silence or an answer of its own id, its question and its size."""

from dnslib import DNSRecord
from fuzz import served

from fastpath.dns.block_answers import AnswerSpec
from fastpath.dns.query import Query, fault_of, query
from fastpath.dns.stream_resolver import StreamResolver
from fastpath.images.verdict import Action, Reason
from fastpath.wire.name import to_text

SPLASH4, SPLASH6 = bytes([192, 0, 2, 80]), bytes.fromhex("20010db8") + bytes(11) + b"\x50"
SPEC = AnswerSpec(SPLASH4, SPLASH6, 60, 16, Action.NO_ACTION)
CLIENTS = (served.PARENT, served.CHILD, served.PAUSED, served.NOBODY)
NOW_NS = served.NOW_S * 1_000_000_000

_answering = StreamResolver(
    served.REPORTER,
    [SPEC._replace(splash6=b"") if reason is Reason.PAUSE else SPEC for reason in Reason],
)
_answering.use(served.TABLES)
OPT_OCTETS = 11


def check(data: bytes) -> None:
    asked = _query(data)
    is_query = len(data) >= 12 and data[2] < 0x80
    for client in CLIENTS:
        answer = _answering.answer(data, client, NOW_NS)
        if answer is None:
            assert asked is not None and data[2] >> 3 & 15 == 0
            assert _decided(asked, client) in (Action.PASSTHRU, Action.TCP_ONLY)
        elif answer:
            assert is_query
            _check_answer(data, asked, answer)
        else:
            assert not is_query or (asked is not None and _decided(asked, client) is Action.DROP)


def _check_answer(data: bytes, asked: Query | None, answer: bytes) -> None:
    assert answer[:2] == data[:2] and answer[2] & 0x80 and (answer[2] ^ data[2]) & 0x78 == 0
    if asked is None or data[2] >> 3 & 15:
        assert answer[3] & 15 == (fault_of(data) or 0) & 15, "a cookie alone: NOERROR"
        assert len(answer) <= max(len(data), 12) + OPT_OCTETS
        return
    assert answer[12 : asked.after] == data[12 : asked.after] and len(answer) <= asked.edns_size
    again = query(answer[:2] + bytes([answer[2] & 0x7F]) + answer[3:])
    assert (again.name, again.qtype, again.qclass) == (asked.name, asked.qtype, asked.qclass)
    if "\\" in to_text(asked.name):  # dnslib has a narrower idea of labels
        return
    read = DNSRecord.parse(answer)
    assert len(read.questions) == 1 and all(record.rname == read.q.qname for record in read.rr)


def _decided(asked: Query, client: str) -> Action:
    return served.TABLES.decide(asked.name, client, served.NOW_S).action


def _query(data: bytes) -> Query | None:
    try:
        return query(data)
    except ValueError:
        return None
