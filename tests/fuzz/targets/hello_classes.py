"""Any octets are a file of classes: what is taken of it can be counted, the rest is told by line, and nothing raises.

A second reader, which knows no compression and looks at a fingerprint piece by piece, takes the same."""

import atexit
import shutil
import string
import tempfile
from pathlib import Path

from fastpath.report.hello_classes import MAX_CLASSES, OTHER, Ja4Classes
from filterd.commands.roles.packet_gate.ja4_file import MOST_REPORTED, read_ja4_classes
from rules.base.errors import BadList

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))  # of this process, gone with it
atexit.register(shutil.rmtree, FOLDER)
FILE = FOLDER / "ja4.txt"
PACKED = (b"\x1f\x8b", b"\xfd7zXZ\0", b"\xff\xfe", b"\xfe\xff")
VERSIONS = ("13", "12", "11", "10", "s3", "s2", "00")
HEX = set("0123456789abcdef")


def check(data: bytes) -> None:
    FILE.write_bytes(data)
    try:
        said = read_ja4_classes(FILE)
    except BadList as bad:
        assert "; not read; " in str(bad) and str(bad).isprintable()
        return
    classes = Ja4Classes(said.classes)
    assert {ja4: classes.of(ja4) for ja4 in said.classes} == said.classes
    assert len(said.faults) == min(said.n_faults, MOST_REPORTED)
    assert all("; line not used; " in fault and fault.isprintable() for fault in said.faults)
    theirs = second_reading(data)
    if not data.startswith(PACKED) and len(set(theirs.values())) <= MAX_CLASSES:
        assert said.classes == theirs


def second_reading(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        words = line.split(b"#")[0].decode("utf-8", "backslashreplace").split()
        if len(words) == 2 and is_ja4(words[0]) and is_class(words[1]):
            found.setdefault(*words)
    return found


def is_ja4(word: str) -> bool:
    head, *hashes = word.split("_")
    if len(head) != 10 or [len(each) for each in hashes] != [12, 12] or not word.isascii():
        return False
    is_head = head[0] in "tq" and head[1:3] in VERSIONS and head[3] in "di" and head[4:8].isdigit()
    return is_head and head[8:].isalnum() and set("".join(hashes)) <= HEX


def is_class(word: str) -> bool:
    allowed = set(string.ascii_lowercase + string.digits + "-")
    return len(word) <= 32 and set(word) <= allowed and word != OTHER
