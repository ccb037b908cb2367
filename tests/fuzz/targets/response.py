"""An upstream's octets are refused, or the client gets an answer of its own id and question."""

from dnslib import DNSRecord
from fuzz import served

from fastpath.dns.block_answers import AnswerSpec
from fastpath.dns.stream_resolver import StreamResolver
from fastpath.images.verdict import Action, Reason

SPEC = AnswerSpec(bytes([192, 0, 2, 80]), b"", 60, 16, Action.NO_ACTION)
NOW_NS = served.NOW_S * 1_000_000_000
QUERY = bytes(DNSRecord.question("wWw.free.example").pack())
OTHER = bytes(DNSRecord.question("www.free.example", "HTTPS").pack())
CACHE = 1 << 20
FAILURES = (2, 5)

_plain = StreamResolver(served.REPORTER, [SPEC] * len(Reason))
_keeping = StreamResolver(served.REPORTER, [SPEC] * len(Reason), CACHE)
for _each in (_plain, _keeping):
    _each.use(served.TABLES)


def check(data: bytes) -> None:
    for query in (QUERY, OTHER):
        for client in (served.PARENT, served.CHILD, served.NOBODY):
            _check_delivered(query, client, data)


def _check_delivered(query: bytes, client: str, data: bytes) -> None:
    asked = _plain.upstream_query(query, client, NOW_NS)
    theirs = asked[:2] + data[2:]
    try:
        answer = _plain.deliver(query, client, asked, theirs, NOW_NS)
    except ValueError:
        return
    if not answer:  # a target's list says nothing at all
        return
    kept = _keeping.deliver(query, client, asked, theirs, NOW_NS)
    again = _keeping.answer(query, client, NOW_NS + 1_000_000_000)
    for said in (answer, kept, again):
        if said:
            assert said[:2] == query[:2] and said[2] & 0x80 and said[12 : len(query)] == query[12:]
    if data[3] & 15 not in FAILURES and answer[3] & 15 not in FAILURES:
        assert kept == answer, "only instead of a failure is an older one given"
