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
    """How many lists and categories the masks of an image have room for; numbers are below these."""

    LISTS = MAX_LISTS
    CATEGORIES = N_CATEGORIES


cdef str list_id_of(const ListRow* row):
    """The id of a list, without its padding.   Raises UnicodeDecodeError for what is not ASCII."""
    return PyBytes_FromStringAndSize(row.id, LIST_ID_OCTETS).rstrip(b"\0").decode("ascii")
