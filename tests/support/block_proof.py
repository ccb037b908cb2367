"""A store of block records with its tree, signed by a key of the test, and bundles of it."""

import io
from contextlib import ExitStack, closing
from datetime import date
from pathlib import Path
from typing import Any

from support.block_store import drain_all
from support.spool import TIME_NS, block_event, put_segment

from filterd.audit.archive.block_bundle import bundle_of
from filterd.audit.archive.block_tree import BlockTree, SignedCheckpoint
from filterd.audit.block_batches import no_records
from filterd.audit.block_files import compact
from filterd.audit.block_seal import BlockSeal
from mgmt.ledger.block_verifier import Summary, lines_of, verify
from mgmt.ledger.verifier import Defect

S = 10**9
DAY_NS = 86_400 * S
NIGHT_NS = (TIME_NS // DAY_NS + 1) * DAY_NS
FIRST = date(2027, 1, 15)  # of TIME_NS


class Store:
    """Batches, their tree, and what signs it; closed as a context."""

    def __init__(self, folder: Path) -> None:
        self._open = ExitStack()
        self._folder, self.path, self._n = folder, folder / "store", 0
        self.keys = folder / "keys"
        self.keys.mkdir(parents=True, exist_ok=True)
        self.seal = BlockSeal(self.keys, "gw.example")
        (self.path / "batches").mkdir(parents=True, exist_ok=True)
        self.tree = self.opened(self.path)

    def opened(self, folder: Path) -> BlockTree:
        """Another tree, closed with this one."""
        return self._open.enter_context(closing(BlockTree(folder)))

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def drain(self, *events: bytes) -> None:
        """A batch more, of these events."""
        self._n += 1
        put_segment(self._folder / f"spool/dns-{self._n}", 1, *events)
        drain_all(self._folder / "spool", self.path)

    def fill(self, n: int, of: int = 4) -> None:
        """So many batches, the last records of each of the day after."""
        for number in range(n):
            times = [NIGHT_NS - S, NIGHT_NS]
            events = [
                block_event(f"{number}-{at}.test", time_ns=times[2 * at // of], subscriber=at) for at in range(of)
            ]
            self.drain(*events)

    def compact(self) -> None:
        """All batches that there are become files."""
        self.tree.catch_up()
        batches = drain_all(self._folder / "spool", self.path)
        batches.append(no_records(batches.positions))
        compact(self.path)

    def sign(self) -> str | None:
        """The checkpoint of what has come, as control and archive make it between them."""
        self.tree.catch_up()
        return self.sign_tree(self.tree)

    def sign_tree(self, tree: BlockTree) -> str | None:
        signed = self.seal.seal(tree.head(self.seal.signed))
        if signed is None:
            return None
        tree.put_checkpoint(SignedCheckpoint(signed.size, signed.note, signed.vkey))
        return signed.note

    def bundle(self, first: date = date.min, last: date = date.max) -> bytes:
        return b"".join(bundle_of(self.path, self.tree, first, last))


def verified(octets: bytes, **more: Any) -> Summary:
    return verify(lines_of(io.BytesIO(octets)), **more)


def fault(octets: bytes, **more: Any) -> str:
    """What the verifier says; '' where it finds nothing."""
    try:
        verified(octets, **more)
    except Defect as found:
        return str(found)
    return ""
