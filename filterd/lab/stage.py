"""Shared state of the demo's steps: the place, the gateway, the people, and the blocks seen so far.

Invariant: `seen` holds exactly the blocks that a client met; the auditor's records are compared with it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filterd.lab.api_desk import Desk
from filterd.lab.clients import Answer, CurlResponse, Download, Transport, dig, fetch
from filterd.lab.gateway import Gateway
from filterd.lab.processes import Place
from filterd.lab.seed.life import SeedReport
from filterd.lab.step_printer import Teller

CHILD, ADULT = 7, 8  # subscriber numbers
LIMIT_S = 2.0  # from the tap, the push or the minute to the last octet
CENSORED, FILTERED, FORGED = 16, 17, 4  # RFC 8914 §4


class StepFailure(AssertionError):
    """A step saw something else than it must."""

    def __init__(self, expected: str, seen: object) -> None:
        super().__init__(f"expected {expected}; saw {seen}")
        self.expected, self.seen = expected, seen


@dataclass(slots=True)
class Stage:
    """authority: the certificate that clients trust, None where there are no packets."""

    place: Place
    gateway: Gateway
    authority: Path | None
    teller: Teller
    listed: tuple[str, ...] = ()
    desks: dict[str, Desk] = field(default_factory=dict)
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    """(channel, reason, rule); the rule of a lock is ''."""
    filled: SeedReport = field(default_factory=SeedReport)
    began_s: float = field(default_factory=time.time)

    def ask(
        self, name: str, node: str = "child", qtype: str = "A", transport: Transport = "udp", family: int = 4
    ) -> Answer:
        """dig from a subscriber to the gateway over IPv4 or IPv6."""
        at = self.place.addresses
        server = at.gateway4 if family == 4 else at.gateway6
        return dig(self.place, node, name, qtype, transport, server, getattr(at, f"{node}{family}"))

    def fetch(self, name: str, scheme: str = "https", family: int = 4, node: str = "child") -> CurlResponse:
        """curl to the server's own address, no matter what DNS says."""
        at = self.place.addresses
        return fetch(self.place, node, f"{scheme}://{name}/", at.web4 if family == 4 else at.web6, self.trust)

    @property
    def trust(self) -> list[str]:
        return ["--cacert", str(self.authority)] if self.authority else []

    @property
    def has_packets(self) -> bool:
        return self.authority is not None

    @contextmanager
    def downloads(self, *wanted: tuple[str, int]) -> Iterator[list[Download]]:
        """Running downloads, one for each (node, family), each already past its first million octets."""
        at = self.place.addresses
        running: list[Download] = []
        try:
            for node, family in wanted:
                address = at.web4 if family == 4 else at.web6
                running.append(Download(self.place, node, "https://video.test/big", address, self.trust))
            for download in running:
                download.wait_for(1_000_000)
            yield running
        finally:
            for download in running:
                download.stop()

    def is_blocked_in_dns(self, name: str, ede: int = CENSORED, node: str = "child") -> bool:
        answer = self.ask(name, node)
        return answer.data == (self.place.addresses.gateway4,) and ede in answer.ede

    def is_open_in_dns(self, name: str, node: str = "child") -> bool:
        return self.ask(name, node).data == (self.place.addresses.web4,)

    def note(self, channel: str, reason: str, rule: str) -> None:
        """Keep a block that a client has met."""
        self.seen.add((channel, reason, rule))


def must(holds: bool, expected: str, seen: object) -> None:
    if not holds:
        raise StepFailure(expected, seen)


def must_become(
    holds: Callable[[], bool], expected: str, since_s: float, within_s: float = LIMIT_S, every_s: float = 0.02
) -> float:
    """Poll until `holds()`; returns seconds since `since_s`, a reading of time.monotonic.   Raises StepFailure."""
    while not holds():
        passed_s = time.monotonic() - since_s
        must(passed_s <= within_s, f"{expected} within {within_s:g} s", f"not yet after {passed_s:.2f} s")
        time.sleep(every_s)
    passed_s = time.monotonic() - since_s
    must(passed_s <= within_s, f"{expected} within {within_s:g} s", f"{passed_s:.2f} s")
    return passed_s
