"""Batches as seen through the loop: received together, and sent by several sockets at once."""

from contextlib import ExitStack

from dnslib import DNSRecord
from support.dns.loop_bench import Bench, with_address
from support.images.opened import Images

from fastpath.images.verdict import Mode


def test_answers_of_one_turn_leave_by_the_sockets_of_all_listeners(images: Images) -> None:
    with ExitStack() as stack:
        bench = Bench(images, stack, ("127.0.0.1", "::1"))
        for number in range(40):
            bench.ask(f"free{number}.test", client=number & 1)
        for _ in range(40):
            asked, sender = bench.forwarded()
            bench.upstream.sendto(with_address(asked), sender)

        bench.turn_until(lambda: bench.counted("dns_answered") == (40,))

        for client in (0, 1):
            names = {str(bench.answer(client).q.qname) for _ in range(20)}
            assert names == {f"free{number}.test." for number in range(client, 40, 2)}


def test_more_than_one_batch_of_queries_is_answered_in_full(images: Images) -> None:
    with ExitStack() as stack:
        bench = Bench(images, stack, ("127.0.0.1",))
        bench.block(("orders", "n.test", Mode.SUBTREE))
        for number in range(150):
            query = DNSRecord.question(f"q{number}.n.test")
            bench.clients[0].sendto(query.pack(), bench.listeners[0].getsockname())

        bench.turn_until(lambda: bench.counted("dns_blocked") == (150,))

        assert {str(bench.answer().q.qname) for _ in range(150)} == {f"q{number}.n.test." for number in range(150)}
