"""The desk as anyone who collects orders sees it: the API, with a token, like any client.

    signed content → seen before? → its table → POST /v1/order-files → taken | refused
    refused        → POST /v1/order-refusals: the ledger has it, with the digest of what came

Invariants: what is refused for itself is refused once, with a sentence; what the API cannot take now stays where it is.
"""

import argparse
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from filterd.box.errors import ApiProblem, MissingPart
from filterd.client.api_client import call, send_file
from filterd.client.intake.proof import Keys
from filterd.client.intake.seen import SeenDigests

NOT_NOW: Final = (401, 429, 500, 502, 503, 504, 507)  # of the API's answers: nothing is wrong with the order
SIGNATURE: Final = "Signature"  # the place that the API names where an issuer's key must sign
MAX_OCTETS: Final = 12 * 2**20  # of a mail or a file: an order may have 16 MiB, with its form

log = logging.getLogger("filterd.client.intake")


class Table(NamedTuple):
    """A file that was signed."""

    name: str
    octets: bytes


class IntakeRefusal(Exception):
    """What came is refused for itself; the message says why."""


def told(refusal: Exception) -> str:
    """Why, in one line that can be sent and written: the name of a file may hold any octets."""
    return "".join(each if each.isprintable() else "?" for each in str(refusal))


@dataclass(frozen=True, slots=True)
class Desk:
    """Where orders go.   args  of the API: filterd.client.api_client;   ground  of the law, for all that comes"""

    args: argparse.Namespace
    issuer: str
    ground: str
    keys: Keys
    seen: SeenDigests
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def take(self, signed: bytes, tables: Sequence[Table]) -> dict[str, Any]:
        """Push the table of what was signed; the order.   Raises IntakeRefusal; MissingPart, OSError: not now."""
        digest, now = hashlib.sha256(signed).hexdigest(), self.clock()
        before = self.seen.when(digest)
        if before is not None:
            at = datetime.fromtimestamp(before, UTC).isoformat(timespec="seconds")
            raise IntakeRefusal(f"a copy of what was taken {at}: not taken again")
        if len(tables) != 1:
            raise IntakeRefusal(f"signed, and with {len(tables)} tables (.xlsx, .csv, .tsv, .txt): send one")
        order = self._push(tables[0])
        self.seen.add(digest, now)
        return order

    def note_refusal(self, octets: bytes, channel: str, reason: str) -> None:
        """Have the ledger say that something was refused, and the journal.

        Raises MissingPart, ApiRefusal: not now."""
        digest = hashlib.sha256(octets).hexdigest()
        said = {"issuer": self.issuer, "channel": channel, "reason": reason[:200], "sha256": digest}
        call(self.args, "POST", "/v1/order-refusals", said)
        log.warning("%s of %s refused: %s (sha256 %s)", channel, self.issuer, reason, digest)

    def _push(self, table: Table) -> dict[str, Any]:
        said = {"issuer": self.issuer, "ground": self.ground}
        try:
            order: dict[str, Any] = send_file(self.args, "/v1/order-files?wait=15", said, table.name, table.octets)
        except ApiProblem as reason:
            if reason.status in NOT_NOW:
                raise MissingPart(str(reason)) from reason
            if reason.where == SIGNATURE:
                found = f"{self.issuer} has a key, and pushes over the API, signed with it"
                raise IntakeRefusal(f"{table.name}: {found}; no file or mail of it is taken") from reason
            raise IntakeRefusal(f"{table.name}: {reason}") from reason
        log.info("order %s %s %s: %s", order["id"], order["issuer"], order["ref"], order["state"])
        return order
