"""The configuration of a running worker: what it was started with, and what of a newer one it can take as it runs.

Invariants: what only a restart changes stays as it was; what cannot be taken changes nothing.
"""

from collections.abc import Callable
from pathlib import Path

from filterd.config import Config
from filterd.config.accepted import in_force
from filterd.config.changes import as_far_as_live
from filterd.process.logs import set_log_level
from filterd.process.worker import Front

FrontOf = Callable[[Config, Config], Front | None]  # running, new → a front for the new; None: the running one will do


class WorkerSetup:
    """The configuration of one worker.   front_of: makes a front for what has changed, and raises where it cannot"""

    def __init__(
        self, role: str, config: Config, source: Path, front_of: FrontOf = lambda _running, _new: None
    ) -> None:
        self._role, self._running, self._source, self._front_of = role, config, source, front_of
        self.digest = ""

    def take(self) -> Front | None:
        """Take the accepted configuration, as far as it can be; a front, where another one is needed.

        Raises OSError, ValueError: then all is as it was."""
        found = in_force(self._source)
        wanted = as_far_as_live(self._role, self._running, found.config)
        front = self._front_of(self._running, wanted)
        if wanted.log_level != self._running.log_level:
            set_log_level(wanted.log_level)
        self._running, self.digest = wanted, found.digest
        return front
