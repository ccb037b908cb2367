"""The probe: it asks as a subscriber's device would, and says what it saw; it judges nothing.

    ProbePlan → namespace → nothing else any more → questions → Observation, a line each, as they come

Invariants: it knows no order, no list and no database; the neutral names after all others are asked after all others.
"""

import asyncio
import sys
from collections.abc import Iterable

import msgspec

from filterd.commands.verifier import dns_client
from filterd.commands.verifier.dns_client import DnsQuestion
from filterd.commands.verifier.namespace import enter, give_up
from filterd.commands.verifier.packet_client import Hello, ask
from filterd.commands.verifier.questions import DNS_CHANNELS, DNS_HTTPS, DNS_TCP, DNS_TLS, DNS_UDP, NEUTRAL_NAME, QUIC
from filterd.commands.verifier.seen import Observation, ProbePlan

AT_ONCE = 64  # connections to the sink
QUIC_AT_ONCE = 300  # a blocked one waits for 1.5 s of silence; so many Initials are within a subscriber's budget
ASK_DNS = {
    DNS_UDP: dns_client.ask_udp,
    DNS_TCP: dns_client.ask_tcp,
    DNS_TLS: dns_client.ask_tls,
    DNS_HTTPS: dns_client.ask_https,
}


def main() -> None:
    """The process."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=ProbePlan)
    enter(plan.namespace)
    give_up()
    asyncio.run(_ask_all(plan))


def _report(seen: Observation) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(seen) + b"\n")


async def _ask_all(plan: ProbePlan) -> None:
    hellos = [each for each in plan.questions if each[1] not in DNS_CHANNELS]
    last = [each for each in hellos if each[3].startswith("after.") and each[3].endswith(NEUTRAL_NAME)]
    await asyncio.gather(_ask_dns(plan), _ask_sink(plan, (each for each in hellos if each not in last)))
    await _ask_sink(plan, last)
    sys.stdout.flush()


async def _ask_dns(plan: ProbePlan) -> None:
    """Each channel and version of IP at once."""
    ways: dict[tuple[str, int], list[DnsQuestion]] = {}
    for at, channel, family, name, _ in plan.questions:
        if channel in DNS_CHANNELS:
            ways.setdefault((channel, family), []).append(DnsQuestion(at, name))
    await asyncio.gather(
        *(
            ASK_DNS[channel](several, (plan.resolvers[family], plan.dns_ports[channel]), _report)
            for (channel, family), several in ways.items()
        )
    )


async def _ask_sink(plan: ProbePlan, hellos: Iterable[tuple[int, str, int, str, str]]) -> None:
    connections, flows = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(QUIC_AT_ONCE)

    async def ask_one(at: int, channel: str, family: int, name: str, target: str) -> None:
        async with flows if channel == QUIC else connections:
            _report(await ask(Hello(at, channel, name, target), (plan.sinks[family], plan.ports[channel]), plan.hops))

    await asyncio.gather(*(ask_one(*each) for each in hellos))


if __name__ == "__main__":
    main()
