"""Messages of radius.sock: what is known of sessions, for root; no name is in them."""

from msgspec import Struct

from filterd.process.codec import Requests


class AskSessions(Struct, frozen=True, tag_field="op", tag="sessions"):
    """How many sessions are there?   Reply: SessionsKnown."""


class AskHolder(Struct, frozen=True, tag_field="op", tag="holder"):
    """Who has an address?   Reply: SessionHolder."""

    address: str


class AskPlaces(Struct, frozen=True, tag_field="op", tag="places"):
    """How many sessions are where?   Reply: PlacesKnown."""


class SessionPlace(Struct, frozen=True):
    """A place with its sessions.   zone, province None: no row of /radius/places has them"""

    zone: str | None
    province: str | None
    sessions: int


class PlacesKnown(Struct, frozen=True):
    """Reply to AskPlaces: where the most are, first."""

    places: list[SessionPlace]


class SessionsKnown(Struct, frozen=True, kw_only=True):
    """Reply to AskSessions.

    unidentified  names of sessions that no line has;   generation  of the newest image of sessions
    counters      of the role, by name;   faults  what failed → why"""

    sessions: int
    unidentified: int
    generation: int
    counters: dict[str, int]
    faults: dict[str, str]


class SessionHolder(Struct, frozen=True, kw_only=True):
    """Reply to AskHolder.   profile None: no session has the address, or nobody is known for its session"""

    prefix: str | None
    profile: int | None
    began_s: int | None
    zone: str | None = None
    province: str | None = None


RADIUS_REQUESTS = Requests((AskSessions, AskHolder, AskPlaces))
