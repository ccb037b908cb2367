"""Has a sealed list read by the process that alone can: a reader of filterd-sealed.socket, or else a child of ours.

As other lists are: filterd.images.lists.reader_client.
Invariants: this process has no key and never what was decrypted; where no reader can be had, the list waits, and what
is in force stays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Final

import msgspec

from filterd.box.places import SEALED_KEY, sealed_socket
from filterd.config import Config
from filterd.config.schema import SEALED_ORDERS
from filterd.images.lists.list_reader import Answer, ReadRequest
from filterd.images.lists.rails import protected_prefixes
from filterd.images.lists.reader_client import Program, asked_of, examined_in, reader_at
from filterd.images.lists.sealed_orders import unpacked
from filterd.images.lists.sealed_reader import DOOR, Digest, DigestAnswer
from filterd.images.lists.watch import released_of, watch_lists_of
from rules.base.errors import BadList
from rules.lists.acceptance import VersionFigures
from rules.lists.compiler.digests import Digests, merged
from rules.lists.compiler.sealed_digests import ProtectionSpec
from rules.lists.source import Source, describe_source

ANSWER_OCTETS: Final = 512 * 2**20  # of the rows of ten million entries, in base64


@dataclass(frozen=True, slots=True)
class SealedReader:
    """Where sealed lists are read.   door  of systemd's socket;   key_folder  of a child's key, without that door"""

    door: Path
    key_folder: Path

    def examine(self, copy: Path, source: Source) -> VersionFigures:
        """What rules.lists.acceptance.examine() finds.   Raises BadList; ReaderFailure; OSError: the list waits."""
        with reader_at(self.door, self._program()) as (connection, how_it_ended):
            answer = asked_of(connection, ReadRequest(replace(source, path=None)), [copy], Answer)
        return examined_in(answer or Answer(failed=f"its reader ended without an answer{how_it_ended()}"))

    def digests(self, copies: Sequence[tuple[Path, Source]], key: bytes, guarded: ProtectionSpec) -> list[Digests]:
        """The digests of each list under the key of an image, read by one reader.   Raises BadList: none exist"""
        request = Digest([replace(source, path=None) for _, source in copies], key)
        try:
            with NamedTemporaryFile() as rails, reader_at(self.door, self._program()) as (connection, how_it_ended):
                rails.write(msgspec.json.encode(guarded))
                rails.flush()
                paths = [*(copy for copy, _ in copies), Path(rails.name)]
                answer = asked_of(connection, request, paths, DigestAnswer, ANSWER_OCTETS)
        except OSError as reason:
            raise BadList(f"list {copies[0][1].id!r}: {reason}") from reason
        if answer is None or len(answer.digests) != len(copies):
            why = (
                f"its reader ended without an answer{how_it_ended()}" if answer is None else answer.bad or answer.failed
            )
            which = 0 if answer is None else min(len(answer.digests), len(copies) - 1)
            raise BadList(f"list {copies[which][1].id!r}: {why}; what is in force stays; see docs/desk/sealed-lists.md")
        return answer.digests

    def measures_missing(self) -> list[str]:
        """The measures of its confinement that this system does not have.   Raises OSError: it has no key."""
        with NamedTemporaryFile() as nothing, reader_at(self.door, self._program()) as (connection, how_it_ended):
            request = ReadRequest(describe_source("probe", None, {"tier": "csam"}))
            answer = asked_of(connection, request, [Path(nothing.name)], Answer)
        if answer is None:
            raise OSError(f"a reader of sealed lists was tried, and ended without an answer{how_it_ended()}")
        return answer.missing

    def _program(self) -> Program:
        return Program(DOOR, "filterd.images.lists.sealed_reader", {"CREDENTIALS_DIRECTORY": str(self.key_folder)})


def sealed_reader_of(config: Config) -> SealedReader:
    """The reader of a box."""
    return SealedReader(sealed_socket(config.run_dir), config.state_dir / SEALED_KEY)


def digests_of(config: Config, sources: Iterable[Source], key: bytes) -> dict[str, Digests]:
    """The digests of each sealed list that has a copy, by id.   key  of the base that they are for.   Raises BadList"""
    chosen = [(source.path, source) for source in sources if source.is_sealed and source.path is not None]
    if not chosen:
        return {}
    reader, said = sealed_reader_of(config), config.protected
    guarded = ProtectionSpec([*said.names], protected_prefixes(config), watch_lists_of(config), released_of(config))
    found = {}
    for copy, source in chosen:
        if source.id == SEALED_ORDERS:
            found[source.id] = _of_orders(reader, source, key, guarded)
        else:
            (found[source.id],) = reader.digests([(copy, source)], key, guarded)
    return found


def _of_orders(reader: SealedReader, source: Source, key: bytes, guarded: ProtectionSpec) -> Digests:
    """The digests of all sealed orders as those of one list, with the counts of each.   Raises BadList"""
    with TemporaryDirectory(prefix="filterd-sealed-orders-") as folder:
        found = unpacked(source, Path(folder))
        each = reader.digests(found.copies, key, guarded)
    return merged(dict(zip(found.numbers, each, strict=True)))
