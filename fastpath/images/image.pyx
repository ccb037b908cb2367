"""An image in memory: opened read-only, checked completely, never changed.

Invariants: after open_image() every section lies inside the mapping, on a 64-octet border, and the checksum has covered
the whole file.  The mapping lives as long as the Image; a file replaced by rename stays readable through it.
A file whose writer is not trusted with this process is copied before it is checked, and not mapped: what is cut short
in place would end anyone who reads it (SIGBUS), and what is changed there would be served unchecked.
Absent on purpose: any way to write.  Writers are image_writer.pyx, key_writer.pyx and people/policy_writer.pyx.
"""
import mmap
import os
import stat

import xxhash

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcmp, memcpy

from fastpath.images.layout cimport (
    BASE_GENERATION_AT, CHECKSUM_AT, FLAGS_AT, GENERATION_AT, HEADER_OCTETS, KEY_AT, KEY_OCTETS, KIND_AT, KNOWN_FLAGS,
    LAYOUT_VERSION, LENGTH_AT, MAX_SECTIONS, N_SECTIONS_AT, SEALED, SECTIONS_AT, SECTION_BORDER, SECTION_OCTETS,
    VERSION_AT)

from fastpath.base.foreign_file import open_foreign
from fastpath.images.image_key import NoKey, key_behind
from fastpath.images.layout import MAGIC as _MAGIC

cdef extern from "<sys/mman.h>" nogil:
    void* mapped "mmap"(void* at, size_t n, int prot, int flags, int file, long offset)
    int munmap(void* at, size_t n)
    int madvise(void* at, size_t n, int advice)
    void* MAP_FAILED
    int PROT_READ, PROT_WRITE, MAP_PRIVATE, MAP_ANONYMOUS, MADV_HUGEPAGE

_OTHERS_WRITE = 0o022

cdef enum:
    HUGE_PAGE = 1 << 21
    WORTH_A_COPY = 1 << 18      # 64 pages: fewer stay in the TLB


class BadImage(ValueError):
    """The file is not an image that this program may serve; the message says where and why."""


