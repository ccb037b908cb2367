"""The help corridor in the kernel: addresses that its names lead to, open to locked lines for as long as they are good.

    each name, and www. below it ─→ this box's own DNS front, as a client ─→ addresses for their TTL ─→ kernel's set

Control asks before anyone needs it: a set that grew after a child's answer would reset the child's first connection.
It asks our own front, so that the addresses are those of our answers: clients share the front's cache, and no client's
network goes to an upstream, so that a site with many addresses gives all of them the same ones until their TTL ends.
Each worker has a cache of its own, and the kernel chooses the worker by the port of the question: so several are sent.

Invariants: no more than MAX_ADDRESSES, the newest; none for less than LEAST_OPEN_S or more than MOST_OPEN_S beyond the
last answer that named it; what is open is open at the ports where the gate reads names (filterd.kernel.ruleset).
A name that cannot be asked keeps what it has until that ends.  A name further below is a name of its own here.
"""

import asyncio
import ipaddress
import itertools
import time
from collections.abc import Awaitable, Callable
from functools import partial

from dns.base.address_query import Address, Addresses, ask_addresses
from dns.base.errors import UpstreamFailure
from dns.base.wire_format import AAAA, A
from filterd.config import Config
from filterd.kernel.intervals import Network
from rules.base.canonical import canonical_wire

# Applications keep an address for longer than its TTL, and a site that gives one of many comes back to those it gave.
LEAST_OPEN_S = 600.0
MOST_OPEN_S = 86_400.0
MAX_ADDRESSES = 4096  # a hundred sites with all their addresses; a kernel's set of them takes 400 kB
# How often a name is asked: when its answer ends, but no sooner and no later than this.
LEAST_WAIT_S, MOST_WAIT_S = 5.0, 300.0
QUESTIONS_OF_A_WORKER = 3  # so that one of them reaches it: 19 of 20 times with two workers
MAX_QUESTIONS = 24

Ask = Callable[..., Awaitable[Addresses]]  # of a resolver, a wire name and a type; proxies: as ask_addresses() has them


class Corridor:
    """The addresses that are open now.

    ask   for tests;   clock   seconds, never stepping"""

    def __init__(self, ask: Ask = ask_addresses, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._clock = ask, clock
        self._until: dict[Address, float] = {}
        self._open: frozenset[Network] = frozenset()

    @property
    def networks(self) -> frozenset[Network]:
        """What is open; the same object as long as it is the same."""
        return self._open

    async def look(self, config: Config) -> float:
        """Ask for every name; the seconds until it is due again.   Raises UpstreamFailure once the others are noted."""
        next_s, faults = MOST_WAIT_S, list[UpstreamFailure]()
        for wire, qtype in itertools.product(_wires_of(config), (A, AAAA)):
            try:
                next_s = min(next_s, await self._look_at(config, wire, qtype))
            except UpstreamFailure as reason:
                faults.append(reason)
        self._forget()
        if faults:
            raise faults[0]
        return max(next_s, LEAST_WAIT_S)

    async def _look_at(self, config: Config, wire: bytes, qtype: int) -> float:
        """Note the addresses of one kind of a name; for how long the answer is good."""
        n = min(QUESTIONS_OF_A_WORKER * config.dns.workers, MAX_QUESTIONS) if config.dns.workers > 1 else 1
        ask: Ask = partial(self._ask, proxies=config.dns.proxies) if config.dns.proxies else self._ask
        answers = await asyncio.gather(*(ask(config.dns.listen[0].from_here, wire, qtype) for _ in range(n)))
        for address, good_s in itertools.chain.from_iterable(answers):
            if not (address.is_loopback or address.is_multicast or address.is_unspecified):
                until = self._clock() + min(max(good_s, LEAST_OPEN_S), MOST_OPEN_S)
                self._until[address] = max(until, self._until.get(address, 0.0))
        return min((good_s for _, good_s in itertools.chain.from_iterable(answers)), default=MOST_WAIT_S)

    def _forget(self) -> None:
        """Keep the newest of what is still good."""
        newest = sorted(self._until.items(), key=lambda item: item[1], reverse=True)[:MAX_ADDRESSES]
        self._until = {address: until for address, until in newest if until > self._clock()}
        networks = frozenset(map(ipaddress.ip_network, self._until))
        if networks != self._open:
            self._open = networks


def has_corridor(config: Config) -> bool:
    """Whether there are names to ask for, and a front of ours that answers."""
    return bool(config.help_corridor.names) and config.dns.workers > 0


def _wires_of(config: Config) -> list[bytes]:
    """The names, and `www.` below each, in wire form."""
    return [canonical_wire(each) for name in config.help_corridor.names for each in (name, f"www.{name}")]
