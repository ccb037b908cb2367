"""The doors of the web role: who comes in where, and by which names.

    DESK    staff and issuers: the API
    FAMILY  parents: their page, and the API for the own line
    BOTH    one listener for all, where the configuration has no /family/listen

Invariants: a household's token opens no desk, and a desk's no family's door; a request for a name that is not a door's
own is answered 421, so that a page of another site that has made its name lead here reads nothing.
Source: RFC 9110 §15.5.20 (421); OWASP (DNS rebinding).
"""

from collections.abc import Iterable
from enum import Enum
from ipaddress import ip_address

from aiohttp import web
from aiohttp.typedefs import Middleware

from mgmt.web.kit.auth import Principal, PrincipalEndpoint
from mgmt.web.kit.problems import Endpoint, Problem, forbidden


class Door(Enum):
    DESK = "desk"
    FAMILY = "family"
    BOTH = "both"

    def admits(self, principal: Principal) -> bool:
        """Whether the holder of a token comes in here."""
        is_of_a_household = principal.subscriber is not None
        return self is Door.BOTH or (self is Door.FAMILY) == is_of_a_household


class Hosts:
    """The names of a door.   names  as certificates have them, with *. for one label; every address is one, too."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._own = frozenset(map(str.lower, names))
        self._certified: frozenset[str] = frozenset()

    def certify(self, names: Iterable[str]) -> None:
        """Those of the certificate in use, in the place of an earlier one's."""
        self._certified = frozenset(map(str.lower, names))

    def has(self, said: str) -> bool:
        """Whether a Host is one of them."""
        host = _without_port(said).lower().rstrip(".")
        known = self._own | self._certified
        return host == "localhost" or _is_address(host) or host in known or "*." + host.partition(".")[2] in known


def checks_hosts(hosts: Hosts) -> Middleware:
    """Answers 421 for a Host that is not the door's."""

    @web.middleware
    async def check(request: web.Request, handler: Endpoint) -> web.StreamResponse:
        said = request.headers.get("Host", "")
        if hosts.has(said):
            return await handler(request)
        detail = f"Host: {said[:100]!r} is no name of this door; nothing done; ask the operator for its address"
        raise Problem(421, detail, "Host")

    return check


def admitting(endpoint: PrincipalEndpoint, door: Door) -> PrincipalEndpoint:
    """An endpoint for those whom the door admits.   Raises Problem 403"""

    async def admitted(request: web.Request, principal: Principal) -> web.StreamResponse:
        if not door.admits(principal):
            raise forbidden()
        return await endpoint(request, principal)

    return admitted


def _without_port(said: str) -> str:
    if said.startswith("["):
        return said[1:].partition("]")[0]
    return said.rpartition(":")[0] if said.rpartition(":")[2].isdigit() and ":" in said else said


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False
