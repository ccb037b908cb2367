"""Serves RPZ zones to other resolvers, from the images that the publisher has put in force.

Invariants: a zone holds what the workers were asked to use, never sooner; zones never delay the images or end the role:
where they cannot be served (an address that is not there yet, a key that cannot be read), that is a fault in the
status, and it is tried again.
"""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from dns.zones.rpz_edition import Plan
from dns.zones.served_zone import Rights, ServedZone
from dns.zones.server import ZoneServer
from dns.zones.tsig import Key, read_key
from fastpath.images.tables import TableSet
from fastpath.report.counters import Counters
from filterd.config import Config
from filterd.config.schema import RpzZone
from filterd.places import CONTROL, counters_folder
from rules.names.canonical import canonical_wire

COUNTERS = "control"  # the file


async def publish_zones(
    config: Config, published: asyncio.Event, tables: Callable[[], TableSet], note: Callable[[ZoneServer], None]
) -> None:
    """Serve the zones until cancelled, each time as `tables()` are when `published` is set.

    note   is given the server.   Raises OSError, ValueError where the zones cannot be served"""
    server = zone_server(config)
    note(server)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.run())
        group.create_task(_follow(server, published, tables))


def zone_server(config: Config) -> ZoneServer:
    """The server that the configuration asks for, listening.   Raises OSError, ValueError."""
    zones = [_served(config, zone) for zone in config.rpz.zones]
    counters = counters_folder(config.run_dir, CONTROL)
    counters.mkdir(parents=True, exist_ok=True)
    return ZoneServer(zones, config.rpz.listen, Counters(counters / COUNTERS))


async def _follow(server: ZoneServer, published: asyncio.Event, tables: Callable[[], TableSet]) -> None:
    while True:
        published.clear()
        await server.update(tables())
        await published.wait()


def _served(config: Config, zone: RpzZone) -> ServedZone:
    splash = tuple(each for each in (config.splash.address4, config.splash.address6) if each is not None)
    clients = [ip_network(ip_address(each.host)) for each in zone.secondaries]
    clients += [ip_network(each) for each in zone.allow]
    rights = Rights(tuple(clients), _key(zone))
    return ServedZone(Plan(canonical_wire(zone.name), zone.lists, splash), rights, zone.secondaries)


def _key(zone: RpzZone) -> Key | None:
    if zone.tsig is None:
        return None
    try:
        return read_key(zone.tsig.read_text())
    except ValueError as reason:
        raise ValueError(f"zone {zone.name}: {zone.tsig}: {reason}") from None
