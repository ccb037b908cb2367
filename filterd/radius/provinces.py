"""In which provinces profiles are by their sessions, as records of blocks say it for auditors.

    control's drain ─ profiles ─→ provinces of all sessions, made again once they are old ─→ those that were asked for

Invariants: nothing but the province of a profile comes out of here: no session, no address, no name of a NAS; a profile
with sessions in two provinces is in none; what the role says is a province, or it is not taken.
Cost: 0.4 us a session each time they are made, which takes a twentieth of the time at most; 70 octets a profile.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from filterd.box.places import RADIUS, radius_socket
from filterd.config import Config
from filterd.process.json_socket import NoAnswer, ask_blocking
from filterd.radius.messages import MOST_PROFILES, AskProvinces, ProfileProvinces
from filterd.radius.places import PlaceTable
from parental.policy.subscriber import PROVINCE

LEAST_AGE_S, OF_ITS_COST = 1.0, 20.0  # they are made again after so long, or so many times what it took
PATIENCE_S = 2.0
PAUSE_S = 30.0  # after a question without an answer: records of blocks do not wait for it each time

log = logging.getLogger("filterd.audit.drain")


class SessionProvinces:
    """Of the sessions of a role.   living: their records"""

    def __init__(self, living: Callable[[], Iterable[bytes]]) -> None:
        self._living = living
        self._found: dict[int, str] = {}
        self._until_s = float("-inf")
        self._making = asyncio.Lock()

    async def of(self, profiles: Iterable[int], places: PlaceTable) -> list[tuple[int, str]]:
        """Those of these profiles that are known."""
        async with self._making:
            if time.monotonic() >= self._until_s:
                began_s = time.monotonic()
                self._found = await asyncio.to_thread(places.provinces, self._living())
                now_s = time.monotonic()
                self._until_s = now_s + max(LEAST_AGE_S, OF_ITS_COST * (now_s - began_s))
        return [(profile, self._found[profile]) for profile in profiles if profile in self._found]


class ProvinceClient:
    """Asks the role, for the one thread that drains."""

    def __init__(self, run_dir: Path) -> None:
        self._path = radius_socket(run_dir)
        self._next_s = float("-inf")

    def of(self, profiles: Iterable[int]) -> dict[int, str]:
        """Province of each that is known; of none while the role is away.   Blocking"""
        wanted, found = list(profiles), dict[int, str]()
        for at in range(0, len(wanted), MOST_PROFILES):
            found |= self._asked(wanted[at : at + MOST_PROFILES])
        return found

    def _asked(self, profiles: list[int]) -> dict[int, str]:
        if time.monotonic() < self._next_s:
            return {}
        try:
            reply = ask_blocking(self._path, RADIUS, AskProvinces(profiles), PATIENCE_S)
            found = msgspec.convert(reply, ProfileProvinces).provinces
        except (NoAnswer, msgspec.ValidationError) as reason:
            log.warning("radius: %s; records of blocks have no province by sessions until it answers", reason)
            self._next_s = time.monotonic() + PAUSE_S
            return {}
        asked = set(profiles)
        return {number: code for number, code in found if number in asked and PROVINCE.fullmatch(code)}


def provinces_by_sessions(config: Config) -> Callable[[Iterable[int]], dict[int, str]] | None:
    """How the drain asks; None: this box hears of no sessions."""
    return ProvinceClient(config.run_dir).of if config.radius.listen else None
