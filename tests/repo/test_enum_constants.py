"""Members of C enums fit an int: one that does not changes the type of all others, by compiler.

From gcc 13 on, one member past INT_MAX makes every member of its enum unsigned (as C23 has it), and a comparison with
a negative number then says the opposite.  Such a constant is a typed macro: see fastpath/gate/unfinished.pyx.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

INT_MAX = (1 << 31) - 1
MEMBER = re.compile(r"^\s+(\w+)\s*=\s*([^#\n]+)", re.M)
BLOCK = re.compile(r"^(?:cdef|cpdef|ctypedef) enum[^\n]*:\n((?:[ \t]+[^\n]*\n|\s*\n)+)", re.M)
NUMBERS_ALONE = re.compile(r"[0-9a-fA-FxX\s+*/()|&<>-]+")


def members_past_int(text: str) -> Iterator[str]:
    """The members of C enums whose value, where numbers alone say it, is no int."""
    for block in BLOCK.finditer(text):
        for name, value in MEMBER.findall(block[1]):
            if NUMBERS_ALONE.fullmatch(value) and not -INT_MAX <= eval(value.replace("//", "/")) <= INT_MAX:
                yield name


def test_no_member_of_an_enum_is_past_what_an_int_holds(root: Path, files: Callable[..., list[Path]]) -> None:
    sources = files(".pyx", ".pxd", under=("fastpath",))

    assert len(sources) > 100
    assert [f"{path}: {name}" for path in sources for name in members_past_int((root / path).read_text())] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cdef enum:\n    A = 1\n    B = 0xffffffff  # of all\n\nX = 0xffffffff\n", ["B"]),
        ("cdef enum Kind:\n    A = 1 << 31\n    B = 1 << 30\n", ["A"]),
        ("cdef enum:\n    A = 0x7fffffff\n    B = OTHER + 1\n", []),
        ('cdef extern from *:\n    const uint32_t A "FD_A"  # 0xffffffff\n', []),
    ],
)
def test_a_member_past_an_int_is_found(text: str, found: list[str]) -> None:
    assert list(members_past_int(text)) == found
