"""Names image at 1.1 million names: octets a name, nanoseconds a lookup, milliseconds to open.

ISP mix: 2 % of the names asked for are listed; each allowed name is asked for with all its suffixes.
Goals: ≤ 16 hot octets a name, ≤ 150 ns a lookup, ≤ 50 ms to open, no Python object made in a lookup
(`python_octets`: what a million lookups allocate more than none; 32 are the number that comes back).
"""
import random
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.corpus import N_NAMES
from bench.corpus import names as bench_names
from fastpath.image import open_image
from fastpath.layout import ImageKind
from fastpath.name import to_wire
from fastpath.pack import ListSpec, NamesBuilder
from fastpath.tables import TableSet
from fastpath.verdict import Action, Mode, Tier

N_ASKED = 200_000
ROUNDS = 5


def write_image(path: Path, wires: list[bytes]) -> dict[str, int]:
    builder = NamesBuilder(bytes(range(16)), [ListSpec("orders", Tier.ORDER, 0, Action.SPLASH, False)])
    for wire in wires:
        builder.add(wire, 0, Mode.SUBTREE)
    with path.open("wb") as out:
        return builder.build(out, 1)


def asked_names(listed: list[bytes], share_listed: float) -> list[bytes]:
    """Names as subscribers ask for them: most are on no list."""
    rng = random.Random(2)
    allowed = [to_wire(f"www.site{rng.randrange(10**9)}.{rng.choice(['com', 'net', 'pk', 'org'])}".encode())
               for _ in range(N_ASKED)]
    return [rng.choice(listed) if rng.random() < share_listed else name for name in allowed]


def python_octets(tables: TableSet, asked: list[bytes], rounds: int) -> int:
    """The most that Python's allocator had given out meanwhile."""
    tracemalloc.start()
    tables.measure_lookups(asked, rounds)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def set_with_suffix_loop(listed: set[str], names: list[str]) -> float:
    """The peer: a Python set, asked for every suffix. Nanoseconds a name."""
    begin = time.perf_counter_ns()
    for name in names:
        while name not in listed:
            _, dot, name = name.partition(".")
            if not dot:
                break
    return (time.perf_counter_ns() - begin) / len(names)


def figures() -> dict[str, float]:
    names = list(bench_names(N_NAMES))
    wires = [to_wire(name.encode()) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "names.img"
        begin = time.perf_counter()
        stats = write_image(path, wires)
        build_s = time.perf_counter() - begin
        begin = time.perf_counter()
        tables = TableSet(open_image(path, ImageKind.NAMES))
        open_ms = (time.perf_counter() - begin) * 1e3
        figures_of = {}
        for label, share in (("isp", 0.02), ("hit", 1.0), ("miss", 0.0)):
            asked = asked_names(wires, share)
            tables.measure_lookups(asked, 1)
            figures_of[f"lookup_{label}_ns"] = tables.measure_lookups(asked, ROUNDS) / ROUNDS / len(asked)
            none, many = python_octets(tables, asked, 0), python_octets(tables, asked, ROUNDS)
            figures_of[f"python_octets_{label}"] = many - none
        rng = random.Random(3)
        texts = [
            rng.choice(names) if rng.random() < 0.02 else f"www.site{rng.randrange(10**9)}.com" for _ in range(N_ASKED)
        ]
        figures_of["python_set_isp_ns"] = set_with_suffix_loop(set(names), texts)
        return {
            "names": stats["names"], "hot_octets_a_name": stats["hot_bytes"] / stats["names"],
            "all_octets_a_name": stats["bytes"] / stats["names"], "build_s": build_s, "open_ms": open_ms, **figures_of}


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:22} {value:,.2f}")
