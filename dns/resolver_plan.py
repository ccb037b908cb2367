"""What the operator wants of the resolver beside the lists: a cache, who may ask and how often, cookies, special names.

Invariant: every loop and every stream server gets a guard of its own, as each counts for itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dns.streams.device_tokens import DEVICES
from fastpath.dns.admission import ClientGuard
from fastpath.dns.special_names import SpecialNames

STREAMS_SHARE: Final = 4  # streams carry fewer queries, and their cache is their own


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may ask, and how often: see ClientGuard."""

    clients: Sequence[str]
    queries_per_second: int = 0
    burst: int = 1
    large_answers_per_second: int = 0


@dataclass(frozen=True, slots=True)
class ResolverPlan:
    """Everything is off by default.

    cache_octets    of memory for upstreams' answers of a loop, a fourth more for its streams; at least 4 MiB, or 0
    admission       None: everybody may ask
    cookie_master   16 octets, the same for all workers of a box
    forwarders      prefixes: whoever asks from there is believed when its query names a device
    upstream_ca     certificates to trust of upstreams over TLS;  None: those that the system trusts"""

    cache_octets: int = 0
    admission: Admission | None = None
    cookie_master: bytes = b""
    forwarders: Sequence[str] = ()
    specials: SpecialNames | None = None
    upstream_ca: Path | None = None

    @property
    def stream_cache_octets(self) -> int:
        return self.cache_octets // STREAMS_SHARE

    def guard(self) -> ClientGuard | None:
        """For a loop.   Raises ValueError for what is no prefix."""
        if self.admission is None:
            return None
        asked = self.admission
        return ClientGuard(asked.clients, asked.queries_per_second, asked.burst, asked.large_answers_per_second)

    def stream_guard(self) -> ClientGuard | None:
        """For streams, whose addresses are proven, and whose devices may be anywhere.   Raises ValueError."""
        if self.admission is None:
            return None
        return ClientGuard([*self.admission.clients, DEVICES])

    def believed(self) -> ClientGuard | None:
        """Raises ValueError for what is no prefix."""
        return ClientGuard(self.forwarders) if self.forwarders else None


DEFAULT_RESOLVER: Final = ResolverPlan()
