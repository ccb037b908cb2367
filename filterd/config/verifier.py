"""The part of the schema about the verifier: where it asks from, and where what it sends arrives."""

from dataclasses import dataclass
from pathlib import Path

from filterd.config import kinds
from filterd.config.spec import CONTROL, one
from parental.policy.subscriber import MAX_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """How `filterd orders verify` asks the traffic whether an order holds; see docs/audit/verification.md."""

    probe: Path | None = one(kinds.path, default=None)
    """The file of the network namespace that it asks from, such as /run/netns/filterd-probe: a line like a
    subscriber's.   Left out: nothing can be verified."""
    line: int | None = one(kinds.whole_number(1, MAX_ID), CONTROL, default=None)
    """The number of the line that has the addresses of the probe, and nothing else: what it meets is in the report of a
    verification, and neither a record of a block nor a block of an order on trial.   Left out: its blocks count as
    anyone's, and what is tried on one gateway is not asked."""
    sink: Path | None = one(kinds.path, default=None)
    """The file of the namespace where its connections arrive, behind the gateway.   Left out: DNS alone is asked."""
    sink4: str | None = one(kinds.address4, default=None)
    """An IPv4 address of the sink."""
    sink6: str | None = one(kinds.address6, default=None)
    """An IPv6 address of the sink."""
    dns4: str | None = one(kinds.address4, default=None)
    """The IPv4 address at which subscribers ask this box.   Left out: DNS is not asked over IPv4."""
    dns6: str | None = one(kinds.address6, default=None)
    """The same of IPv6."""
