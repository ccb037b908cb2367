"""A million names in filterd and in its peers: nanoseconds a name, octets a name, seconds to load, all in one run.

ISP mix: 2 % of the names asked for are listed or lie below one.  Every figure of Python is one call a name from a plain
loop, with what the peer needs done to the name (reversing it); dnsdist is asked from its own Lua.  `filterd_one` is
such a call, too; `filterd_serial` and `…_batch` ask name after name, or 32 at once, without Python between.  Octets are
what the process grew by, of filterd the whole image.  datrie and hyperscan get 100,000 names: to build a million takes
them minutes.
A peer that is not installed is left out, with a line that says so: `pip install '.[bench]'`, `apt-get install dnsdist`.
Goals: one call from Python ≤ 200 ns, ≤ 36 octets a name in all.
"""

import importlib.util
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.corpus import free_names, names

N_NAMES, N_FEW = 1_000_000, 100_000
N_ASKED = 100_000
SHARE_LISTED = 0.02
FEW = ("datrie", "hyperscan")
MODULES = {
    "set": "builtins",
    "marisa": "marisa_trie",
    "ahocorasick": "ahocorasick",
    "datrie": "datrie",
    "hyperscan": "hyperscan",
    "filterd": "fastpath",
}
DNSDIST = """
setSecurityPollSuffix("")
local function resident()
  for line in io.lines("/proc/self/status") do
    local kib = line:match("^VmRSS:%s+(%d+)")
    if kib then return 1024 * kib end
  end
end
local before, began = resident(), os.clock()
local listed = newSuffixMatchNode()
for line in io.lines("{listed}") do listed:add(line) end
local loaded, grown = os.clock() - began, resident() - before
local asked, n = {{}}, 0
for line in io.lines("{asked}") do asked[#asked + 1] = newDNSName(line) end
began = os.clock()
for i = 1, #asked do if listed:check(asked[i]) then n = n + 1 end end
print(string.format("ns %f load_s %f grown %d hits %d", (os.clock() - began) / #asked * 1e9, loaded, grown, n))
os.exit(0)
"""

Figures = dict[str, float]


def asked_names(listed: Sequence[str]) -> list[str]:
    """As subscribers ask: most are on no list."""
    draw = random.Random(2)
    n_listed = round(N_ASKED * SHARE_LISTED)
    asked = [draw.choice(("", "www.")) + draw.choice(listed) for _ in range(n_listed)]
    asked += free_names(frozenset(listed), N_ASKED - n_listed)
    draw.shuffle(asked)
    return asked


class Measuring:
    """What every peer is measured by: how long it loads and how much it grows, how long the names take."""

    def __init__(self, listed: Path, asked: Path) -> None:
        self.listed = listed
        self.asked = asked.read_text().split()
        self.figures: Figures = {}

    def lines(self) -> Iterator[str]:
        with self.listed.open() as file:
            for line in file:
                yield line[:-1]

    @contextmanager
    def loading(self) -> Iterator[None]:
        before, began = resident_octets(), time.perf_counter()
        yield
        self.figures["load_s"] = time.perf_counter() - began
        self.figures["grown"] = resident_octets() - before

    @contextmanager
    def asking(self, key: str = "ns") -> Iterator[None]:
        began = time.perf_counter_ns()
        yield
        self.figures[key] = (time.perf_counter_ns() - began) / len(self.asked)


def resident_octets() -> int:
    said = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert said is not None
    return int(said[1]) * 1024


def ask_set(measuring: Measuring) -> int:
    hits = 0
    with measuring.loading():
        listed = set(measuring.lines())
    with measuring.asking():
        for name in measuring.asked:
            while name not in listed:
                _, dot, name = name.partition(".")
                if not dot:
                    break
            else:
                hits += 1
    return hits


def ask_marisa(measuring: Measuring) -> int:
    import marisa_trie

    hits = 0
    with measuring.loading():
        prefixes = marisa_trie.Trie(name[::-1] + "." for name in measuring.lines()).prefixes
    with measuring.asking():
        for name in measuring.asked:
            if prefixes(name[::-1] + "."):
                hits += 1
    return hits


def ask_datrie(measuring: Measuring) -> int:
    import datrie

    hits = 0
    with measuring.loading():
        trie = datrie.BaseTrie("-._0123456789abcdefghijklmnopqrstuvwxyz")
        for name in measuring.lines():
            trie[name[::-1] + "."] = 1
    prefixes = trie.prefixes
    with measuring.asking():
        for name in measuring.asked:
            if prefixes(name[::-1] + "."):
                hits += 1
    return hits


