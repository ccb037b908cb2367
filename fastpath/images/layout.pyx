"""The image layout for Python: kinds and limits.  See layout.pxd for the bytes."""
from enum import IntEnum

from cpython.bytes cimport PyBytes_FromStringAndSize

MAGIC = b"FLTRDIMG"


class ImageKind(IntEnum):
    """What an image holds; the value stands in its header."""

    NAMES = K_NAMES
    URLS = K_URLS
    SUBSCRIBERS = K_SUBSCRIBERS
    POLICY = K_POLICY
    ORIGINS = K_ORIGINS


class Limit(IntEnum):
    """What an image has room for.

    LISTS, CATEGORIES   in its masks; numbers are below these
    HOUSEHOLD_LABELS    of a household's own name"""

    LISTS = MAX_LISTS
    CATEGORIES = N_CATEGORIES
    HOUSEHOLD_LABELS = HOUSEHOLD_NAME_LABELS


class LockBit(IntEnum):
    """The locks of a profile, as bits of what a closure closes and a grant opens."""

    SCHEDULE = L_SCHEDULE
    QUOTA = L_QUOTA
    CLOSED_UNTIL = L_CLOSED_UNTIL
    PAUSE = L_PAUSE


class RangeHolder(IntEnum):
    """What a range of addresses has in the place of a subscriber; see NOT_HERE and UNASSIGNED of layout.pxd."""

    NOT_HERE = 0xffffffff
    UNASSIGNED = 0xfffffffe


cdef str list_id_of(const ListRow* row):
    """The id of a list, without its padding.   Raises UnicodeDecodeError for what is not ASCII."""
    return PyBytes_FromStringAndSize(row.id, LIST_ID_OCTETS).rstrip(b"\0").decode("ascii")
