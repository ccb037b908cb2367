"""The families' door as lines reach it: its names, and where it is.   Without one of its own it is the desk's."""

from collections.abc import Iterator
from ipaddress import ip_address

from dns.upstreams.endpoints import Endpoint
from filterd.config.schema import Config

HTTP_PORT, HTTPS_PORT = 80, 443


def door_names(config: Config) -> tuple[str, ...]:
    """The names by which families call it, which no lock closes."""
    return config.family.hosts if has_own_door(config) else config.api.hosts


def door_places(config: Config) -> Iterator[Endpoint]:
    """Where lines reach it."""
    listen = config.family.listen if has_own_door(config) else config.api.listen
    yield from config.family.addresses
    yield from (each for each in listen if not ip_address(each.host).is_loopback)


def door_pages(config: Config) -> dict[str, str]:
    """Each name → where its pages begin for a browser; none where they are at the port of the splash."""
    place = next(door_places(config), None)
    if place is None or place.port == HTTP_PORT:
        return {}
    section = config.family if has_own_door(config) else config.api
    scheme = "https" if config.family.addresses or section.certificate is not None else "http"
    port = "" if place.port == HTTPS_PORT and scheme == "https" else f":{place.port}"
    return {name: f"{scheme}://{name}{port}" for name in door_names(config)}


def has_own_door(config: Config) -> bool:
    """Whether families come in apart from the desk, here or on another box."""
    return bool(config.family.listen or config.family.addresses or config.family.hosts)
