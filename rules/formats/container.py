"""The container of an Excel workbook, a zip archive, looked at before anything of it is inflated.

Invariants: the directory is small before it is read, the members are few, unencrypted and of one name and place each,
and what they say that they inflate to is little, in sum and compared with what they take; none inflates to more than it
says. An archive inside of the archive is a member like any other: nothing opens it.
Source: APPNOTE.TXT 6.3 §4.3, §4.4.4.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from rules.base.errors import BadList

MAX_MEMBERS = 2_000  # a workbook of 200 sheets with drawings has some 1,000
MAX_DIRECTORY_OCTETS = 2**20  # that zipfile reads at once: 2,000 members of 100 octets and room
MAX_INFLATED_OCTETS = 512 * 2**20  # of all members: two sheets of a million rows
MAX_RATIO = 200  # inflated to stored; sheets reach 10 to 40, DEFLATE's limit is 1,032
RATIO_COUNTS_FROM = 2**20  # octets; below it a ratio says nothing
BLOCK_OCTETS = 2**16

_END = struct.Struct("<4s4H2LH")  # end of central directory; APPNOTE §4.3.16
_END_64_AT = struct.Struct("<4sLQL")  # zip64 locator; §4.3.15
_END_64 = struct.Struct("<4sQ2H2L4Q")  # zip64 end of central directory; §4.3.14
_OLE_MARK = b"\xd0\xcf\x11\xe0"  # .xls, and .xlsx behind a password
_IS_ENCRYPTED = 1  # bit of the flags; §4.4.4


class Container:
    """An open archive."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises BadList for what is no workbook, or would inflate to too much."""
        _check_directory(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError, struct.error) as exc:
            raise bad_workbook("workbook", f"not an Excel workbook ({exc})", "save it as .xlsx or .csv") from None
        self._members = _checked_members(self._zip.infolist())

    def blocks(self, member: str) -> Iterator[bytes]:
        """A member, inflated block by block.   Raises BadList for one that is missing or is damaged."""
        info = self._members.get(member)
        if info is None:
            raise bad_workbook("workbook", f"no member {member!r}", "save it as .xlsx or .csv")
        try:
            # zipfile stops where the member's said length ends, and compares the CRC there
            with self._zip.open(info) as file:
                while block := file.read(BLOCK_OCTETS):
                    yield block
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as exc:
            raise bad_workbook(member, f"it cannot be inflated ({exc})") from None


def bad_workbook(where: str, found: str, what_to_do: str = "save the workbook again, or as .csv") -> BadList:
    """The complaint about a workbook that is not read."""
    return BadList(f"{where}: {found}; not read; {what_to_do}")


def _check_directory(file: BinaryIO) -> None:
    """Refuse a container whose directory zipfile would need much memory for."""
    file.seek(0)
    start = file.read(4)
    if start == _OLE_MARK:
        raise bad_workbook("workbook", "an old Excel file, or a password", "save it as .xlsx without a password")
    n_octets = file.seek(0, 2)
    tail_at = max(n_octets - 2**16 - _END.size, 0)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if not start.startswith(b"PK") or at < 0 or len(tail) - at < _END.size:
        raise bad_workbook("workbook", "not an Excel workbook, or half of one", "save it as .xlsx or .csv")
    _mark, _disk, _disk_2, _here, n_members, directory_octets, _at, _comment = _END.unpack_from(tail, at)
    locator = tail[max(at - _END_64_AT.size, 0) : at]
    if locator.startswith(b"PK\x06\x07") and len(locator) == _END_64_AT.size:
        file.seek(min(_END_64_AT.unpack(locator)[2], n_octets))
        end = file.read(_END_64.size)
        if len(end) < _END_64.size or not end.startswith(b"PK\x06\x06"):
            raise bad_workbook("workbook", "a damaged directory", "save it again")
        n_members, directory_octets = _END_64.unpack(end)[7:9]
    if n_members > MAX_MEMBERS or directory_octets > MAX_DIRECTORY_OCTETS:
        raise bad_workbook("workbook", f"more than {MAX_MEMBERS:,} members", "save it as .csv")
    file.seek(0)


def _checked_members(members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The members by name.   Raises BadList for what must not be inflated."""
    by_name = {member.filename: member for member in members}
    faults: tuple[tuple[bool, str], ...] = (
        (len(members) > MAX_MEMBERS, f"more than {MAX_MEMBERS:,} members"),
        (len(by_name) < len(members), "two members of one name"),
        (len({member.header_offset for member in members}) < len(members), "two members in one place"),
        (any(member.flag_bits & _IS_ENCRYPTED for member in members), "a password"),
        (
            any(m.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for m in members),
            "unsupported compression",
        ),
        (
            sum(member.file_size for member in members) > MAX_INFLATED_OCTETS,
            f"more than {MAX_INFLATED_OCTETS >> 20} MiB when inflated",
        ),
        (any(_is_bomb(member) for member in members), f"a member that inflates more than {MAX_RATIO}-fold"),
    )
    for is_so, found in faults:
        if is_so:
            raise bad_workbook("workbook", found, "save it as .csv")
    return by_name


def _is_bomb(member: zipfile.ZipInfo) -> bool:
    return member.file_size > max(RATIO_COUNTS_FROM, MAX_RATIO * member.compress_size)
