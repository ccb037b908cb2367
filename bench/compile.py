"""How long 1.1 million names take from text to an image, by format, and how much memory.

    python -m bench.compile [NAMES]

One JSON object a line: format, names, seconds of reading alone, seconds in all, bytes, peak memory so far.
"""
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.corpus import N_NAMES, names
from rules.compile import compile_sources, iter_source
from rules.source import Source, describe_source, open_source

KEY = bytes(range(16))

LINES: dict[str, Callable[[str], str]] = {
    "plain": lambda name: f"{name}\n",
    "hosts": lambda name: f"0.0.0.0 {name}\n",
    "rpz": lambda name: f"{name} CNAME .\n",
    "csv": lambda name: f"1,http://{name}/,Decency,PTA/WA/123/2026,04-08-2026,Block\n",
}
HEADS = {"csv": "S.No,URL,Category,Letter No,Date,Action\n"}


def main() -> None:
    """Measure every format."""
    corpus = list(names(int(sys.argv[1]) if len(sys.argv) > 1 else N_NAMES))
    with tempfile.TemporaryDirectory() as directory:
        for list_format in LINES:
            print(json.dumps(measure(list_format, corpus, Path(directory))), flush=True)


def measure(list_format: str, corpus: Iterable[str], directory: Path) -> dict[str, str | int | float]:
    """Compile `corpus` once, written in one format."""
    path = directory / f"list.{list_format}"
    with path.open("w", encoding="ascii") as file:
        file.write(HEADS.get(list_format, ""))
        file.writelines(map(LINES[list_format], corpus))
    source = describe_source("list", path, {"format": list_format})
    reading_s = _read(source, path)
    report = compile_sources([source], directory, KEY, 1)
    return {
        "format": list_format, "rules": report.n_rules, "names": report.n_names, "skipped": report.n_skipped,
        "read_s": round(reading_s, 2), "compile_s": round(report.seconds, 2), "bytes": report.size_bytes,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def _read(source: Source, path: Path) -> float:
    """Seconds that reading takes without compiling."""
    began = time.monotonic()
    with open_source(path) as reading:
        for _item in iter_source(reading.lines, source):
            pass
    return time.monotonic() - began


if __name__ == "__main__":
    main()
