"""The part of the schema about sessions: where network access servers report them, and which ones may."""

from dataclasses import dataclass
from pathlib import Path

from dns.base.endpoints import Endpoint
from filterd.config import kinds
from filterd.config.kinds import Seconds
from filterd.config.spec import CONTROL, RADIUS, many, one, parts

MAX_NAS = 1000  # entries; behind a relay there can be more
MAX_PLACES = 2000  # a row is a line of the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Nas:
    """A network access server, or a relay of several."""

    name: str = one(kinds.list_id)
    """What it is called in status and log."""
    address: str = one(kinds.prefix)
    """Where its requests come from; others are not read."""
    secret: Path = one(kinds.path)
    """A file with the secret that it shares with us, 16 octets or more; only radius reads it."""
    pools: tuple[str, ...] = many(kinds.prefix, 1)
    """The prefixes that it gives addresses out of; what it says of others is refused."""
    default_profile: int | None = one(kinds.profile, default=None)
    """The number of the profile that holds in its pools where no session is known, or no line has its name: a start
    that was lost.   Left out: none does, only what holds for all clients."""
    identity: str = one(kinds.one_of("user-name", "calling-station-id"), default="user-name")
    """What tells the line: see `filterd sessions name`."""
    timestamps: bool = one(kinds.truth, default=True)
    """Its requests say when it was (Event-Timestamp), and one that does not is refused.   false: they need not, and it
    was when they came: a request that someone has kept is then as good as a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NasPlace:
    """Where the lines of a network access server are."""

    nas: str = one(kinds.text)
    """What it sends as NAS-Identifier, or else as NAS-IP-Address; or the `name` of an entry of `/radius/nas`, for all
    of its servers that have no row."""
    zone: str | None = one(kinds.text, default=None)
    """Such as a city or an exchange."""
    province: str | None = one(kinds.province, default=None)
    """By ISO 3166-2: PK-PB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Radius:
    """Who has which address for now, by RADIUS accounting."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, restart=(*RADIUS, *CONTROL), default=())
    """Where accounting requests are answered; none: nowhere, and all addresses of lines are static."""
    nas: tuple[Nas, ...] = parts(Nas, MAX_NAS, (*RADIUS, *CONTROL))
    """Who may send them; the first one whose address fits counts."""
    places: tuple[NasPlace, ...] = parts(NasPlace, MAX_PLACES, RADIUS)
    """Zones and provinces of their lines, as `filterd sessions places` and `filterd sessions who` show them."""
    replay_window: Seconds = one(kinds.duration(60, 7 * 86400), default=Seconds(900))
    """How long a request may have been on its way, and how wrong its clock may be."""
