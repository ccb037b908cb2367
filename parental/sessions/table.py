"""The table of sessions: which live, and who holds which address.

put() takes a record and says what it changed; the journal holds the same records in the same order, so a table that is
read back is the table that was.

    session ─ has an address that another one has?   the one that began later has it; the other ends without any left
    end ─ remembered for as long as a request can be late, so that nothing that happened before it brings it back
    NAS restarted ─ everything there that began before has ended

Invariants: an address has one holder; a session in the table has an address; no record that happened before one that
was taken changes what that one said.
Cost: 3 us a record; a restart of a NAS, or other profiles for names, one pass over the table (0.2 s for a million).
Memory: 0.45 KB a session.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from parental.sessions.record import (
    ENDED,
    KEY,
    LIVES,
    NAS,
    PROFILE,
    RESTARTED,
    SLOTS,
    WHO,
    Session,
    read_record,
    slots_in,
)

MOST_SESSIONS = 4_000_000  # 2 GB: more than one box can filter


class TooMany(RuntimeError):
    """There are MOST_SESSIONS."""


class Effect(Enum):
    """What became of a record."""

    NONE = "nothing new"
    CHANGED = "changed"
    OUT_OF_ORDER = "something later is known"


@dataclass(slots=True)
class Changes:
    """What has changed since this was taken last.

    holders     prefix → the profile that holds there now, NO_PROFILE: not known; None: no session has it
    cut         prefixes whose holder was another one, or is no holder any more
    losers      prefix → the profile that held there at first
    taken_over  sessions that have lost an address to a later one"""

    holders: dict[bytes, int | None]
    cut: set[bytes]
    losers: dict[bytes, int]
    taken_over: int = 0


class SessionTable:
    """Sessions by key, and the holder of each prefix."""

    def __init__(self) -> None:
        self._live: dict[bytes, bytes] = {}
        self._holders: dict[bytes, bytes] = {}
        self._ended: dict[bytes, int] = {}
        self._restarted: dict[bytes, int] = {}
        self._changes = Changes({}, set(), {})

    def __len__(self) -> int:
        return len(self._live)

    def put(self, session: Session) -> Effect:
        """Take a record.   Raises TooMany"""
        if session.state == LIVES:
            return self._begin(session)
        if session.state == ENDED:
            return self._end(session)
        return self._restart(session)

    def updated(self, session: Session) -> Session:
        """What an update makes of its session: prefixes that it does not name stay, and it began when it began."""
        known = self.session(session.key)
        if known is None:
            return session
        a, b, c, d = (now or before for now, before in zip(session.slots, known.slots, strict=True))
        profile = session.profile or (known.profile if known.who == session.who else 0)
        began_s = min(known.began_s, session.began_s)
        return replace(session, slots=(a, b, c, d), began_s=began_s, profile=profile)

    def is_new(self, session: Session) -> bool:
        """Whether a session would change who holds what: not so of an update that says nothing new."""
        record = self._live.get(session.key)
        if record is None:
            return True
        known = read_record(record)
        return (known.slots, known.who, known.profile) != (session.slots, session.who, session.profile)

    def session(self, key: bytes) -> Session | None:
        """The session of a key."""
        record = self._live.get(key)
        return None if record is None else read_record(record)

    def holder_of(self, slot: bytes) -> Session | None:
        """The session that holds exactly this prefix."""
        key = self._holders.get(slot)
        return None if key is None else self.session(key)

    def of_names(self, profiles: Mapping[bytes, int]) -> list[Session]:
        """Sessions that began for these names, with another profile: digest of a name → its profile."""
        found = [record for record in self._live.values() if record[WHO] in profiles]
        sessions = (read_record(record) for record in found)
        return [replace(each, profile=profiles[each.who]) for each in sessions if each.profile != profiles[each.who]]

    def without(self, is_left_out: Callable[[bytes], bool]) -> list[Session]:
        """Records that take prefixes from their sessions; a session ends without any left.   Cost: 1 us a session"""
        found = [read_record(record) for record in self._live.values() if any(map(is_left_out, slots_in(record)))]
        return [_without(each, is_left_out) for each in found]

    def unidentified(self) -> list[bytes]:
        """The digests of names that no profile is known for."""
        return list({record[WHO] for record in self._live.values() if record[PROFILE] == bytes(4)})

    def living(self) -> list[bytes]:
        """The records of all sessions, as of now.   Cost: 10 ms for a million"""
        return list(self._live.values())

    def take_changes(self) -> Changes:
        """What has changed since the last call."""
        taken, self._changes = self._changes, Changes({}, set(), {})
        return taken

    def forget_ended(self, before_s: int) -> None:
        """Forget ends of sessions before an instant: requests as old as that are not believed any more."""
        self._ended = {key: at_s for key, at_s in self._ended.items() if at_s >= before_s}

    # -- as a snapshot has it ------------------------------------------------------------------------------------------

    def records(self) -> Iterable[bytes]:
        """Records that make this table again, in any order."""
        yield from self._live.values()
        yield from (Session(ENDED, key, bytes(8), at_s=at_s).packed() for key, at_s in self._ended.items())
        yield from (Session(RESTARTED, bytes(16), nas, at_s=at_s).packed() for nas, at_s in self._restarted.items())

    def load(self, record: bytes) -> None:
        """Take a record of records(), which contradicts no other one."""
        if record[0] == LIVES:
            key = record[KEY]
            self._live[key] = record
            for where in SLOTS:
                if record[where.start]:
                    self._holders[record[where]] = key
            return
        session = read_record(record)
        if session.state == ENDED:
            self._ended[session.key] = session.at_s
        else:
            self._restarted[session.nas] = session.at_s

    def holders(self) -> Iterable[tuple[bytes, int]]:
        """Every prefix with the profile that holds there."""
        for record in self._live.values():
            profile = int.from_bytes(record[PROFILE], "little")
            yield from ((slot, profile) for slot in slots_in(record))

    # ------------------------------------------------------------------------------------------------------------------

    def _begin(self, session: Session) -> Effect:
        known = self.session(session.key)
        if self._is_past(session) or (known is not None and known.at_s > session.at_s):
            return Effect.OUT_OF_ORDER
        a, b, c, d = (slot if self._wins(session, slot) else b"" for slot in session.slots)
        if not (a or b or c or d):
            return Effect.OUT_OF_ORDER if any(session.slots) else Effect.NONE
        if known is None and len(self._live) >= MOST_SESSIONS:
            raise TooMany(f"sessions: there are {MOST_SESSIONS}; the request was not answered; filter on another box")
        self._take(replace(session, slots=(a, b, c, d)), known)
        return Effect.CHANGED

    def _is_past(self, session: Session) -> bool:
        """Whether a session, or all of its NAS, has ended after it was as the record says."""
        ended_s = self._ended.get(session.key)
        if ended_s is not None and session.at_s <= ended_s:
            return True
        return session.at_s < self._restarted.get(session.nas, 0)

    def _wins(self, session: Session, slot: bytes) -> bool:
        """Whether a session has a prefix: it is its own, no one's, or that of one that began before."""
        key = self._holders.get(slot) if slot else None
        if key is None or key == session.key:
            return bool(slot)
        return read_record(self._live[key]).began_s <= session.began_s

    def _take(self, session: Session, known: Session | None) -> None:
        for slot in filter(None, session.slots):
            key = self._holders.get(slot)
            if key is not None and key != session.key:
                loser = read_record(self._live[key])
                self._lose(loser, slot, session.began_s)
                self._changes.losers.setdefault(slot, loser.profile)
                self._changes.cut.add(slot)
                self._changes.taken_over += 1
            elif known is not None and key == session.key:
                self._changes.losers.setdefault(slot, known.profile)
            self._holders[slot] = session.key
            self._changes.holders[slot] = session.profile
        for slot in set(filter(None, known.slots if known else ())) - set(session.slots):
            self._free(slot, known)
        self._ended.pop(session.key, None)
        self._live[session.key] = session.packed()

    def _lose(self, session: Session, lost: bytes, at_s: int) -> None:
        """Take a prefix from a session, which ends without any left."""
        a, b, c, d = (b"" if slot == lost else slot for slot in session.slots)
        if a or b or c or d:
            self._live[session.key] = replace(session, slots=(a, b, c, d)).packed()
        else:
            del self._live[session.key]
            self._ended[session.key] = max(at_s, session.at_s)

    def _free(self, slot: bytes, session: Session | None) -> None:
        """No one has a prefix any more."""
        if session is not None:
            self._changes.losers.setdefault(slot, session.profile)
        self._holders.pop(slot, None)
        self._changes.holders[slot] = None
        self._changes.cut.add(slot)

    def _end(self, session: Session) -> Effect:
        known = self.session(session.key)
        if known is not None and session.at_s < known.began_s:
            return Effect.OUT_OF_ORDER
        self._ended[session.key] = max(session.at_s, self._ended.get(session.key, 0))
        if known is None:
            return Effect.NONE
        del self._live[session.key]
        for slot in filter(None, known.slots):
            self._free(slot, known)
        return Effect.CHANGED

    def _restart(self, session: Session) -> Effect:
        if session.at_s < self._restarted.get(session.nas, 0):
            return Effect.OUT_OF_ORDER
        self._restarted[session.nas] = session.at_s
        there = [record for record in self._live.values() if record[NAS] == session.nas]
        ended = [known for known in map(read_record, there) if known.began_s < session.at_s]
        for known in ended:
            del self._live[known.key]
            for slot in filter(None, known.slots):
                self._free(slot, known)
        return Effect.CHANGED if ended else Effect.NONE


def _without(session: Session, is_left_out: Callable[[bytes], bool]) -> Session:
    a, b, c, d = (b"" if slot and is_left_out(slot) else slot for slot in session.slots)
    if a or b or c or d:
        return replace(session, slots=(a, b, c, d))
    return Session(ENDED, session.key, session.nas, at_s=session.at_s)
