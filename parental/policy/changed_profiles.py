"""Profiles that changed after a revision, with what they hold, as images have them: a level above others.

The youngest level stays in memory, so that one change more costs what it changes; after a restart it is read again.

Invariants: what it holds is what the database held at `revision`; a released prefix hides what lower levels say of it,
but nothing of a prefix around it that has a holder again.
"""

from collections.abc import Iterator, Set
from datetime import datetime
from ipaddress import ip_network
from typing import BinaryIO

from sqlalchemy import Connection

from fastpath.people.policy_writer import ProfileSpec, pack_policy
from fastpath.people.subscribers_writer import pack_subscribers
from parental.policy.addresses import released_since
from parental.policy.compile import profile_spec
from parental.policy.held import iter_held, iter_tokens
from parental.policy.long_names import has_long_names
from parental.policy.profiles import changed_since, iter_profiles
from parental.policy.subscriber import Network
from parental.store.revision import current_revision


class ChangedProfiles:
    """The profiles that changed after a revision, which add() moves on.   Memory: about 1 KB each.

    shortened  those that had a name which no image has room for, when they were read"""

    def __init__(self, revision: int) -> None:
        self.revision, self.shortened = revision, set[int]()
        self._holders: dict[Network, int | None] = {}  # None: released
        self._profiles: dict[int, ProfileSpec] = {}

    def __len__(self) -> int:
        """Rows that its images have."""
        return max(len(self._holders), len(self._profiles))

    def add(self, conn: Connection, at: datetime) -> None:
        """Take in what has changed since.   conn  one transaction;   at  now

        Raises DatabaseFault: nothing is lost, add() again.
        Cost: some queries, and 20 µs for each profile that changed."""
        since, now = self.revision, current_revision(conn)
        if since == now:
            return
        self._holders.update(dict.fromkeys(released_since(conn, since)))
        numbers = changed_since(conn, since)
        for _, first, length, number in (*iter_held(conn, numbers), *iter_tokens(conn, numbers)):
            self._holders[ip_network((first, length))] = number
        for number, profile in iter_profiles(conn, numbers):
            self._profiles[number] = profile_spec(profile, at)
            if has_long_names(profile.allowed | profile.denied):
                self.shortened.add(number)
        self.revision = now  # last: what could not be read is read the next time

    def write_subscribers(self, out: BinaryIO, generation: int, below: int) -> int:
        """Write who holds which address; returns the image's octets.   below  that of the level it stands on"""
        return pack_subscribers(out, generation, below, self._rows())

    def write_policy(self, out: BinaryIO, generation: int, below: int) -> int:
        """Write the profiles; returns the image's octets.   below  that of the level it stands on"""
        specs = list(dict.fromkeys(self._profiles.values()))
        index_of = {spec: at for at, spec in enumerate(specs)}
        return pack_policy(out, generation, below, specs, [(n, index_of[spec]) for n, spec in self._profiles.items()])

    def _rows(self) -> Iterator[tuple[str, int | None]]:
        taken = {prefix for prefix, holder in self._holders.items() if holder is not None}
        lengths = {(prefix.version, prefix.prefixlen) for prefix in taken}
        for prefix, holder in self._holders.items():
            if holder is not None or not _is_in(prefix, taken, lengths):
                yield str(prefix), holder


def _is_in(prefix: Network, taken: set[Network], lengths: Set[tuple[int, int]]) -> bool:
    """Whether a prefix lies in one of `taken`: the longer one would win in the image, although it is not released."""
    return any(
        prefix.supernet(new_prefix=length) in taken
        for version, length in lengths
        if version == prefix.version and length <= prefix.prefixlen
    )
