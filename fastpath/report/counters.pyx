"""Counters in shared memory: a file of 64-bit words, one writer, any reader.

Words 0..N_COUNTERS-1 are the counters of `NAMES`.  From CONFIDENTIAL_AT on stands one word a list and channel:
blocks of confidential lists are counted there and leave no other trace (semantics §8).  From COUNTED_AT on stands the
same of lists that are only counted: of action SHADOW, what they would have blocked; of the category bypass, what the
gate has met.  They have words of their own, since a list gets another number with a new configuration, and what was let
go may never be taken for a CSAM block.  From CLASSES_AT on stand
the classes of software (hello_classes.pyx), each with its name beside its count, since another file may number them
otherwise.
Invariant: a counter only rises; a worker that comes back goes on where the last one stopped.  Of a class that is so
while the class is there: one that is named again later begins at 0.
"""
import mmap
import os
import struct

from libc.stdint cimport uint64_t

NAMES = (
    "dns_queries", "dns_blocked", "dns_forwarded", "dns_answered", "dns_malformed", "dns_not_a_query",
    "dns_upstream_late", "dns_upstream_lost", "dns_send_failed", "dns_tcp_queries",
    "gate_packets", "gate_hellos", "gate_requests", "gate_blocked", "gate_released", "gate_not_tls", "gate_no_name",
    "gate_malformed", "gate_too_big", "gate_overlap", "gate_flows_evicted", "gate_rst_sent", "gate_pages_sent",
    "gate_queue_overrun", "gate_verdict_failed",
    "no_tables", "events", "events_lost",
    "dns_coalesced", "dns_retried", "dns_probes", "dns_cache_hits", "dns_cache_misses", "dns_stale", "dns_prefetched",
    "dns_inspected", "dns_given_up",
    "dns_tls_queries", "dns_https_queries", "dns_streams_refused", "dns_handshakes_failed", "dns_proxy_refused",
    "dns_tokens_unknown", "dns_https_refused",
    "dns_not_ours", "dns_over_limit", "dns_slipped", "dns_special", "dns_unreadable",
    "dns_forgotten", "dns_tcp_fallbacks", "dns_tcp_failed",
    "gate_ignored", "gate_over_budget", "gate_h2c", "gate_initials", "gate_unreadable",
    "gate_beyond_share", "gate_forgotten", "gate_unknown_quic",
    "gate_address_blocked", "gate_quic_refused", "gate_bypass_seen", "gate_bypass_blocked",
    "gate_shadowed", "tap_frames", "tap_lost", "tap_unreadable",
)
_CLASS = struct.Struct(f"<Q{CLASS_OCTETS}s")
if len(NAMES) != N_COUNTERS:
    raise AssertionError("counters.pxd and NAMES differ")
if len(NAMES) > CONFIDENTIAL_AT:
    raise AssertionError("counters run into those of confidential lists: raise CONFIDENTIAL_AT")


cdef class Counters:
    """The counters file at `path`, made when it is not there; this process is its writer."""

    def __cinit__(self, path: str | os.PathLike[str]):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.ftruncate(descriptor, 8 * COUNTER_WORDS)
            self._map = mmap.mmap(descriptor, 8 * COUNTER_WORDS)
        finally:
            os.close(descriptor)
        self._view = memoryview(self._map)
        self.at = <uint64_t*>&self._view[0]

    def add(self, name: str, by: int = 1) -> None:
        """Count `by` more of `name`, for what happens outside a loop. Raises ValueError for an unknown name."""
        count(self.at, NAMES.index(name), by)

    def values(self) -> dict[str, int]:
        """Every counter by name."""
        return {name: self.at[i] for i, name in enumerate(NAMES)}

    def name_classes(self, names) -> None:
        """Give classes of software their slots, in this order: one that had one keeps its count, another begins at 0.

        names   of 1 to 32 octets, 17 at most; none: nothing is counted by class.   Raises ValueError."""
        classes = [name.encode() for name in names]
        if len(classes) > OTHER_SLOT + 1 + N_CLASSES or any(not 0 < len(name) <= CLASS_OCTETS for name in classes):
            raise ValueError(f"counters: {len(classes)} classes; not named; at most {OTHER_SLOT + 1 + N_CLASSES}, "
                             f"of 1 to {CLASS_OCTETS} octets")
        counted = _by_class(self._map[8 * CLASSES_AT:])
        slots = b"".join(_CLASS.pack(counted.get(name.decode(), 0), name) for name in classes)
        self._map[8 * CLASSES_AT:] = slots.ljust(8 * (COUNTER_WORDS - CLASSES_AT), b"\0")


def read_counters(path: str | os.PathLike[str]) -> dict[str, int]:
    """Every counter of the file at `path`, by name.  Raises OSError, ValueError for a file of another length."""
    words = _words(path)
    return {name: words[i] for i, name in enumerate(NAMES)}


def read_confidential(path: str | os.PathLike[str]) -> dict[tuple[int, int], int]:
    """Blocks of confidential lists: (index of the list, channel) → count, only where it is not 0."""
    return _by_list(_words(path)[CONFIDENTIAL_AT:COUNTED_AT])


def read_counted(path: str | os.PathLike[str]) -> dict[tuple[int, int], int]:
    """What lists in the shadow would have blocked, and lists of ways around have met, in the same form."""
    return _by_list(_words(path)[COUNTED_AT:CLASSES_AT])


def read_classes(path: str | os.PathLike[str]) -> dict[str, int]:
    """Hellos by class of software, in the order of their slots; empty where nothing is counted by class."""
    return _by_class(bytes(_words(path)[CLASSES_AT:COUNTER_WORDS]))


cdef object _by_list(words):
    return {divmod(at, 8): count for at, count in enumerate(words) if count}


cdef object _by_class(octets):
    named = ((name.rstrip(b"\0").decode(), total) for total, name in _CLASS.iter_unpack(octets))
    return {name: total for name, total in named if name}


cdef object _words(path):
    with open(path, "rb") as file:
        data = file.read()
    if len(data) != 8 * COUNTER_WORDS:
        raise ValueError(f"{path}: {len(data)} octets, a counters file has {8 * COUNTER_WORDS}; not read; remove it")
    return memoryview(data).cast("Q")
