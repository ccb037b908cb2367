"""The images of this box: numbered, written, put in force.  One writer: the control role.

    names        base: compiled lists, and the orders of that moment · delta: what orders have changed since
    urls         the same
    subscribers, policy  see filterd.images.people

Invariants: what the manifest names is whole and belongs together; generations only rise, also over restarts.
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from fastpath.images.image import Image, builder_key_of, open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from filterd.box.keys import make_image_key
from filterd.box.places import IMAGES
from filterd.images.attribution import Attribution
from filterd.images.compile import NamesBase, remembered
from filterd.images.live_delta import LiveDelta
from filterd.images.people import PeopleImages
from rules.base.manifest import (
    MANIFEST,
    Kind,
    Levels,
    claimed_generation,
    doubt_clock,
    image_path,
    prune,
    publish,
    settle,
)

log = logging.getLogger("filterd.images.store")


class ImageStore:
    """Writes and publishes; every method that writes returns once the manifest names the new image."""

    def __init__(self, state_dir: Path) -> None:
        self.directory = state_dir / IMAGES
        self.directory.mkdir(parents=True, exist_ok=True)
        self.manifest = self.directory / MANIFEST
        make_image_key(state_dir)
        self.people = PeopleImages(self.directory)
        self._settling = threading.Lock()

    def compiled(self) -> NamesBase | None:
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

    def open_base(self, compiled: NamesBase) -> TableSet:
        """Names and URLs of a compilation alone.   Raises BadImage, OSError."""
        names = open_image(image_path(self.directory, "names", compiled.generation), ImageKind.NAMES)
        return TableSet(names, urls=open_image(image_path(self.directory, "urls", compiled.generation), ImageKind.URLS))

    def open_attribution(self, compiled: NamesBase) -> Attribution | None:
        """Which lines that base is made of; None where that cannot be read: everything else goes on without it."""
        try:
            path = image_path(self.directory, "origins", compiled.generation)
            return Attribution(path, compiled.report["lists"])
        except (ValueError, OSError) as reason:
            log.warning("%s; explanations name no lines; filterd compile writes them", reason)
            return None

    def publish_names(self, live: LiveDelta) -> None:
        """Put a live delta in force, and its base, where it is not yet; settle() has to follow.

        Raises OSError: nothing has changed then."""
        names, urls = (image_path(self.directory, kind, live.compiled.generation).name for kind in COMPILED)
        key = builder_key_of(self.directory / names)
        with claimed_generation(self.directory, "names") as generation:
            names_delta, urls_delta = (image_path(self.directory, kind, generation) for kind in COMPILED)
            live.write_names(key, names_delta, generation)
            if live.has_urls:
                live.write_urls(key, urls_delta, generation)
        kinds: dict[Kind, Levels] = {
            "names": Levels(names, names_delta.name),
            "urls": Levels(urls, urls_delta.name if live.has_urls else None),
        }
        publish(self.directory, kinds)

    def doubt_clock(self, behind_s: int) -> None:
        """Have every worker read schedules at the time before the clock was set back, too.   0: no more"""
        doubt_clock(self.directory, behind_s)

    def settle(self) -> None:
        """Have what is in force survive a power cut, and remove the images that nothing needs any more.   Any thread"""
        with self._settling:
            prune(self.directory, also=self.people.noted)
            settle(self.directory)


COMPILED: tuple[Kind, ...] = ("names", "urls")
