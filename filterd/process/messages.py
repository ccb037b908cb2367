"""Messages of worker.sock: what control asks of a worker, and what the worker replies."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from filterd.process.codec import Requests
from rules.base.manifest import MANIFEST

Generations = dict[str, tuple[int, int]]  # kind of image → (base, delta)


class Status(Struct, frozen=True, tag_field="op", tag="status"):
    """What do you serve, and what have you counted?   Also a request of control.sock."""


class Use(Struct, frozen=True, tag_field="op", tag="use"):
    """Serve the images that a manifest names.   manifest  a file of the folder of images, which the worker knows"""

    manifest: Annotated[str, Meta(pattern=r"^[a-z0-9-]+\.json$")] = MANIFEST


class Configure(Struct, frozen=True, tag_field="op", tag="configure"):
    """Take the accepted configuration, as far as a running worker can."""


class ConfigDigest(Struct, frozen=True):
    """Reply to Configure: this is in force.   digest: of the file"""

    digest: str


class InUse(Struct, frozen=True):
    """Reply to Use: the loop serves these."""

    generations: Generations


class WorkerStatus(Struct, frozen=True, kw_only=True):
    """Reply to Status.

    A worker that does not reply has a status, too: control fills in `name` and `refused` and leaves the rest out."""

    ok: bool | UnsetType = True
    name: str
    pid: int | UnsetType = UNSET
    starts: int | UnsetType = UNSET  # so far, since this box began: more than 1 means restarts
    generations: Generations
    refused: str | None  # why the newest images were not taken, or why there is no reply
    sessions: int | UnsetType = UNSET  # generation of the newest image of sessions
    counters: dict[str, int]
    ja4_classes: dict[str, int] | UnsetType = UNSET
    upstreams: dict[str, bool] | UnsetType = UNSET  # whether each answers
    connections: dict[str, int] | UnsetType = UNSET  # open now, by transport


WORKER_REQUESTS = Requests((Status, Use, Configure))
