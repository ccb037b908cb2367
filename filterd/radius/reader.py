"""Reader a request: from a datagram to a session, with a reason and a counter for each that is refused.

    datagram → NAS of the configuration? → whole? → authenticator? → time? → a session in the pools of its NAS

Invariants: what fails is dropped without an answer, and said in the log once a minute at most, without a name in it;
a request whose type we do not use, or that names no address, is answered and changes nothing.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from pyrad.packet import AcctPacket

from filterd.radius.nas import KnownNas, NasTable
from parental.sessions.record import ENDED, LIVES, RESTARTED, Digests, Session, Slots
from parental.sessions.request import Accounting, ForgedRequest, MalformedRequest, Status, read_request

SAY_EVERY_S = 60.0
STATES: dict[int, int] = {
    Status.START: LIVES,
    Status.INTERIM: LIVES,
    Status.STOP: ENDED,
    Status.ON: RESTARTED,
    Status.OFF: RESTARTED,
}

log = logging.getLogger("filterd.radius")


@dataclass(frozen=True, slots=True)
class AcceptedRequest:
    """A request that is believed.

    session   None: it changes nothing;   name  for which it began, b"": it says none
    packet    what the answer is made of;   is_update  what it does not name stays"""

    packet: AcctPacket
    session: Session | None = None
    name: bytes = b""
    is_update: bool = False


class Reader:
    """Reads requests.   count: of a counter;   window_s  how old or new a request may be"""

    def __init__(self, nas: NasTable, digests: Digests, window_s: int, count: Callable[[str], None]) -> None:
        self._nas, self._digests, self._window_s, self._count = nas, digests, window_s, count
        self._untold: dict[str, int] = {}
        self._say_at = 0.0

    def hear(self, octets: bytes, host: str, now_s: float) -> AcceptedRequest | None:
        """The request in a datagram; None: it is dropped."""
        nas = self._nas.find(host)
        if nas is None:
            self._drop("radius_unknown_nas", host, "is no NAS of the configuration")
            return None
        try:
            said, packet = read_request(octets, nas.secret)
        except ForgedRequest as reason:
            self._drop("radius_bad_authenticator", host, str(reason))
            return None
        except MalformedRequest as reason:
            self._drop("radius_malformed", host, str(reason))
            return None
        at_s = said.at_s if said.at_s is not None else None if nas.needs_time else int(now_s) - said.delay_s
        if at_s is None or abs(at_s - now_s) > self._window_s:
            when = "says no time" if at_s is None else f"is {int(now_s) - at_s} s old"
            self._drop("radius_stale", host, f"its request {when}")
            return None
        return self._read(said, packet, nas, at_s)

    def _read(self, said: Accounting, packet: AcctPacket, nas: KnownNas, at_s: int) -> AcceptedRequest | None:
        state = STATES.get(said.status)
        if state is None or (state != RESTARTED and not said.session):
            return AcceptedRequest(packet)
        if not all(nas.may_give(slot) for slot in said.slots if slot):
            self._drop("radius_malformed", nas.name, "a prefix outside of its pools")
            return None
        name = said.station if nas.by_station else said.user
        whose = self._digests.nas(nas.name, said.nas)
        key = self._digests.session(whose, said.session) if state != RESTARTED else bytes(16)
        slots: Slots = said.slots if state == LIVES else (b"", b"", b"", b"")
        began_s = max(at_s - (said.lasted_s if said.status == Status.INTERIM else 0), 0)
        who = self._digests.who(name) if name else bytes(16)
        session = Session(state, key, whose, who, began_s=began_s, at_s=at_s, slots=slots)
        return AcceptedRequest(packet, session, name, said.status == Status.INTERIM)

    def _drop(self, counter: str, source: str, why: str) -> None:
        self._count(counter)
        self._untold[f"{source}: {why}"] = self._untold.get(f"{source}: {why}", 0) + 1
        if len(self._untold) > 100:  # strangers may have any address
            self._untold = {"several addresses": sum(self._untold.values())}
        if (now := time.monotonic()) >= self._say_at:
            self._say_at = now + SAY_EVERY_S
            told = ", ".join(f"{text} ({n})" for text, n in sorted(self._untold.items())[:5])
            log.warning("requests dropped, not answered: %s; see the counters radius_…", told)
            self._untold.clear()
