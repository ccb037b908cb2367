"""The images of this box: numbered, written, put in force.  One writer: the control role.

    names        base: compiled lists · delta: every order in force
    subscribers  base: everybody at some revision of the database · delta: who has changed since
    policy       the same

Invariants: what the manifest names is whole and belongs together; generations only rise, also over restarts.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from fastpath.image import open_image
from fastpath.layout import ImageKind
from fastpath.tables import TableSet
from filterd.compiling import Compiled, remembered
from filterd.keys import image_key
from filterd.sources import ORDERS_LIST
from parental.compile import write_policy_base, write_policy_delta, write_subscribers_base, write_subscribers_delta
from parental.store import current_revision, forget_released
from rules.delta import Changed, Entry, add_entries, write_delta
from rules.publish import (
    MANIFEST,
    Kind,
    image_path,
    next_generation,
    prune,
    publish_base,
    publish_delta,
    read_manifest,
)
from rules.whole import writing_whole

CHANGES_OF_A_DELTA = 10_000  # then the bases of subscribers and policy are written anew: a delta stays below 1 MiB

log = logging.getLogger("filterd.images")

OrderEntry = tuple[bytes, int, int]  # canonical wire name, Mode, number of the order


class ImageStore:
    """Writes and publishes; every method that writes returns once the manifest names the new image."""

    def __init__(self, state_dir: Path) -> None:
        self.directory = state_dir / "images"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.manifest = self.directory / MANIFEST
        self._key = image_key(state_dir)
        self._people_revision = 0
        self._has_people_base = False

    def compiled(self) -> Compiled | None:
        """The newest names base, where its file is good and we know what it is made of; None: compile one."""
        known = remembered(self.directory)
        if known is None:
            return None
        try:
            open_image(image_path(self.directory, "names", known.generation), ImageKind.NAMES)
        except (ValueError, OSError) as reason:
            log.warning("%s; compiled again", reason)
            return None
        return known

    def publish_names(self, compiled: Compiled, orders: Iterable[OrderEntry]) -> None:
        """Put a base in force, with the orders as its delta.   Raises BadImage, OSError: nothing has changed then."""
        base = image_path(self.directory, "names", compiled.generation)
        delta = self._write_orders(compiled, orders)
        publish_base(self.directory, "names", base, delta)
        prune(self.directory)

    def publish_orders(self, compiled: Compiled, orders: Iterable[OrderEntry]) -> None:
        """Put the orders in force, on the base that is."""
        publish_delta(self.directory, "names", self._write_orders(compiled, orders))
        prune(self.directory)

    def publish_people(self, conn: Connection, at: datetime) -> None:
        """Put subscribers and policy in force as of `at`.   conn: one transaction, so that both are of one moment."""
        changes = current_revision(conn) - self._people_revision
        if self._has_people_base and changes <= CHANGES_OF_A_DELTA:
            self._publish_people_deltas(conn, at)
        else:
            self.publish_people_bases(conn, at)
        prune(self.directory)

    def publish_people_bases(self, conn: Connection, at: datetime) -> None:
        """The same as new bases.   Once a day: a policy image knows only the next two turns of a zone's clocks."""
        for kind in PEOPLE:
            path, generation = self._next(kind)
            with writing_whole(path) as out:
                if kind == "policy":
                    write_policy_base(conn, out, generation, at)
                else:
                    write_subscribers_base(conn, out, generation)
            publish_base(self.directory, kind, path)
        self._people_revision, self._has_people_base = current_revision(conn), True

    def forget_released(self, conn: Connection) -> None:
        """Drop what only an older base needed to be told.   conn: a transaction that may write."""
        forget_released(conn, self._people_revision)

    # ------------------------------------------------------------------------------------------------------------------

    def _write_orders(self, compiled: Compiled, orders: Iterable[OrderEntry]) -> Path:
        base = TableSet(open_image(image_path(self.directory, "names", compiled.generation), ImageKind.NAMES))
        number = base.list_ids.index(ORDERS_LIST)
        changed: Changed = {}
        entries = ((wire, Entry(number, mode, order=order)) for wire, mode, order in orders)
        add_entries(changed, base.base_entries, entries)
        path, generation = self._next("names")
        write_delta(changed, compiled.lists, self._key, path, generation, compiled.generation)
        return path

    def _publish_people_deltas(self, conn: Connection, at: datetime) -> None:
        since = self._people_revision
        for kind in PEOPLE:
            base = _generation(read_manifest(self.directory).pair(kind).base)
            path, generation = self._next(kind)
            with writing_whole(path) as out:
                if kind == "policy":
                    write_policy_delta(conn, out, generation, base, since, at)
                else:
                    write_subscribers_delta(conn, out, generation, base, since)
            publish_delta(self.directory, kind, path)

    def _next(self, kind: Kind) -> tuple[Path, int]:
        generation = next_generation(self.directory, kind)
        return image_path(self.directory, kind, generation), generation


PEOPLE: tuple[Kind, ...] = ("subscribers", "policy")


def _generation(name: str | None) -> int:
    return int((name or "-0.img").rpartition("-")[2].removesuffix(".img"))
