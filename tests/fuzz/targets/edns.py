"""Whatever an upstream answers, the client gets a message with one OPT or none that fits, and no upstream sees ours.

The first two octets are the length of the client's query; the rest is the upstream's answer."""

import contextlib

from fastpath.dns.edns import Way, answer_for_client, query_for_upstream
from fastpath.dns.query import Query, query

MASTER = bytes(range(16))
WAYS = (Way(), Way(is_stream=True), Way(is_stream=True, is_encrypted=True))


def check(data: bytes) -> None:
    n = int.from_bytes(data[:2], "big")
    asking, answer = data[2 : 2 + n], data[2 + n :]
    try:
        asked = query(asking)
    except ValueError:
        return
    _check_sent(asking, asked, query_for_upstream(asking))
    for way in WAYS:
        given = answer_for_client(answer, asking, way, MASTER, "2001:db8::1", 1_800_000_000)
        _check_given(asked, answer, given, way)


def _check_sent(asking: bytes, asked: Query, sent: bytes) -> None:
    assert sent[:2] == asking[:2] and sent[12 : asked.after] == asking[12 : asked.after]
    again = query(sent)
    assert (again.edns_size, again.is_dnssec_ok) == (1232, asked.is_dnssec_ok)
    assert len(sent) == asked.after + 11
    assert (again.cookie, again.device, again.is_padding_wanted) == (b"", None, False)
    assert query_for_upstream(sent) == sent


def _check_given(asked: Query, answer: bytes, given: bytes, way: Way) -> None:
    assert len(given) <= (65535 if way.is_stream else asked.edns_size)
    if not given:
        return
    assert given[:2] == answer[:2]
    if given[4:6] == b"\0\1" and asked.edns_version is None:
        with contextlib.suppress(ValueError):  # the upstream's question may be anything
            assert query(given[:2] + b"\0" + given[3:]).edns_version is None