cdef uint32_t _u32(const uint8_t* at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return value


cdef uint64_t _u64(const uint8_t* at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return value


cdef class Image:
    """One opened image, made by open_image()."""

    cdef const uint8_t* section(self, int index, uint64_t* n) noexcept nogil:
        """Find where section `index` begins, and its length in octets (0: absent)."""
        cdef const uint8_t* row = self.data + SECTIONS_AT + SECTION_OCTETS * index
        n[0] = _u64(row + 8)
        return self.data + _u64(row)

    cdef object warm(self, const void* section, uint64_t n):
        """Copy the `n` octets that every lookup reads first to huge pages; `warmed` is where they then are.

        A mapped file has pages of 4 KiB.  Each TLB miss on one costs a page walk, and two in a virtual machine.
        Without memory for a copy, the mapping is used.  Lines are not copied: one name in 25 reaches them, and all
        workers share them.
        Cost: 0.3 ms/MB, once an image"""
        cdef uint64_t room = (n + HUGE_PAGE - 1) // HUGE_PAGE * HUGE_PAGE
        cdef uint8_t* at
        if self.warmed != NULL:
            return
        self.warmed = <const uint8_t*>section
        if n < WORTH_A_COPY:
            return
        self._copy = mapped(NULL, room + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        if self._copy == MAP_FAILED:
            self._copy = NULL
            return
        self._copy_octets = room + HUGE_PAGE
        at = <uint8_t*>((<uintptr_t>self._copy + HUGE_PAGE - 1) // HUGE_PAGE * HUGE_PAGE)
        madvise(at, room, MADV_HUGEPAGE)
        with nogil:
            memcpy(at, section, n)
        self.warmed = at

    def __dealloc__(self):
        if self._copy != NULL:
            munmap(self._copy, self._copy_octets)

    @property
    def key(self) -> bytes:
        """The 16 octets of the header: the key, or what a sealed image has in its place."""
        return PyBytes_FromStringAndSize(<const char*>self.data + KEY_AT, KEY_OCTETS)

    @property
    def builder_key(self) -> bytes:
        """The key as a builder of a delta takes it.   Raises BadImage where it is sealed and cannot be opened here."""
        return _builder_key(self.path, self.key, self.flags)

    def section_octets(self) -> list[int]:
        """The length of each section in octets, for statistics."""
        cdef uint64_t n
        cdef list found = []
        cdef int i
        for i in range(MAX_SECTIONS):
            self.section(i, &n)
            found.append(n)
        return found


def open_file(path: str | os.PathLike[str], owners: Set[int] | None = None):
    """Open an image or a manifest to read it.   owners  accounts that may have written it; None: any

    Raises BadImage for a file that another account owns or may write; OSError, also for what is no regular file."""
    where = os.fspath(path)
    file = open_foreign(where)
    if owners is not None:
        found = os.fstat(file.fileno())
        if found.st_uid not in owners or found.st_mode & _OTHERS_WRITE:
            file.close()
            raise BadImage(f"{where}: of uid {found.st_uid}, mode {stat.filemode(found.st_mode)}; not opened; only uid "
                           f"{', '.join(map(str, sorted(owners)))} may own it, and no group or other may write it")
    return file


def open_image(path: str | os.PathLike[str], kind: int, known: Iterable[Image | None] = (),
               owners: Set[int] | None = None, most: int | None = None) -> Image:
    """Map the image at `path`, or copy it, and check all of it.

    kind    the ImageKind that is wanted
    known   open images; if one of them is this very file, it is returned and nothing is read
    owners  as open_file() takes them
    most    octets that it may have; then it is copied, as another role may change or cut the file at any time
    Raises BadImage for anything but an undamaged image of this kind; OSError where the file cannot be read.
    Cost: one pass of xxh3 over the file, about 10 GB/s."""
    cdef Image image
    where = os.fspath(path)
    with open_file(where, owners) as file:
        file_id = _file_id(file.fileno())
        for image in known:
            if image is not None and image.file_id == file_id and image.kind == kind:
                return image
        image = Image.__new__(Image)
        size = file_id[2]
        if size < HEADER_OCTETS:
            raise BadImage(f"{where}: {size} octets are too few for an image; not opened; compile it again")
        if most is None:
            image._map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        else:
            image._map = _copied(where, file, size, most)
    image._view = memoryview(image._map)
    image.data = &image._view[0]
    image.path = where
    image.n_bytes = size
    image.file_id = file_id
    fault = _fault(image, size, kind)
    if fault is not None:
        raise BadImage(f"{where}: {fault}; not opened; compile it again or look at the disk")
    return image


cdef object _copied(str where, file, uint64_t size, uint64_t most):
    """The octets of a file, in memory of our own.   Raises BadImage"""
    if size > most:
        raise BadImage(f"{where}: {size} octets, {most} are the most that is read; not opened; look who writes it")
    copy = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    cdef uint64_t n = 0
    cdef uint64_t more = 1
    with memoryview(copy) as room:
        while more and n < size:
            more = file.readinto(room[n:])
            n += more
    if n < size:
        raise BadImage(f"{where}: cut short while it was read; not opened; look who writes it")
    return copy


def base_generation_of(path: str | os.PathLike[str]) -> int:
    """Read from its header which base the image at `path` is a delta of; 0: it is a base itself.

    Raises BadImage for a file that is not an image; OSError."""
    where = os.fspath(path)
    with open(where, "rb") as file:
        head = file.read(HEADER_OCTETS)
    if len(head) < HEADER_OCTETS or not head.startswith(_MAGIC):
        raise BadImage(f"{where}: it does not begin as an image does; not looked at; compile it again")
    return _u64(<const uint8_t*><const char*>head + BASE_GENERATION_AT)


def builder_key_of(path: str | os.PathLike[str]) -> bytes:
    """Read the key of the image at `path` from its header, as a builder of a delta takes it.

    Raises BadImage; OSError."""
    where = os.fspath(path)
    with open(where, "rb") as file:
        head = file.read(HEADER_OCTETS)
    if len(head) < HEADER_OCTETS or not head.startswith(_MAGIC):
        raise BadImage(f"{where}: it does not begin as an image does; not looked at; compile it again")
    return _builder_key(where, head[KEY_AT : KEY_AT + KEY_OCTETS], _u32(<const uint8_t*><const char*>head + FLAGS_AT))


cdef bytes _builder_key(str where, bytes key, uint32_t flags):
    if not flags & SEALED:
        return key
    try:
        return key_behind(key)
    except NoKey as reason:
        raise BadImage(f"{where}: {reason}; not opened; give this process the key that it was made with") from None


cdef tuple _file_id(int descriptor):
    """The identity of an unchanged file.  A writer of an image makes a new file, or at least changes its time."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


cdef object _fault(Image image, uint64_t size, int kind):
    """What is wrong with the mapped octets, or None."""
    cdef const uint8_t* data = image.data
    cdef bytes magic = _MAGIC
    cdef uint64_t at
    cdef uint64_t n
    cdef int i
    if memcmp(data, <const char*>magic, len(magic)) != 0:
        return "it does not begin as an image does"
    if _u32(data + VERSION_AT) != LAYOUT_VERSION:
        return f"layout {_u32(data + VERSION_AT)}, this program reads {LAYOUT_VERSION}"
    if _u32(data + KIND_AT) != <uint32_t>kind:
        return f"kind {_u32(data + KIND_AT)}, wanted {kind}"
    if _u64(data + LENGTH_AT) != size:
        return f"{size} octets, its header says {_u64(data + LENGTH_AT)}"
    if _u32(data + N_SECTIONS_AT) > MAX_SECTIONS:
        return f"{_u32(data + N_SECTIONS_AT)} sections, at most {MAX_SECTIONS} are known"
    if _u32(data + FLAGS_AT) & ~<uint32_t>KNOWN_FLAGS:      # it would be enforced in part only
        return f"flags {_u32(data + FLAGS_AT):#x}, this program knows {KNOWN_FLAGS:#x}"
    for i in range(MAX_SECTIONS):
        at = _u64(data + SECTIONS_AT + SECTION_OCTETS * i)
        n = _u64(data + SECTIONS_AT + SECTION_OCTETS * i + 8)
        if at % SECTION_BORDER != 0 or at > size or n > size - at:
            return f"section {i} reaches outside the file"
    checksum = xxhash.xxh3_64(memoryview(image._map)[:CHECKSUM_AT])
    checksum.update(memoryview(image._map)[CHECKSUM_AT + 8 :])
    if checksum.intdigest() != _u64(data + CHECKSUM_AT):
        return "checksum differs"
    image.kind = kind
    image.flags = _u32(data + FLAGS_AT)
    image.generation = _u64(data + GENERATION_AT)
    image.base_generation = _u64(data + BASE_GENERATION_AT)
    return None
