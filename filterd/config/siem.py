"""The part of the schema about a SIEM: where records go by syslog over TLS."""

from dataclasses import dataclass
from pathlib import Path

from filterd.config import kinds
from filterd.config.kinds import Seconds
from filterd.config.spec import LIVE, many, one

BLOCKS, LEDGER = "blocks", "ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Siem:
    """A collector of the operator's security team, which gets records by syslog over TLS (docs/audit/siem.md)."""

    server: str | None = one(kinds.server, default=None)
    """Its name and port, such as siem.isp.example:6514; none: nothing is sent.   Its certificate must name it."""
    ca: Path | None = one(kinds.path, default=None)
    """PEM: the authorities that may have signed its certificate; none: those of the system."""
    certificate: Path | None = one(kinds.path, default=None)
    """What identifies this box to it; PEM, with its chain."""
    key: Path | None = one(kinds.path, default=None)
    """The certificate's, without a password; only siem reads it."""
    send: tuple[str, ...] = many(kinds.one_of(BLOCKS, LEDGER), 1, default=(BLOCKS, LEDGER))
    """What is sent.   blocks: records of blocks, without subscribers.   ledger: the events of the ledger; where
    gateways share a database, of one gateway alone."""
    body: str = one(kinds.one_of("ocsf", "json"), default="ocsf")
    """What a message holds.   ocsf: an event of the Open Cybersecurity Schema Framework.   json: the record as filterd
    has it."""
    begin: str = one(kinds.one_of("now", "oldest"), default="now")
    """Where a box begins that has never sent: with what comes from now on, or with the oldest record that it has."""
    alarm_after: Seconds = one(kinds.duration(60, 7 * 86400), LIVE, default=Seconds(900))
    """A record that has waited for so long is a fault of the status."""