def ask_ahocorasick(measuring: Measuring) -> int:
    import ahocorasick

    hits = 0
    with measuring.loading():
        automaton = ahocorasick.Automaton(ahocorasick.STORE_LENGTH)
        for name in measuring.lines():
            automaton.add_word(f".{name}\n")
        automaton.make_automaton()
    look = automaton.iter
    with measuring.asking():
        for name in measuring.asked:
            for _ in look(f".{name}\n"):
                hits += 1
                break
    return hits


def ask_hyperscan(measuring: Measuring) -> int:
    import hyperscan

    hits = 0
    found: list[int] = []
    with measuring.loading():
        literals = [f".{name}\n".encode() for name in measuring.lines()]
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(expressions=literals, ids=list(range(len(literals))), literal=True)
        del literals
    scan, note = database.scan, _noting(found)
    with measuring.asking():
        for name in measuring.asked:
            found.clear()
            scan(f".{name}\n".encode(), match_event_handler=note)
            if found:
                hits += 1
    return hits


def _noting(found: list[int]) -> Callable[..., bool]:
    def note(number: int, *_: object) -> bool:
        found.append(number)
        return False

    return note


def ask_filterd(measuring: Measuring) -> int:
    from bench.names import write_image
    from fastpath.bench.name_lookups import batch_ns, serial_ns
    from fastpath.images.image import open_image
    from fastpath.images.layout import ImageKind
    from fastpath.images.tables import TableSet
    from fastpath.wire.name import to_wire

    hits = 0
    path = measuring.listed.with_suffix(".img")
    began = time.perf_counter()
    write_image(path, [to_wire(name.encode()) for name in measuring.lines()])
    measuring.figures["compile_s"] = time.perf_counter() - began
    with measuring.loading():
        tables = TableSet(open_image(path, ImageKind.NAMES))
    measuring.figures["grown"] = path.stat().st_size
    matched = tables.matched
    asked = [name.encode() for name in measuring.asked]
    with measuring.asking("one_ns"):
        for name in asked:
            if matched(name):
                hits += 1
    wires = [to_wire(name) for name in asked]
    measuring.figures |= {"serial_ns": serial_ns(tables, wires, 5)[0], "batch_ns": batch_ns(tables, wires, 5)[0]}
    return hits


PEERS = {
    "set": ask_set,
    "marisa": ask_marisa,
    "ahocorasick": ask_ahocorasick,
    "datrie": ask_datrie,
    "hyperscan": ask_hyperscan,
    "filterd": ask_filterd,
}


def measure_here(peer: str, listed: Path, asked: Path) -> Figures:
    """Measure one peer in this process, which should be a fresh one."""
    measuring = Measuring(listed, asked)
    hits = PEERS[peer](measuring)
    return measuring.figures | {"hits": hits}


def measure_apart(peer: str, listed: Path, asked: Path) -> Figures:
    argv = [sys.executable, "-P", __file__, peer, str(listed), str(asked)]
    said = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(said))


def measure_dnsdist(listed: Path, asked: Path) -> Figures:
    config = listed.with_suffix(".lua")
    config.write_text(DNSDIST.format(listed=listed, asked=asked))
    argv = ["dnsdist", "--check-config", "--config", str(config)]
    said = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {key: float(value) for key, value in re.findall(r"(\w+) ([\d.]+)", said)}


def is_here(peer: str) -> bool:
    if peer == "dnsdist":
        return shutil.which("dnsdist") is not None
    return importlib.util.find_spec(MODULES[peer]) is not None


def figures() -> Figures:
    found: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        rooms = {n: Path(folder, str(n)) for n in (N_NAMES, N_FEW)}
        for n, path in rooms.items():
            write_names(n, path)
        for peer in (*PEERS, "dnsdist"):
            if not is_here(peer):
                print(f"bench peers_names: {peer} is not installed; left out", file=sys.stderr)
                continue
            n = N_FEW if peer in FEW else N_NAMES
            measure = measure_dnsdist if peer == "dnsdist" else partial(measure_apart, peer)
            measured = measure(rooms[n], rooms[n].with_suffix(".asked"))
            assert measured.pop("hits") == N_ASKED * SHARE_LISTED, f"{peer} does not find the names that are listed"
            label = f"{peer}_{n // 1000}k" if peer in FEW else peer
            found[f"{label}_octets_a_name"] = measured.pop("grown") / n
            found |= {f"{label}_{key}": value for key, value in measured.items()}
    return found


def write_names(n: int, path: Path) -> None:
    """Write the listed names and, beside them, those that are asked for."""
    listed = list(names(n))
    path.write_text("".join(f"{name}\n" for name in listed))
    path.with_suffix(".asked").write_text("".join(f"{name}\n" for name in asked_names(listed)))


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(measure_here(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))
    else:
        for key, value in figures().items():
            print(f"{key:30} {value:,.2f}")
