"""The part of the schema about the families' door, and about the messages by which parents sign in."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

from dns.base.endpoints import Endpoint
from filterd.config import kinds
from filterd.config.spec import LIVE, many, one, part, several

MAX_HOSTS = 16  # of one door
MAX_FIELDS = 20
HTTP_PORT, HTTPS_PORT = 80, 443


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """Answers by message: a caregiver who has chosen it on the family pages gets a child's request as a message, and
    answers it with one.   Without `authorization` and `inbox` no one can."""

    authorization: Path | None = one(kinds.path, default=None)
    """A file with the value of the Authorization header with which the gateway posts what comes in to
    https://family.isp.example/family/replies; of 16 characters at least; only web reads it."""
    number: str = one(kinds.text, default="from")
    """What the gateway calls the number that a message came from."""
    text: str = one(kinds.text, default="text")
    """What it calls the message."""
    inbox: Path | None = one(kinds.path, default=None)
    """For a lab, a folder: one file an answer, {"from", "text"}, named *.json; web reads and deletes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """Short messages to caregivers: the one-time codes by which they sign in.   Without `gateway` and `outbox` there
    are no accounts, and tokens alone open the family pages."""

    gateway: str | None = one(kinds.url, default=None)
    """Where messages are posted, such as https://sms.isp.example/send.   2xx: taken; any other answer: once more."""
    form: str = one(kinds.one_of("urlencoded", "json"), default="urlencoded")
    """What is posted."""
    to: str = one(kinds.text, default="to")
    """What the gateway calls the number, which is sent as +923001234567."""
    text: str = one(kinds.text, default="text")
    """What it calls the message."""
    fields: tuple[str, ...] = several(kinds.text, MAX_FIELDS, default=())
    """What else it wants, each as NAME=VALUE; no secrets, which go into `authorization`."""
    authorization: Path | None = one(kinds.path, default=None)
    """A file with the value of the Authorization header; only web reads it."""
    outbox: Path | None = one(kinds.path, default=None)
    """In the place of a gateway, a folder: one file a message, {"to", "text"}; for a lab, or for a program that
    fetches and deletes them.   web must be able to write there, and codes are readable there."""
    country: str = one(kinds.telephone, default="+92")
    """Of numbers that parents write without one: 0300 1234567 is +92 300 1234567."""
    replies: Replies = part(Replies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The parents' pages, and their API."""

    listen: tuple[Endpoint, ...] = many(kinds.endpoint, default=())
    """A door of their own.   none: parents come in where `/api/listen` is, as before there were two doors."""
    certificate: Path | None = one(kinds.path, default=None)
    """PEM, with its chain; none: plain HTTP.   A new file at this path is noticed within 5 s."""
    key: Path | None = one(kinds.path, default=None)
    """The certificate's, without a password; only web reads it."""
    cleartext: bool = one(kinds.truth, default=False)
    """As `/api/cleartext`."""
    hosts: tuple[str, ...] = several(kinds.host, MAX_HOSTS, default=())
    """The names by which families call it, which lead to it under every lock, too; and as `/api/hosts`.   Needed where
    lines reach it."""
    addresses: tuple[Endpoint, ...] = several(kinds.endpoint, MAX_HOSTS, LIVE, default=())
    """Where lines reach it, if not at `listen`: ADDRESS:PORT of a proxy before it, or of another box.   Open to TCP
    under every lock; no other port is."""
    languages: tuple[str, ...] = several(kinds.text, MAX_HOSTS, default=())
    """Besides English and Urdu: `ps` (Pashto) or `sd` (Sindhi), as soon as 95 % of its messages are translated; the
    rest is Urdu."""
    audio: Path | None = one(kinds.path, default=None)
    """A folder of recordings, LANGUAGE/MESSAGE.mp3, .ogg or .m4a, which web must be able to read.   Without it no
    message can be heard."""
    sms: Sms = part(Sms)


class Door(Protocol):
    """A listener of the web role."""

    @property
    def listen(self) -> tuple[Endpoint, ...]: ...
    @property
    def certificate(self) -> Path | None: ...
    @property
    def hosts(self) -> tuple[str, ...]: ...


def has_own_door(family: Family) -> bool:
    """Whether families come in apart from the desk, here or on another box."""
    return bool(family.listen or family.addresses or family.hosts)


def door_names(family: Family, desk: Door) -> tuple[str, ...]:
    """The names by which families come in, which no lock closes."""
    return _door(family, desk).hosts


def door_places(family: Family, desk: Door) -> Iterator[Endpoint]:
    """Where lines reach the door of families."""
    yield from family.addresses
    yield from (each for each in _door(family, desk).listen if not ip_address(each.host).is_loopback)


def door_pages(family: Family, desk: Door) -> dict[str, str]:
    """Each name → where its pages begin for a browser; none where they are at the port of the splash."""
    place = next(door_places(family, desk), None)
    if place is None or place.port == HTTP_PORT:
        return {}
    door = _door(family, desk)
    scheme = "https" if family.addresses or door.certificate is not None else "http"
    port = "" if place.port == HTTPS_PORT and scheme == "https" else f":{place.port}"
    return {name: f"{scheme}://{name}{port}" for name in door.hosts}


def _door(family: Family, desk: Door) -> Door:
    return family if has_own_door(family) else desk
