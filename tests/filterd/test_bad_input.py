"""Lists as they should not be, through the whole room: the last good one stays, what is wrong is said with its place,
and a reader never takes more than 1 GiB.

Each is taken in by `filterd lists take`, as control does it, in a process whose peak memory is looked at; then the
copies are compiled, as control does it, too.
"""

import gzip
import io
import json
import os
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.lists.workbooks import MAIN, archive, table, workbook

from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.wire.name import to_wire
from filterd.config import Config, load
from filterd.images.lists.sources import config_sources, shelf_of
from filterd.images.lists.status import faults_of
from rules.base.canonical import LABEL_TOO_LONG
from rules.base.lines import HAS_DIRECTION_MARK, HAS_NUL, LINE_TOO_LONG
from rules.formats.addresses import FORMULA
from rules.lists.compiler.compile import compile_sources
from rules.lists.compiler.report import CompileReport, render_report
from rules.lists.versions import Version

GIB = 1 << 30
ROOT = Path(__file__).parents[2]
# What a child is charged with begins with what its parent had when it was started: it looks for itself.
MOST_MEMORY = "print('VmHWM', next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
SAID = """
state_dir: state
dns: {{upstreams: ["192.0.2.53:53"]}}
lists: [{{id: pta, tier: order, file: {file}, format: {format}}}]
"""
FORMATS = {"pta.txt": "plain", "pta.txt.gz": "plain", "pta.csv": "csv", "pta.xlsx": "xlsx", "pta.json": "native"}
SHEET = "xl/worksheets/sheet1.xml"
GOOD_NAMES = [f"n{number}.test" for number in range(100)]


class Room:
    """One list in a folder, of which a good version has been taken."""

    def __init__(self, folder: Path, name: str, good: bytes) -> None:
        self.folder, self.file = folder, folder / name
        self.config_file = folder / "f.yaml"
        self.config_file.write_text(SAID.format(file=name, format=FORMATS[name]))
        (folder / "state").mkdir()
        self.put(good)
        self.take()
        assert self.faults() == ""

    @property
    def config(self) -> Config:
        return load(self.config_file)

    def put(self, octets: bytes) -> None:
        """The source delivers something else."""
        self.file.write_bytes(octets)

    def take(self) -> int:
        """Take in what waits; the octets that it took of memory.   A file must have been left alone for a while."""
        an_hour_ago = time.time() - 3600
        os.utime(self.file, (an_hour_ago, an_hour_ago))
        program = f"import sys; from filterd.cli import main; assert main(sys.argv[1:]) == 0; {MOST_MEMORY}"
        _, octets = run_python(program, "lists", "take", "pta", "--config", str(self.config_file))
        return octets

    def faults(self) -> str:
        return faults_of(self.config, time.time()).get("pta", "")

    def compiled(self) -> CompileReport:
        return compile_sources(config_sources(self.config), self.folder, bytes(range(16)), 1)

    def good_copy(self) -> bytes:
        shelf = shelf_of(self.config, self.config.lists[0])
        good = shelf.kept().good
        assert good is not None
        return shelf.copy(good).read_bytes()


def run_python(program: str, *arguments: str) -> tuple[list[str], int]:
    """The words that it printed before MOST_MEMORY, and the octets that it took at most."""
    said = subprocess.run(
        [sys.executable, "-P", "-c", program, *arguments],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ).stdout
    words, _, kibibytes = said.rpartition("VmHWM")
    return words.split(), int(kibibytes) * 1024


