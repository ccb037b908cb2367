"""Images mapped right before a page that nobody may touch: a read past their end is a crash, in every flavour."""

import ctypes
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from fastpath.images import image

ROOM = 16 * mmap.PAGESIZE
BORDER = 8  # what the widest load is aligned to: the image ends at most seven octets before the page
_PROT_NONE = 0


class GuardedRoom:
    """Stands in for the module mmap: one mapping at a time, a copy of the file at the end of the room."""

    PROT_READ = mmap.PROT_READ

    def __init__(self) -> None:
        arena = mmap.mmap(-1, ROOM + mmap.PAGESIZE)
        self._room = memoryview(arena)
        start = ctypes.addressof(ctypes.c_char.from_buffer(arena))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mprotect(ctypes.c_void_p(start + ROOM), ctypes.c_size_t(mmap.PAGESIZE), _PROT_NONE):
            raise OSError(ctypes.get_errno(), "mprotect")

    def mmap(self, descriptor: int, _length: int, prot: int) -> memoryview:
        octets = os.pread(descriptor, ROOM, 0)
        start = ROOM - len(octets) - -len(octets) % BORDER
        mapped = self._room[start : start + len(octets)]
        mapped[:] = octets
        return mapped.toreadonly()


_ROOM = GuardedRoom()


@contextmanager
def guarded() -> Iterator[None]:
    """open_image() maps into the room; of the images opened here only the last one may be used."""
    with patch.object(image, "mmap", _ROOM):
        yield
