"""Who has come to the splash, and what was asked for."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from rules.base.canonical import canonical_name
from rules.base.clients import Client, client_address, client_of
from rules.base.errors import BadName

MAX_CHARACTERS = 2048


@dataclass(frozen=True, slots=True)
class Visitor:
    """address  None: not to be known;   network  what counts as one client;   host  a name that was asked for"""

    address: str | None
    network: Client
    host: str | None


def visitor_of(request: web.Request) -> Visitor:
    address = client_address(request.remote)
    return Visitor(address, client_of(address) if address else "", name_of(request.host))


def name_of(written: str) -> str | None:
    """The name of a host, or of a page's address as a person writes it; None where none exists."""
    written = written.strip()[:MAX_CHARACTERS]
    try:
        host = urlsplit(written).hostname if "://" in written else written.partition("/")[0]
        return canonical_name(host or "")
    except (BadName, ValueError):
        return None
