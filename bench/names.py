"""Names image at 1.1 and at 10 million names: octets a name, nanoseconds a lookup, seconds to build, ms to open, MiB.

ISP mix: 2 % of the names that are asked for are listed; each is looked up with all its suffixes.
serial   one lookup begins when the one before it has ended, as it is for a single packet
batch    32 at once, as a receive ring hands them over
Goals: 36 octets a name in all sections and 13 in the hot ones; ISP mix at 1.1 million 60 ns serial, 40 ns in batches;
at 10 million 160 and 45 ns; a call from Python 200 ns; 5 ms to open; 1.3 GiB to build 10 million.
The 10 million are the 1.1 million and nine more of each, with other letters: as many, as long, as deep.
"""

import random
import string
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.corpus import N_NAMES
from bench.corpus import names as bench_names
from fastpath.bench.name_lookups import batch_ns, serial_ns
from fastpath.images.image import open_image
from fastpath.images.key_builder import ListSpec
from fastpath.images.layout import ImageKind
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.origins import write_origins
from fastpath.images.tables import TableSet
from fastpath.images.urls import UrlsBuilder
from fastpath.images.verdict import Action, Mode, Tier
from fastpath.wire.name import to_text, to_wire

KEY = bytes(range(16))
N_LARGE = 10_000_000
N_ASKED = 200_000
N_CALLS = 100_000
PASSES = 5
MIXES = (("isp", 0.02), ("hit", 1.0), ("miss", 0.0))


def lists(folds: bool) -> list[ListSpec]:
    return [ListSpec("adult", Tier.CATEGORY, 1, Action.SPLASH, False, folds)]


def write_image(path: Path, wires: Iterable[bytes]) -> dict[str, int]:
    builder = filled(wires, folds=False)
    with path.open("wb") as out:
        return builder.build(out, 1)


def filled(wires: Iterable[bytes], folds: bool) -> NamesBuilder:
    builder = NamesBuilder(KEY, lists(folds))
    for line, wire in enumerate(wires, 1):
        builder.add(wire, 0, Mode.SUBTREE, line=line)
    return builder


def with_other_letters(wires: list[bytes]) -> Iterator[bytes]:
    """Each name nine times, its letters exchanged for others: length octets are no letters."""
    rng = random.Random(5)
    letters = string.ascii_lowercase
    for _ in range(9):
        table = bytes.maketrans(letters.encode(), "".join(rng.sample(letters, len(letters))).encode())
        yield from (wire.translate(table) for wire in wires)


def asked_names(listed: list[bytes], share_listed: float) -> list[bytes]:
    """Names as subscribers ask for them: most are on no list."""
    rng = random.Random(2)
    allowed = [
        to_wire(f"www.site{rng.randrange(10**9)}.{rng.choice(['com', 'net', 'pk', 'org'])}".encode())
        for _ in range(N_ASKED)
    ]
    return [rng.choice(listed) if rng.random() < share_listed else name for name in allowed]


def lookups(tables: TableSet, listed: list[bytes], size: str) -> dict[str, float]:
    found = {}
    for mix, share in MIXES:
        asked = asked_names(listed, share)
        found[f"serial_{mix}_{size}_ns"] = serial_ns(tables, asked, PASSES)[0]
        found[f"batch_{mix}_{size}_ns"] = batch_ns(tables, asked, PASSES)[0]
    return found


def calls(tables: TableSet, listed: list[bytes]) -> dict[str, float]:
    """Nanoseconds of TableSet.matched(), called from Python."""
    found = {}
    for mix, share in MIXES:
        texts = [to_text(wire).encode() for wire in asked_names(listed, share)[:N_CALLS]]
        times = []
        for _ in range(PASSES):
            begin = time.perf_counter_ns()
            for text in texts:
                tables.matched(text)
            times.append((time.perf_counter_ns() - begin) / len(texts))
        found[f"python_call_{mix}_ns"] = min(times)
    return found


def set_with_suffix_loop(listed: set[str], names: list[str]) -> float:
    """The peer: a Python set, asked for every suffix. Nanoseconds a name."""
    begin = time.perf_counter_ns()
    for name in names:
        while name not in listed:
            _, dot, name = name.partition(".")
            if not dot:
                break
    return (time.perf_counter_ns() - begin) / len(names)


def opened(path: Path) -> tuple[TableSet, float]:
    """The image's tables, and the milliseconds of the faster of two openings."""
    times = []
    for _ in range(2):
        begin = time.perf_counter()
        tables = TableSet(open_image(path, ImageKind.NAMES))
        times.append((time.perf_counter() - begin) * 1e3)
    return tables, min(times)


def most_memory_mib() -> float:
    """What this process has held at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def small(folder: Path, wires: list[bytes]) -> dict[str, float]:
    stats = write_image(folder / "names.img", wires)
    begin = time.perf_counter()
    builder = filled(wires, folds=True)
    with (folder / "folded.img").open("wb") as out, (folder / "origins.img").open("wb") as origins:
        folded = builder.build(out, 1)
        n_origin_octets = write_origins(origins, 1, builder, UrlsBuilder(KEY, lists(True)))
    folding_s = time.perf_counter() - begin
    del builder
    tables, open_ms = opened(folder / "names.img")
    return {
        "names": stats["names"],
        "hot_octets_a_name": stats["hot_bytes"] / stats["names"],
        "all_octets_a_name": stats["bytes"] / stats["names"],
        "origin_octets_a_rule": n_origin_octets / len(wires),
        "folded": folded["folded"],
        "build_with_folding_and_origins_s": folding_s,
        "open_ms": open_ms,
        **lookups(tables, wires, "1m"),
        **calls(tables, wires),
        "python_set_isp_ns": set_with_suffix_loop(
            {to_text(wire) for wire in wires}, [to_text(wire) for wire in asked_names(wires, 0.02)]
        ),
    }


def large(folder: Path, wires: list[bytes]) -> dict[str, float]:
    path = folder / "large.img"
    begin = time.perf_counter()
    stats = write_image(path, islice(chain(wires, with_other_letters(wires)), N_LARGE))
    build_s = time.perf_counter() - begin
    memory = most_memory_mib()
    tables, open_ms = opened(path)
    sample = list(islice(chain(wires, with_other_letters(wires)), 0, N_LARGE, 50))
    return {
        "names_10m": stats["names"],
        "hot_octets_a_name_10m": stats["hot_bytes"] / stats["names"],
        "all_octets_a_name_10m": stats["bytes"] / stats["names"],
        "build_10m_s": build_s,
        "build_10m_most_memory_mib": memory,
        "open_10m_ms": open_ms,
        **lookups(tables, sample, "10m"),
    }


def figures() -> dict[str, float]:
    wires = [to_wire(name.encode()) for name in bench_names(N_NAMES)]
    with tempfile.TemporaryDirectory() as folder:
        found = large(Path(folder), wires)  # first, so that its memory is not that of the other
        return {**small(Path(folder), wires), **found}


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:34} {value:,.2f}")
