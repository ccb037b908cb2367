"""Resolver settings: cache, admission and rate limits, DNS cookies, special names.

Invariant: every loop and every stream server gets its own guard, because each counts for itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dns.front.streams.device_tokens import DEVICES
from fastpath.dns.admission import ClientGuard
from fastpath.dns.special_names import SpecialNames

STREAMS_SHARE: Final = 4  # streams carry fewer queries, and their cache is their own


@dataclass(frozen=True, slots=True)
class Admission:
    """Which clients may query, and how often: see ClientGuard."""

    clients: Sequence[str]
    queries_per_second: int = 0
    burst: int = 1
    large_answers_per_second: int = 0


@dataclass(frozen=True, slots=True)
class ResolverPlan:
    """Settings of the resolver; everything is off by default.

    cache_octets    cache memory of a loop, a quarter more for its streams; at least 4 MiB, or 0 for no cache
    admission       None: every client may query
    cookie_master   16 octets, the same for all workers of a box
    forwarders      prefixes of trusted forwarders, whose queries may name a device
    upstream_ca     trusted certificates for upstreams over TLS;  None: the system's
    is_shut_without_images  until there are images every query is answered SERVFAIL, not forwarded"""

    cache_octets: int = 0
    admission: Admission | None = None
    cookie_master: bytes = b""
    forwarders: Sequence[str] = ()
    specials: SpecialNames | None = None
    upstream_ca: Path | None = None
    is_shut_without_images: bool = False

    @property
    def stream_cache_octets(self) -> int:
        return self.cache_octets // STREAMS_SHARE

    def guard(self) -> ClientGuard | None:
        """The guard for a loop.   Raises ValueError for what is not a prefix."""
        if self.admission is None:
            return None
        asked = self.admission
        return ClientGuard(asked.clients, asked.queries_per_second, asked.burst, asked.large_answers_per_second)

    def stream_guard(self) -> ClientGuard | None:
        """The guard for queries of streams: their addresses are proven, and their devices may be anywhere.

        Raises ValueError."""
        if self.admission is None:
            return None
        asked = self.admission
        return ClientGuard([*asked.clients, DEVICES], asked.queries_per_second, asked.burst)

    def connection_guard(self) -> ClientGuard | None:
        """Which addresses may connect without a device's token.   Raises ValueError."""
        return None if self.admission is None else ClientGuard(self.admission.clients)

    def believed(self) -> ClientGuard | None:
        """The trusted forwarders.   Raises ValueError for what is not a prefix."""
        return ClientGuard(self.forwarders) if self.forwarders else None


DEFAULT_RESOLVER: Final = ResolverPlan()
