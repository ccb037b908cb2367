"""What the locks of an instant leave open to an address, and how far the clock is doubted, for control.

Invariants: agrees with decide() at every second, as both read one policy.
"""
import ipaddress

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastpath.images.policy cimport Policy, find_left_open, find_policy
from fastpath.images.subscribers cimport find_subscriber
from fastpath.images.tables cimport TableSet


def left_open(TableSet tables not None, address: str, now_s: int) -> int | None:
    """What a lock leaves open to the client at `address`: bit n for category n; 0: nothing, None: no lock holds."""
    cdef Policy policy
    cdef uint64_t found[2]
    cdef bytes octets = ipaddress.ip_address(address).packed
    cdef uint8_t version = 4 if len(octets) == 4 else 6
    cdef uint32_t subscriber = find_subscriber(tables.tables.subscribers, octets, version)
    find_policy(tables.tables.policy, subscriber, now_s, tables.tables.behind_s, &policy)
    return <object>found[1] << 64 | found[0] if find_left_open(&policy, now_s, found) else None


def behind_s(TableSet tables not None) -> int:
    """Seconds that the clock was set back by, while that is doubted: schedules are read at both times."""
    return tables.tables.behind_s
