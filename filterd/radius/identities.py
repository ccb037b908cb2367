"""Which profile a name stands for: control knows the database, this role alone the names that it hears.

Invariants: a name that control could not be asked about is asked about again; what has changed since control was asked
last is learnt within POLL_S; where names were taken away, all are asked about again; neither a name nor what it stands
for is written to a log or a file here, but the revision up to which changes are known.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from filterd.box.places import CONTROL, control_socket
from filterd.process.codec import FailureReply
from filterd.process.control_messages import MOST_NAMES, IdentifiedProfiles, Identify
from filterd.process.json_socket import NoAnswer, ask
from parental.sessions.record import NO_PROFILE, Digests
from rules.base.atomic_file import writing_whole

PATIENCE_S = 0.5  # a NAS waits for its answer, and a session without a profile is known later
POLL_S = 1.0
MOST_KNOWN = 500_000  # names that are remembered; then all are asked about again
MOST_UNASKED = 100_000

log = logging.getLogger("filterd.radius")


class Identities:
    """Profiles by name.   noted: the file of the revision;   is_empty: there is no session whose name may change"""

    def __init__(self, run_dir: Path, noted: Path, digests: Digests, *, is_empty: bool) -> None:
        self._socket, self._noted, self._digests = control_socket(run_dir), noted, digests
        self._known: dict[bytes, int] = {}
        self._lost: int | None = None  # as IdentifiedProfiles.lost was last
        self._unasked: set[bytes] = set()
        self._revision = self._written = -1 if is_empty else _read(noted)
        self.fault: str | None = None

    async def profiles(self, names: Iterable[bytes]) -> dict[bytes, int]:
        """Name → profile, NO_PROFILE: not known."""
        wanted = set(names)
        known = {name: self._known[name] for name in wanted if name in self._known}  # all may be forgotten meanwhile
        new = [*(wanted - known.keys())]
        for begin in range(0, len(new), MOST_NAMES):
            await self._learn(new[begin : begin + MOST_NAMES])
        return {name: self._known.get(name, known.get(name, NO_PROFILE)) for name in wanted}

    async def changed(self) -> dict[bytes, int]:
        """Digest of a name → profile, of what has changed and of what could not be asked about before."""
        again = list(self._unasked)[:MOST_NAMES]
        self._unasked.difference_update(again)
        found = await self._ask([*again], self._revision)
        if found is None:
            self._unasked.update(again)
            return {}
        self._forget_lost(found)
        self._note(found.revision)
        profiles = {name.encode(): number for name, number in found.profiles.items()}
        self._remember(profiles)
        return {self._digests.who(name): number for name, number in profiles.items()}

    async def _learn(self, names: list[bytes]) -> None:
        found = await self._ask(names, -1)
        if found is None or found.lost < (self._lost or 0):  # of before a name was taken away
            if len(self._unasked) < MOST_UNASKED:
                self._unasked.update(names)
            return
        self._forget_lost(found)
        self._remember({name.encode(): number for name, number in found.profiles.items()})

    async def _ask(self, names: list[bytes], since: int) -> IdentifiedProfiles | None:
        request = Identify([text for text in map(_text, names) if text], since)
        try:
            reply = await ask(self._socket, CONTROL, request, IdentifiedProfiles, PATIENCE_S)
        except NoAnswer as reason:
            self.fault = f"control: {reason}; new sessions have the default profile; see filterd status"
            return None
        self.fault = reply.reason if isinstance(reply, FailureReply) else None
        return None if isinstance(reply, FailureReply) else reply

    def _forget_lost(self, found: IdentifiedProfiles) -> None:
        if found.lost != self._lost:
            self._known, self._lost = {}, found.lost

    def _remember(self, profiles: dict[bytes, int]) -> None:
        if len(self._known) + len(profiles) > MOST_KNOWN:
            self._known.clear()
        self._known.update(profiles)

    def _note(self, revision: int) -> None:
        """Have the file say it; what a full disk does not take, a later process asks about once more."""
        self._revision = revision
        if revision == self._written:
            return
        try:
            with writing_whole(self._noted, is_synced=False) as file:
                file.write(f"{revision}\n".encode())
        except OSError as reason:
            self.fault = f"{reason}; names are known here, and asked about once more after a restart; make room there"
        else:
            self._written = revision


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:  # no line has it
        return ""


def _read(noted: Path) -> int:
    try:
        return int(noted.read_text())
    except (OSError, ValueError):
        return 0  # everything is asked about once
