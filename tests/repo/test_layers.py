"""Who may import whom: a table of the six packages and one of fastpath's rooms, over every .py, .pyx, .pxd and .pyi."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

MAY_IMPORT = {
    "fastpath": set[str](),
    "rules": {"fastpath"},
    "parental": {"fastpath", "rules"},
    "dns": {"fastpath", "rules"},
    "mgmt": {"rules", "parental"},
    "filterd": {"fastpath", "rules", "parental", "dns", "mgmt"},
}
# The rooms of fastpath, from below: gate and dns never meet, and what is shipped uses no test double.
FLOORS = (
    {"base"},
    {"wire"},
    {"images"},
    {"report", "people"},
    {"gate", "dns"},
    {"tap"},
    {"testing"},
    {"bench"},
)
IMPORT = re.compile(r"^[ \t]*(?:from|import|cimport)[ \t]+([^#\n]+)", re.MULTILINE)
CIMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(\S+)[ \t]+)?cimport[ \t]+(\S+)", re.MULTILINE)
ROOM = re.compile(r"^[ \t]*(?:from|c?import)[ \t]+fastpath\.(\w+)", re.MULTILINE)
OF_FASTPATH = re.compile(r"^[ \t]*from[ \t]+fastpath[ \t]+c?import[ \t]+(\([^)]*\)|[^#\n]+)", re.MULTILINE)
RELATIVE = re.compile(r"^[ \t]*from[ \t]+\.", re.MULTILINE)

Files = Callable[..., list[Path]]


def imported(text: str) -> set[str]:
    """The top-level names that a source file imports, at the top or inside a function."""
    found: set[str] = set()
    for rest in IMPORT.findall(text):
        source = re.split(r"\s+c?import\b", rest)[0]
        found |= {part.split()[0].split(".")[0] for part in source.split(",") if part.strip()}
    return found


def rooms_used(text: str) -> set[str]:
    """The rooms of fastpath that a source file imports or cimports from."""
    listed = " ".join(OF_FASTPATH.findall(text)).replace("(", " ").replace(")", " ")
    return {*ROOM.findall(text), *(part.split()[0] for part in listed.split(",") if part.strip())}


def too_high(room: str, text: str) -> set[str]:
    """The rooms that a file of `room` may not use: another one of its own floor, and those above."""
    floor = next(number for number, rooms in enumerate(FLOORS) if room in rooms)
    below: set[str] = set().union(*FLOORS[:floor])
    return rooms_used(text) - below - {room}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_lies_below_it(package: str, root: Path, files: Files) -> None:
    allowed = MAY_IMPORT[package] | {package}

    wrong = [
        f"{path}: imports {name}"
        for path in files(".py", ".pyx", ".pxd", ".pyi", under=(package,))
        for name in sorted(imported((root / path).read_text()) & set(MAY_IMPORT) - allowed)
    ]

    assert wrong == []


def test_cython_stays_inside_fastpath(root: Path, files: Files, packages: tuple[str, ...]) -> None:
    outside = [path for path in files(".pyx", ".pxd") if path.parts[0] != "fastpath"]
    foreign = [
        f"{path}: cimports {source or name}"
        for path in files(".pyx", ".pxd", under=("fastpath",))
        for source, name in CIMPORT.findall((root / path).read_text())
        if (source or name).split(".")[0] in set(packages) - {"fastpath"}
    ]

    assert outside == []
    assert foreign == []


def test_a_room_of_fastpath_uses_only_what_lies_below_it(root: Path, files: Files) -> None:
    sources = [path for path in files(".py", ".pyx", ".pxd", ".pyi", under=("fastpath",)) if len(path.parts) > 2]
    texts = {path: (root / path).read_text() for path in sources}

    wrong = [f"{path}: uses {room}" for path in sources for room in sorted(too_high(path.parts[1], texts[path]))]

    assert wrong == []
    assert [str(path) for path in sources if RELATIVE.search(texts[path])] == []
    assert {path.parts[1] for path in sources} == set().union(*FLOORS)


@pytest.mark.parametrize(
    ("room", "line", "rooms"),
    [
        ("base", "from fastpath.wire.name cimport Name", {"wire"}),
        ("wire", "    from fastpath.images import image", {"images"}),
        ("images", "cimport fastpath.report.counters", {"report"}),
        ("gate", "from fastpath.dns.loop import DnsLoop", {"dns"}),
        ("dns", "from fastpath cimport (\n    base,\n    gate,\n)", {"gate"}),
        ("report", "from fastpath import bench as measured  # why", {"bench"}),
        ("testing", "import fastpath.bench.url_lookups", {"bench"}),
        ("gate", "from fastpath.gate.flow cimport Flow\nfrom fastpath.base.cursor cimport OK", set()),
        ("testing", "from fastpath.dns.cache cimport Cache\nfrom fastpath.gate.flow cimport Flow", set()),
        ("base", "# fastpath.gate.loop says why", set()),
    ],
)
def test_a_room_that_is_too_high_is_seen_however_it_is_imported(room: str, line: str, rooms: set[str]) -> None:
    assert too_high(room, line) == rooms


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("import rules", {"rules"}),
        ("    from mgmt.web.app import create_app", {"mgmt"}),
        ("import os, dns.front as front  # why", {"os", "dns"}),
        ("from fastpath.wire.name cimport Name", {"fastpath"}),
        ("cimport fastpath.wire.tls", {"fastpath"}),
        ("'from rules to images'", set()),
    ],
)
def test_the_table_sees_every_way_to_write_an_import(line: str, names: set[str]) -> None:
    assert imported(line) == names
