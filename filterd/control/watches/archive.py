"""Control's part in the archive: says how it is, and signs its tree of block records.

    how far is the tree? → does it continue what was signed? → signed, in a file of control's → kept by the archive

Invariants: an archive that lies, was set back or has died changes nothing of what is signed; wherever control dies,
what it has signed reaches the archive later.
"""

import asyncio
import socket
import time

from sqlalchemy import Engine

from filterd.audit.archive_client import ArchiveClient
from filterd.audit.block_seal import BlockSeal, put_key
from filterd.box.places import archive_socket, keys_folder
from filterd.config import Config
from mgmt.registers.records.block_archive import ArchiveFailure

START_S = 10  # that the role has to start in
SEAL_S = 60.0  # between two checkpoints


class ArchiveWatch:
    """What control asks of the archive, and the key of its tree."""

    def __init__(self, config: Config, engine: Engine) -> None:
        self._config, self._engine = config, engine
        self._archive = ArchiveClient(config.run_dir)
        self._sealed_s: float | None = None  # when seal() was done last; None: never, or it has failed

    async def wait_for_start(self) -> None:
        """Give the role the time that it has to start in."""
        for _ in range(START_S):
            if archive_socket(self._config.run_dir).exists():
                return
            await asyncio.sleep(1.0)

    async def look(self) -> None:
        """Ask how it is.   Raises OSError for what it says, and where it says nothing"""
        try:
            found = (await self._archive.status()).faults
        except ArchiveFailure as reason:
            raise OSError(str(reason)) from reason
        if found:
            raise OSError("; ".join(f"{where}: {why}" for where, why in found.items()))

    def is_seal_due(self) -> bool:
        """Whether seal() has failed, or was done a while ago."""
        return self._sealed_s is None or time.monotonic() - self._sealed_s >= SEAL_S

    async def seal(self) -> None:
        """Have signed what is not signed yet.   Raises LedgerDamage, OSError, DatabaseFault"""
        began_s, self._sealed_s = time.monotonic(), None
        await self._seal()
        self._sealed_s = began_s

    # ------------------------------------------------------------------------------------------------------------------

    async def _seal(self) -> None:
        folder = keys_folder(self._config.state_dir)
        seal = await asyncio.to_thread(BlockSeal, folder, socket.gethostname())  # another key may have begun meanwhile
        try:
            size = await asyncio.to_thread(lambda: seal.signed)
            head = await self._archive.tree(size)
            if head.size and not size:
                await asyncio.to_thread(put_key, self._engine, seal.vkey)
            signed = await asyncio.to_thread(seal.seal, head)
            if signed is not None:
                await self._archive.keep(signed)
        except ArchiveFailure as reason:
            raise OSError(f"{reason}; what is not signed is in no bundle until then") from reason
