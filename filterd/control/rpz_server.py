"""Serves RPZ zones to other resolvers, from the images that the publisher has put in force.

Invariants: a zone holds what the workers were asked to use, never sooner; no serial stands for the records of two
configurations; zones never delay the images or end the role: where they cannot be served (an address that is missing
yet, a key that cannot be read), that is a fault in the status, and it is tried again.
"""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from dns.zones.rpz_edition import Plan
from dns.zones.served_zone import Rights, ServedZone
from dns.zones.server import ZoneServer
from dns.zones.tsig import Key, read_key
from fastpath.report.counters import Counters
from filterd.box.places import CONTROL, counters_folder
from filterd.config import Config
from filterd.config.schema import RpzZone
from filterd.control.base.context import Context
from filterd.control.publisher import Publisher
from rules.base.canonical import canonical_wire

COUNTERS = "control"  # the file


class ZonePublisher:
    """Serves the zones of the configuration in force.   Made before anything is published

    note   is given the server, and None once it has ended"""

    def __init__(self, context: Context, publisher: Publisher, note: Callable[[ZoneServer | None], None]) -> None:
        self._context, self._publisher, self._note = context, publisher, note
        self._numbered = context.config.rpz, context.config.splash

    async def serve(self) -> None:
        """Serve until cancelled.   Raises OSError, ValueError, CompileFailure where the zones cannot be served."""
        await self._number()
        server = zone_server(self._context.config)
        self._note(server)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(server.run())
                group.create_task(self._follow(server))
        finally:
            self._note(None)

    async def _number(self) -> None:
        """Publish names again where the zones hold something else: secondaries look at the serial alone, and a
        difference from the records of before would lead them to a zone that never was."""
        wanted = self._context.config.rpz, self._context.config.splash
        if wanted != self._numbered:
            await self._publisher.names_changed()
            self._numbered = wanted

    async def _follow(self, server: ZoneServer) -> None:
        published = self._publisher.published
        while True:
            published.clear()
            await server.update(self._publisher.tables)
            await published.wait()


def zone_server(config: Config) -> ZoneServer:
    """The server that the configuration asks for, listening.   Raises OSError, ValueError."""
    zones = [_served(config, zone) for zone in config.rpz.zones]
    counters = counters_folder(config.run_dir, CONTROL)
    counters.mkdir(parents=True, exist_ok=True)
    return ZoneServer(zones, config.rpz.listen, Counters(counters / COUNTERS))


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
