from collections.abc import Callable

import pytest
from dnslib import RCODE, DNSRecord
from support.images.opened import Images

from dns.base.errors import UpstreamFailure
from dns.front.answers import AnswerPolicy
from dns.front.streams.answer_path import AnswerPath
from fastpath.dns.stream_resolver import StreamResolver
from fastpath.report.spool import Reporter

QUERY = bytes(DNSRecord.question("free.test").pack())


@pytest.fixture
def path_to(images: Images) -> Callable[..., AnswerPath]:
    def made(ask: Callable[[bytes], object]) -> AnswerPath:
        reporter = Reporter(images.folder / "counters", images.folder / "spool")
        answering = StreamResolver(reporter, AnswerPolicy().specs())
        return AnswerPath(answering, reporter.counters, ask, lambda: 1)  # type: ignore[arg-type]

    return made


async def test_what_is_not_ours_to_answer_is_asked_of_the_upstream(path_to: Callable[..., AnswerPath]) -> None:
    async def ask(query: bytes) -> bytes:
        return bytes(DNSRecord.parse(query).reply().pack())

    path = path_to(ask)

    assert path.decide(QUERY, "192.0.2.7", False) is None
    assert DNSRecord.parse(await path.forward(QUERY, "192.0.2.7", False)).header.qr == 1
    assert (path.counters.values()["dns_forwarded"], path.counters.values()["dns_answered"]) == (1, 1)


async def test_an_upstream_that_fails_is_servfail_and_counted(path_to: Callable[..., AnswerPath]) -> None:
    async def ask(_: bytes) -> bytes:
        raise UpstreamFailure("gone")

    path = path_to(ask)

    assert DNSRecord.parse(await path.forward(QUERY, "192.0.2.7", False)).header.rcode == RCODE.SERVFAIL
    assert path.counters.values()["dns_upstream_lost"] == 1


def test_what_is_no_query_gets_nothing(path_to: Callable[..., AnswerPath]) -> None:
    assert path_to(None).decide(b"\0\0\x80\0" + bytes(8), "192.0.2.7", False) == b""
