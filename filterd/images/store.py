"""The images of this box: numbered, written, put in force.  One writer: the control role.

    names        base: compiled lists, and the orders of that moment · delta: what orders have changed since
    urls         the same
    subscribers  base: all at some revision of the database · delta: those that have changed since
    policy       the same

Invariants: what the manifest names is whole and belongs together; generations only rise, also over restarts.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from fastpath.images.image import Image, builder_key_of, open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from filterd.images.attribution import Attribution
from filterd.images.compile import Compiled, remembered
from filterd.images.live_delta import LiveDelta
from filterd.keys import make_image_key
from filterd.places import IMAGES
from parental.addresses import forget_released
from parental.compile import write_policy_base, write_policy_delta, write_subscribers_base, write_subscribers_delta
from parental.revision import current_revision
from rules.atomic_file import writing_whole
from rules.compiler.manifest import (
    MANIFEST,
    Kind,
    Pair,
    claimed_generation,
    generation_of,
    image_path,
    prune,
    publish,
    read_manifest,
)

CHANGES_OF_A_DELTA = 10_000  # then the bases of subscribers and policy are written again: a delta stays below 1 MiB

log = logging.getLogger("filterd.images.store")


class ImageStore:
    """Writes and publishes; every method that writes returns once the manifest names the new image."""

    def __init__(self, state_dir: Path) -> None:
        self.directory = state_dir / IMAGES
        self.directory.mkdir(parents=True, exist_ok=True)
        self.manifest = self.directory / MANIFEST
        make_image_key(state_dir)
        self._people_revision = 0
        self._has_people_base = False

    def compiled(self) -> Compiled | None:
        """The newest names base, where its file is good and we know what it is made of; None: compile one."""
        known = remembered(self.directory)
        if known is None:
            return None
        try:
            self.open_base(known)
        except (ValueError, OSError) as reason:
            log.warning("%s; compiled again", reason)
            return None
        return known

    def open_tables(self, known: Sequence[Image | None]) -> TableSet:
        """What is in force; of `known` images those that are still are not read again."""
        return TableSet.open(self.manifest, known)

    def open_base(self, compiled: Compiled) -> TableSet:
        """Names and URLs of a compilation alone.   Raises BadImage, OSError."""
        names = open_image(image_path(self.directory, "names", compiled.generation), ImageKind.NAMES)
        return TableSet(names, urls=open_image(image_path(self.directory, "urls", compiled.generation), ImageKind.URLS))

    def open_attribution(self, compiled: Compiled) -> Attribution | None:
        """Which lines that base is made of; None where that cannot be read: everything else goes on without it."""
        try:
            path = image_path(self.directory, "origins", compiled.generation)
            return Attribution(path, compiled.report["lists"])
        except (ValueError, OSError) as reason:
            log.warning("%s; explanations name no lines; filterd compile writes them", reason)
            return None

    def publish_names(self, live: LiveDelta) -> None:
        """Put a live delta in force, and its base, where it is not yet.

        Raises OSError: nothing has changed then."""
        names, urls = (image_path(self.directory, kind, live.compiled.generation).name for kind in COMPILED)
        key = builder_key_of(self.directory / names)
        with claimed_generation(self.directory, "names") as generation:
            names_delta, urls_delta = (image_path(self.directory, kind, generation) for kind in COMPILED)
            live.write_names(key, names_delta, generation)
            if live.has_urls:
                live.write_urls(key, urls_delta, generation)
        pairs: dict[Kind, Pair] = {
            "names": Pair(names, names_delta.name),
            "urls": Pair(urls, urls_delta.name if live.has_urls else None),
        }
        publish(self.directory, pairs)
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
        pairs: dict[Kind, Pair] = {}
        for kind in PEOPLE:
            with claimed_generation(self.directory, kind) as generation:
                path = image_path(self.directory, kind, generation)
                with writing_whole(path) as out:
                    if kind == "policy":
                        write_policy_base(conn, out, generation, at)
                    else:
                        write_subscribers_base(conn, out, generation)
            pairs[kind] = Pair(path.name)
        publish(self.directory, pairs)
        self._people_revision, self._has_people_base = current_revision(conn), True

    def forget_released(self, conn: Connection, up_to_revision: int) -> None:
        """Drop addresses released up to a revision, where the base in force was made later.   conn: may write."""
        forget_released(conn, min(up_to_revision, self._people_revision))

    # ------------------------------------------------------------------------------------------------------------------

    def _publish_people_deltas(self, conn: Connection, at: datetime) -> None:
        since, manifest = self._people_revision, read_manifest(self.directory)
        pairs: dict[Kind, Pair] = {}
        for kind in PEOPLE:
            base = manifest.pair(kind).base
            with claimed_generation(self.directory, kind) as generation:
                path = image_path(self.directory, kind, generation)
                with writing_whole(path) as out:
                    if kind == "policy":
                        write_policy_delta(conn, out, generation, generation_of(base), since, at)
                    else:
                        write_subscribers_delta(conn, out, generation, generation_of(base), since)
            pairs[kind] = Pair(base, path.name)
        publish(self.directory, pairs)


COMPILED: tuple[Kind, ...] = ("names", "urls")
PEOPLE: tuple[Kind, ...] = ("subscribers", "policy")