def plain(names: list[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def sheet(*rows: tuple[str, str]) -> str:
    return table(("URL", "Letter No"), *rows)


GOOD_BOOK = workbook({"orders": sheet(*((name, "PTA/1") for name in GOOD_NAMES))})
GOOD_CSV = b"URL,Letter No\n" + b"".join(f"http://{name}/,PTA/1\n".encode() for name in GOOD_NAMES)
GOOD_JSON = json.dumps(
    {"format": "cf-list/1", "mode": "full", "add": [{"value": name} for name in GOOD_NAMES]}, indent=1
).encode()


class Case(NamedTuple):
    """What a source delivers after a good list."""

    name: str  # of its file; its suffix says the format
    good: bytes
    bad: Callable[[], bytes]
    says: tuple[str, ...]  # words of the fault: what, and where


def inflating(octets: int, told: int | None = None) -> bytes:
    """A workbook whose sheet inflates to `octets`.   told  what its directory says instead."""
    rows = b"<row><c t='inlineStr'><is><t>n1.test</t></is></c></row>" * 20_000
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        with zipfile.ZipFile(io.BytesIO(GOOD_BOOK)) as good:
            for member in good.namelist():
                if member != SHEET:
                    book.writestr(member, good.read(member))
        with book.open(SHEET, "w", force_zip64=True) as sheet_file:
            sheet_file.write(f'<worksheet xmlns="{MAIN}"><sheetData>'.encode())
            for _ in range(octets // len(rows)):
                sheet_file.write(rows)
            sheet_file.write(b"</sheetData></worksheet>")
        if told is not None:
            book.getinfo(SHEET).file_size = told
    return out.getvalue()


def compressed(line: bytes, octets: int) -> bytes:
    """A gzip file that inflates to `octets` of one line again and again."""
    out, block = io.BytesIO(), line * (2**20 // len(line))
    with gzip.open(out, "wb", compresslevel=1) as file:
        for _ in range(octets // len(block)):
            file.write(block)
    return out.getvalue()


def inside_itself() -> bytes:
    """An archive in an archive, each of a hundredth of what it holds."""
    inner = archive({"zeros": bytes(64 << 20)})
    return archive({"_rels/.rels": b"<x/>", "inner.zip": archive({f"{n}.zip": inner for n in range(16)})})


CASES = {
    "a workbook that inflates to 1 GiB": Case("pta.xlsx", GOOD_BOOK, lambda: inflating(GIB), ("inflate",)),
    "a workbook that says that it inflates to less": Case(
        "pta.xlsx", GOOD_BOOK, lambda: inflating(GIB, told=3 << 20), (SHEET, "it cannot be inflated")
    ),
    "an archive in an archive": Case("pta.xlsx", GOOD_BOOK, inside_itself, ("refused",)),
    "a workbook that is cut in half": Case(
        "pta.xlsx", GOOD_BOOK, lambda: GOOD_BOOK[: len(GOOD_BOOK) // 2], ("not an Excel workbook, or half of one",)
    ),
    "a gzip file that inflates to 1 GiB": Case(
        "pta.txt.gz", gzip.compress(plain(GOOD_NAMES)), lambda: compressed(b"n1.test\n", GIB), ("larger than 256 MiB",)
    ),
    "a gzip file that is cut in half": Case(
        "pta.txt.gz",
        gzip.compress(plain(GOOD_NAMES)),
        lambda: gzip.compress(plain(GOOD_NAMES))[:-40],
        ("ends in the middle of its compression",),
    ),
    "a megabyte of NULs": Case("pta.txt", plain(GOOD_NAMES), lambda: bytes(1 << 20), ("refused",)),
    "lines of NULs": Case("pta.txt", plain(GOOD_NAMES), lambda: b"n1\0.test\n" * 1000, (HAS_NUL,)),
    "a line without end": Case("pta.txt", plain(GOOD_NAMES), lambda: b"n" * (2 << 20), ("line 1", "longer than 1 MiB")),
    "a page": Case(
        "pta.txt",
        plain(GOOD_NAMES),
        lambda: b"\n\n<!DOCTYPE html>\n<title>Sign in</title>\n" * 50,
        ("line 3", "a web page instead of a list"),
    ),
    "a page instead of a table": Case(
        "pta.csv", GOOD_CSV, lambda: b"<html><body>404</body></html>", ("line 1", "a web page instead of a list")
    ),
    "a page instead of JSON": Case("pta.json", GOOD_JSON, lambda: b"<html><body>404</body></html>", ("refused",)),
    "an empty file": Case("pta.txt", plain(GOOD_NAMES), lambda: b"", ("it is empty",)),
    "comments alone": Case("pta.txt", plain(GOOD_NAMES), lambda: b"# back in an hour\n", ("it is empty",)),
    "half of the names": Case("pta.txt", plain(GOOD_NAMES), lambda: plain(GOOD_NAMES)[:450], ("held", "100")),
    "half of a table": Case("pta.csv", GOOD_CSV, lambda: GOOD_CSV[: len(GOOD_CSV) // 2], ("held", "100")),
    "half of the JSON": Case(
        "pta.json", GOOD_JSON, lambda: GOOD_JSON[: len(GOOD_JSON) // 2], ("line ", "ends before the list does")
    ),
    "names that are all too long": Case(
        "pta.txt", plain(GOOD_NAMES), lambda: plain([f"{'x' * 64}{n}.test" for n in range(100)]), (LABEL_TOO_LONG,)
    ),
    "names that are written from right to left": Case(
        "pta.txt",
        plain(GOOD_NAMES),
        lambda: plain([f"n{n}\u202etset.example" for n in range(100)]),
        (HAS_DIRECTION_MARK,),
    ),
    "a table of formulas": Case("pta.csv", GOOD_CSV, lambda: b"URL\n" + b"\"=cmd|' /C calc'!A0\"\n" * 100, (FORMULA,)),
}


@pytest.mark.services
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=name, marks=[pytest.mark.long] if name == "a gzip file that inflates to 1 GiB" else [])
        for name, case in CASES.items()
    ],
)
def test_the_last_good_list_stays_and_what_came_instead_is_said(tmp_path: Path, case: Case) -> None:
    room = Room(tmp_path, case.name, case.good)
    room.put(case.bad())

    octets = room.take()

    told = room.faults()
    assert [word for word in case.says if word not in told] == [], told
    assert "the last good version" in told and told.isprintable()
    assert octets < GIB
    assert room.good_copy() == case.good
    assert room.compiled().n_names == len(GOOD_NAMES)


BAD_LINES = {
    HAS_NUL: b"bad\0.test",
    HAS_DIRECTION_MARK: "bad\u202etset.example".encode(),
    LABEL_TOO_LONG: b"x" * 64 + b".test",
    LINE_TOO_LONG: b"x" * 3000,
}


@pytest.mark.services
@pytest.mark.parametrize("reason", BAD_LINES)
def test_one_bad_line_is_reported_with_its_place_and_costs_no_other(tmp_path: Path, reason: str) -> None:
    room = Room(tmp_path, "pta.txt", plain(GOOD_NAMES))
    room.put(plain(GOOD_NAMES[:50]) + BAD_LINES[reason] + b"\n" + plain(GOOD_NAMES[50:]))

    room.take()

    report = room.compiled()
    assert room.faults() == ""
    assert report.n_names == len(GOOD_NAMES)
    assert report.sources[0].skipped == {reason: 1}
    assert report.sources[0].samples[reason][0].line == 51
    assert f"line 51:{report.sources[0].samples[reason][0].column}" in render_report(report)
    assert all(line.isprintable() for line in render_report(report).splitlines())


@pytest.mark.services
@pytest.mark.parametrize("cell", ["=1+1", '=IMPORTXML("http://bad.test/","//a")', "\u200b=n1.test"])
@pytest.mark.parametrize("name", ["pta.csv", "pta.xlsx"])
def test_a_formula_blocks_nothing_and_is_reported_with_its_row(tmp_path: Path, name: str, cell: str) -> None:
    rows = [(each, "PTA/1") for each in GOOD_NAMES]
    rows.insert(50, (cell, "PTA/1"))
    bad = workbook({"orders": sheet(*rows)}) if name == "pta.xlsx" else csv_of(rows)
    room = Room(tmp_path, name, GOOD_BOOK if name == "pta.xlsx" else GOOD_CSV)
    room.put(bad)

    room.take()

    report = room.compiled()
    assert (report.n_names, report.sources[0].skipped) == (len(GOOD_NAMES), {FORMULA: 1})
    assert report.sources[0].samples[FORMULA][0].line == 52


def csv_of(rows: list[tuple[str, str]]) -> bytes:
    quoted = ['"' + cell.replace('"', '""') + f'",{letter}' for cell, letter in rows]
    return "\n".join(["URL,Letter No", *quoted, ""]).encode()


def junk_lines(n: int) -> Iterator[bytes]:
    """Lines of any octets, some 24 each."""
    draw = random.Random(11)
    block = [draw.randbytes(draw.randrange(1, 40)).replace(b"\n", b"") + b"\n" for _ in range(100_000)]
    for _ in range(n // len(block)):
        yield b"".join(block)


@pytest.mark.long
def test_ten_million_lines_of_junk_are_refused_within_1_gib_and_the_last_good_list_stays(tmp_path: Path) -> None:
    room = Room(tmp_path, "pta.txt", plain(GOOD_NAMES))
    with room.file.open("wb") as file:
        file.writelines(junk_lines(10_000_000))

    octets = room.take()

    assert "line 1" in room.faults() or "lines" in room.faults()
    assert octets < GIB
    assert room.good_copy() == plain(GOOD_NAMES)


@pytest.mark.long
def test_ten_million_lines_of_junk_between_good_ones_are_counted_within_1_gib(tmp_path: Path) -> None:
    room = Room(tmp_path, "pta.txt", plain(GOOD_NAMES))
    good = shelf_of(room.config, room.config.lists[0]).copy(_good(room))
    with good.open("wb") as file:  # as if somebody had said that it is the list
        file.writelines(junk_lines(10_000_000))
        file.write(plain(GOOD_NAMES))
    program = (
        "import sys; from pathlib import Path; from filterd.config import load;"
        "from filterd.images.lists.sources import config_sources;"
        "from rules.lists.compiler.compile import compile_sources;"
        "report = compile_sources(config_sources(load(Path(sys.argv[1]))), Path(sys.argv[2]), bytes(16), 1);"
        f"print(report.n_skipped, report.path); {MOST_MEMORY}"
    )

    said, octets = run_python(program, str(room.config_file), str(tmp_path))

    assert int(said[0]) > 9_000_000
    assert octets < GIB
    tables = TableSet(open_image(said[1], ImageKind.NAMES))
    assert all(tables.matches(to_wire(name.encode())) for name in GOOD_NAMES)


def _good(room: Room) -> Version:
    good = shelf_of(room.config, room.config.lists[0]).kept().good
    assert good is not None
    return good
