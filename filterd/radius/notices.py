"""Notices control which prefixes have another holder: it holds the kernel's locks, and cuts connections.

Invariants: what control has not acknowledged is sent again, with what came meanwhile; control looks the holders up in
the images itself, which were published before.
"""

import asyncio
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from filterd.box.places import CONTROL, control_socket
from filterd.process.codec import FailureReply
from filterd.process.control_messages import MOST_PREFIXES, SessionsReceipt, SessionsUpdate
from filterd.process.json_socket import NoAnswer, ask
from parental.sessions.record import network_of

PATIENCE_S = 10.0  # a reply comes once connections are cut
RETRY_S = 1.0


class PendingNotice(NamedTuple):
    """Of a prefix: whether its connections are to be cut, and which profiles had it."""

    is_cut: bool
    losers: frozenset[int]


class Notices:
    """What control has not been sent yet."""

    def __init__(self, run_dir: Path) -> None:
        self._socket = control_socket(run_dir)
        self._untold: dict[bytes, PendingNotice] = {}
        self._has_some = asyncio.Event()
        self.fault: str | None = None

    def tell(self, changed: Iterable[bytes], cut: Container[bytes], losers: Mapping[bytes, int]) -> None:
        """Tell control soon.   cut: those of `changed` whose connections end;   losers  prefix → profile that had it"""
        for slot in changed:
            loser = frozenset({losers[slot]}) if losers.get(slot) else frozenset[int]()
            self._untold[slot] = _both(self._untold.get(slot), PendingNotice(slot in cut, loser))
        if self._untold:
            self._has_some.set()

    async def run(self) -> None:
        """Tell control until cancelled."""
        while True:
            await self._has_some.wait()
            some = dict(list(self._untold.items())[:MOST_PREFIXES])
            for slot in some:
                del self._untold[slot]
            if not self._untold:
                self._has_some.clear()
            if not await self._told(some):
                self._untold = some | {slot: _both(some.get(slot), each) for slot, each in self._untold.items()}
                self._has_some.set()
                await asyncio.sleep(RETRY_S)

    async def _told(self, some: dict[bytes, PendingNotice]) -> bool:
        texts = {str(network_of(slot)): each for slot, each in some.items()}
        losers = frozenset[int]().union(*(each.losers for each in some.values()))
        request = SessionsUpdate(list(texts), [text for text, each in texts.items() if each.is_cut], sorted(losers))
        try:
            reply = await ask(self._socket, CONTROL, request, SessionsReceipt, PATIENCE_S)
        except NoAnswer as reason:
            self.fault = f"control: {reason}; locks and cuts of sessions wait for it; see filterd status"
            return False
        self.fault = reply.reason if isinstance(reply, FailureReply) else None
        return self.fault is None


def _both(before: PendingNotice | None, now: PendingNotice) -> PendingNotice:
    return now if before is None else PendingNotice(before.is_cut or now.is_cut, before.losers | now.losers)
