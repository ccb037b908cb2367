"""How long real names take from text to images, by format, and how much memory.

    python bench/compile.py [NAMES]     every format, by default 1.1 million names; then 10 million lines of plain names

One JSON object a line: format, rules, names, folded, seconds of reading alone, seconds in all (of the wall and of the
processor), octets of the image, peak memory.  Each format is compiled in a process of its own, so that the peak is its
own.  A workbook's rows take 40 µs each, whoever reads them; it gets a twentieth of the names.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.corpus import N_NAMES, names
from rules.lists.compiler.compile import compile_sources
from rules.lists.reader import read_source
from rules.lists.source import Source, parse_source

KEY = bytes(range(16))
TEN_TIMES = 10
WORKBOOK_SHARE = 20

LINES: dict[str, Callable[[str], str]] = {
    "plain": lambda name: f"{name}\n",
    "hosts": lambda name: f"0.0.0.0 {name}\n",
    "dnsmasq": lambda name: f"address=/{name}/\n",
    "adblock": lambda name: f"||{name}^\n",
    "rpz": lambda name: f"{name} CNAME .\n",
    "unbound": lambda name: f'local-zone: "{name}" always_nxdomain\n',
    "csv": lambda name: f"1,http://{name}/,Decency,PTA/WA/123/2026,04-08-2026,Block\n",
    "cncpo": lambda name: f";{name};;\n",
}
HEADS = {"csv": "S.No,URL,Category,Letter No,Date,Action\n", "cncpo": "00123;20260804\n"}
ENTRIES: dict[str, Callable[[str], object]] = {
    "certpl": lambda name: {
        "RegisterPositionId": 1,
        "DomainAddress": name,
        "InsertDate": "2026-08-04T10:00:00",
        "DeleteDate": None,
    },
    "stix": lambda name: {"type": "indicator", "pattern_type": "stix", "pattern": f"[domain-name:value = '{name}']"},
    "misp": lambda name: {"type": "domain", "value": name, "to_ids": True, "deleted": False},
    "native": lambda name: {"value": name, "kind": "domain", "scope": "subtree"},
}
AROUND = {
    "certpl": ("[", "]"),
    "stix": ('{"type": "bundle", "id": "bundle--1", "objects": [', "]}"),
    "misp": ('{"Event": {"info": "x", "Attribute": [', "]}}"),
    "native": ('{"format": "cf-list/1", "list_id": "list", "serial": 1, "mode": "full", "add": [', "]}"),
}


def main() -> None:
    """Measure every format."""
    n_names = int(sys.argv[1]) if len(sys.argv) > 1 else N_NAMES
    corpus = list(names(n_names))
    with tempfile.TemporaryDirectory() as folder:
        for path, list_format in lists_of(corpus, Path(folder)):
            print(measured(f"{path},list=list,format={list_format}", list_format), flush=True)
            path.unlink()
        many = Path(folder) / "many.txt"
        many.write_text("".join(f"{name}\n" for name in ten_times(corpus)), encoding="ascii")
        print(measured(f"{many},list=list,format=plain", "plain_ten_times"), flush=True)


def lists_of(corpus: list[str], folder: Path) -> Iterator[tuple[Path, str]]:
    """The corpus written in one format after the other."""
    for list_format, line in LINES.items():
        path = folder / f"list.{list_format}"
        with path.open("w", encoding="ascii") as file:
            file.write(HEADS.get(list_format, ""))
            file.writelines(map(line, corpus))
        yield path, list_format
    for list_format, entry in ENTRIES.items():
        path = folder / f"list.{list_format}"
        with path.open("w", encoding="ascii") as file:
            file.write(AROUND[list_format][0] + json.dumps(entry(corpus[0])))
            file.writelines(",\n" + json.dumps(entry(name)) for name in islice(corpus, 1, None))
            file.write(AROUND[list_format][1])
        yield path, list_format
    write_workbook(folder / "list.xlsx", corpus[::WORKBOOK_SHARE])
    yield folder / "list.xlsx", "xlsx"


def write_workbook(path: Path, corpus: Iterable[str]) -> None:
    """The least that is a workbook: one sheet with one column."""
    main_ns = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    rows = "".join(
        f'<row r="{i}"><c r="A{i}" t="inlineStr"><is><t>{cell}</t></is></c></row>'
        for i, cell in enumerate(["URL", *corpus], 1)
    )
    relation = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
        'Id="rId1" Type="{}" Target="{}"/></Relationships>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="xml" ContentType="application/xml"/></Types>',
        )
        book.writestr("_rels/.rels", relation.format(office + "/officeDocument", "xl/workbook.xml"))
        book.writestr("xl/_rels/workbook.xml.rels", relation.format(office + "/worksheet", "worksheets/sheet1.xml"))
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main_ns}" xmlns:r="{office}"><sheets>'
            '<sheet name="orders" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        book.writestr(
            "xl/worksheets/sheet1.xml", f'<worksheet xmlns="{main_ns}"><sheetData>{rows}</sheetData></worksheet>'
        )


def ten_times(corpus: Iterable[str]) -> Iterator[str]:
    """Ten times as many names, of the same shape, none below one of the others."""
    for name in corpus:
        yield name
        yield from (f"{i}-{name}" for i in range(1, TEN_TIMES))


def measured(source: str, label: str) -> str:
    """One compilation in a process of its own, as its JSON line."""
    command = [sys.executable, "-P", __file__, "--one", source, label]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def measure(source: Source, label: str, folder: Path) -> dict[str, str | int | float]:
    """Compile one list."""
    reading_s = _read(source)
    before_s = time.process_time()
    report = compile_sources([source], folder, KEY, 1)
    return {
        "format": label,
        "rules": report.n_rules,
        "names": report.n_names,
        "folded": report.n_folded,
        "skipped": report.n_skipped,
        "read_s": round(reading_s, 2),
        "compile_s": round(report.seconds, 2),
        "cpu_s": round(time.process_time() - before_s, 2),
        "bytes": report.size_bytes,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def _read(source: Source) -> float:
    """Seconds that reading takes without compiling."""
    began = time.monotonic()
    for _item in read_source(source):
        pass
    return time.monotonic() - began


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(parse_source(sys.argv[2]), sys.argv[3], Path(folder))))
    else:
        main()
