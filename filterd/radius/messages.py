"""Messages of radius.sock: what is known of sessions, for root, and where they are, for control; no name is in them."""

from typing import Annotated

from msgspec import Meta, Struct

from filterd.process.codec import Requests

MOST_PROFILES = 5000  # of a request: far below a line of the socket


class AskSessions(Struct, frozen=True, tag_field="op", tag="sessions"):
    """How many sessions are there?   Reply: SessionsReport."""


class AskHolder(Struct, frozen=True, tag_field="op", tag="holder"):
    """Who has an address?   Reply: SessionHolder."""

    address: str


class AskPlaces(Struct, frozen=True, tag_field="op", tag="places"):
    """How many sessions are where?   Reply: SessionPlaces."""


class AskProvinces(Struct, frozen=True, tag_field="op", tag="provinces"):
    """In which provinces are the sessions of these profiles?   Reply: ProfileProvinces."""

    profiles: Annotated[list[int], Meta(max_length=MOST_PROFILES)]


class ProfileProvinces(Struct, frozen=True):
    """Reply to AskProvinces: profile and province, of those whose sessions are all in one; by ISO 3166-2."""

    provinces: list[tuple[int, str]]


class SessionPlace(Struct, frozen=True):
    """A place with its sessions.   zone, province None: no row of /radius/places has them"""

    zone: str | None
    province: str | None
    sessions: int


class SessionPlaces(Struct, frozen=True):
    """Reply to AskPlaces: where the most are, first."""

    places: list[SessionPlace]


class SessionsReport(Struct, frozen=True, kw_only=True):
    """Reply to AskSessions.

    unidentified  names of sessions that no line has;   generation  of the newest image of sessions
    counters      of the role, by name;   faults  what failed → why"""

    sessions: int
    unidentified: int
    generation: int
    counters: dict[str, int]
    faults: dict[str, str]


class SessionHolder(Struct, frozen=True, kw_only=True):
    """Reply to AskHolder.   profile None: no session has the address, or no one is known for its session"""

    prefix: str | None
    profile: int | None
    began_s: int | None
    zone: str | None = None
    province: str | None = None


RADIUS_REQUESTS = Requests((AskSessions, AskHolder, AskPlaces, AskProvinces))
