"""Control's part in what goes to a SIEM: gives the role the ledger's events, and says when it is behind.

Invariants: what is given is what auditors get, in the order of its numbers, and changes nothing; how the role is, it
says itself, and where it says nothing, that is a fault.
"""

import json
import time

from msgspec.structs import replace

from filterd.control.base.context import Context
from filterd.process.codec import FailureReply
from filterd.process.control_messages import EventsFrom, NextEvents, SiemReport, StreamStatus, ToldEvent
from mgmt.ledger import store
from mgmt.ledger.event import MAX_EVENT_OCTETS
from parental.store.database import reading

SILENT_S = 60.0  # twelve times what is between two reports
MOST = 100  # events of one answer
MOST_OCTETS = 300_000  # with one more of the largest, still below a line of filterd.process.json_socket
MOST_KIND, MOST_LEAF = 20, 64
NOW = -1


class SiemWatch:
    """What control knows of the role."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._said: dict[str, StreamStatus] = {}
        self._heard_s = time.monotonic()

    @property
    def streams(self) -> dict[str, StreamStatus]:
        """What the role has said last."""
        return self._said if self._context.config.siem.server is not None else {}

    def note(self, report: SiemReport) -> None:
        """Take what the role says."""
        self._said = {str(name): replace(each, fault=_plain(each.fault)) for name, each in report.streams.items()}
        self._heard_s = time.monotonic()

    def events(self, asked: EventsFrom) -> NextEvents | FailureReply:
        """The events of the ledger from one on.   Raises DatabaseFault"""
        with reading(self._context.engine) as conn:
            size = store.size(conn)
            if asked.number == NOW:
                return NextEvents([], size, 0)
            if not 0 <= asked.number <= size:
                return FailureReply(
                    f"ledger: event {asked.number} was asked for, and there are {size}: it was set back; "
                    "no event given; see docs/audit/siem.md, after a restore"
                )
            rows = store.read_events(conn, asked.number, asked.number + max(1, min(asked.most, MOST)))
        found, n_octets = list[ToldEvent](), 0
        for row in rows:
            text = row.text if len(row.text or "") <= MAX_EVENT_OCTETS else ""  # longer is no event of ours
            found.append(ToldEvent(row.number, row.time_ms, row.kind[:MOST_KIND], text, row.leaf.hex()[:MOST_LEAF]))
            n_octets += len(json.dumps(text))  # as the socket has it: a letter that is not ASCII is six octets
            if n_octets >= MOST_OCTETS:
                break
        return NextEvents(found, asked.number + len(found), size - asked.number)

    async def look(self) -> None:
        """Raises OSError where the role is behind, or silent."""
        if (fault := self._fault()) is not None:
            raise OSError(fault)

    # ------------------------------------------------------------------------------------------------------------------

    def _fault(self) -> str | None:
        siem = self._context.config.siem
        if siem.server is None:
            self._heard_s = time.monotonic()
            return None
        if time.monotonic() - self._heard_s >= SILENT_S:
            return "siem: the role does not say how it is; records wait until it does; start it, or look at its log"
        late = {name: each for name, each in self._said.items() if each.oldest_s >= siem.alarm_after}
        said = "; ".join(f"{name}: {each.fault or 'more come than are taken'}" for name, each in late.items())
        return f"siem: records wait for longer than {siem.alarm_after}; {said}" if late else None


def _plain(fault: str | None) -> str | None:
    """Without what a terminal would obey: the role may be someone else's by now."""
    return fault and "".join(char if char.isprintable() else "?" for char in fault)
