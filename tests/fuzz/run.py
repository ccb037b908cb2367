"""Runs fuzz targets: `python tests/fuzz/run.py --target tls --seconds 60` (no target: all of them).

A target is a module in targets/ with `check(data: bytes) -> None`, its invariant in its first line; its seeds are the
files of corpus/<target>/.  Two engines, half of the time each: our own mutation loop, which needs nothing and knows
what a length field is, and atheris (libFuzzer) where it is installed.  Each runs in a process of its own, so that a
crash of compiled code is found, too, and an input that takes more than MOST_SECONDS or MOST_MEMORY.  What breaks an
invariant is saved as corpus/<target>/found-…: give it a name that is a sentence, and it is replayed by test_corpus.py
for ever.
Exits 1 where anything was found.
"""

import argparse
import hashlib
import importlib
import importlib.util
import mmap
import random
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGETS = HERE / "targets"
CORPUS = HERE / "corpus"
SCRATCH = HERE.parents[1] / "build" / "fuzz"
MOST_OCTETS = 20_000  # a hello or a head may have 64 KiB, of which what is behind the first 16 is more of the same
MOST_SECONDS = 10  # of one input; some milliseconds are usual
MOST_MEMORY = 1 << 30  # octets that a process may have for itself
LENGTH_OCTETS = 4
INTERESTING = (0, 1, 2, 10, 13, 32, 45, 46, 58, 63, 64, 127, 128, 192, 254, 255)

Check = Callable[[bytes], None]


def target_names() -> list[str]:
    return sorted(path.stem for path in TARGETS.glob("*.py"))


def load_check(target: str) -> Check:
    check: Check = importlib.import_module(f"fuzz.targets.{target}").check
    return check


def seeds_of(target: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / target).glob("*")) if path.is_file()]


def iter_mutations(seeds: Sequence[bytes], rng: random.Random) -> Iterator[bytes]:
    """Inputs without end, each some seed changed one to eight times."""
    seeds = seeds or [b""]
    while True:
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            rng.choice(MUTATIONS)(data, rng, rng.choice(seeds))
        yield bytes(data[:MOST_OCTETS])


def _flip(data: bytearray, rng: random.Random, _other: bytes) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(data: bytearray, rng: random.Random, _other: bytes) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.choice((*INTERESTING, rng.randrange(256)))


def _shift_length(data: bytearray, rng: random.Random, _other: bytes) -> None:
    """Add a little to one, two or three octets read as a number: most of them are lengths."""
    width = rng.choice((1, 2, 2, 3))
    if len(data) < width:
        return
    at = rng.randrange(len(data) - width + 1)
    value = int.from_bytes(data[at : at + width], "big") + rng.choice((-2, -1, 1, 2))
    data[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "big")


def _cut(data: bytearray, rng: random.Random, _other: bytes) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _drop(data: bytearray, rng: random.Random, _other: bytes) -> None:
    at = rng.randrange(len(data) + 1)
    del data[at : at + rng.choice((1, 1, 2, 4, 16, 64))]


def _repeat(data: bytearray, rng: random.Random, _other: bytes) -> None:
    at = rng.randrange(len(data) + 1)
    piece = data[at : at + rng.choice((1, 2, 5, 16, 64, 512))]
    data[at:at] = piece * rng.choice((1, 1, 2, 9))


def _insert(data: bytearray, rng: random.Random, _other: bytes) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = bytes(rng.choice(INTERESTING) for _ in range(rng.choice((1, 1, 2, 3, 8))))


def _splice(data: bytearray, rng: random.Random, other: bytes) -> None:
    """Go on as another seed does."""
    data[rng.randrange(len(data) + 1) :] = other[rng.randrange(len(other) + 1) :]


def _graft(data: bytearray, rng: random.Random, other: bytes) -> None:
    """Lay a piece of another seed over a place."""
    start = rng.randrange(len(other) + 1)
    piece = other[start : start + rng.choice((1, 4, 16, 64))]
    at = rng.randrange(len(data) + 1)
    data[at : at + len(piece)] = piece


MUTATIONS = (_flip, _set, _shift_length, _shift_length, _cut, _drop, _repeat, _insert, _splice, _graft)


def run_loop(target: str, seconds: float) -> int:
    """Mutate until the time is over; before each check the input is written where the parent finds it after a crash."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    check = load_check(target)
    seed = time.time_ns()
    end = time.monotonic() + seconds
    with _black_box(target) as box:
        for count, data in enumerate(iter_mutations(seeds_of(target), random.Random(seed))):
            box[: LENGTH_OCTETS + len(data)] = len(data).to_bytes(LENGTH_OCTETS, "big") + data
            signal.alarm(MOST_SECONDS)  # nobody waits for it: it ends the process, wherever that is
            try:
                check(data)
            except Exception:
                traceback.print_exc()
                print(f"{target}: {_save(target, data)}: the invariant does not hold (loop, seed {seed})")
                return 1
            if time.monotonic() >= end:
                print(f"{target}: {count + 1} inputs by the loop; nothing found", flush=True)
                return 0
    raise AssertionError("mutations end")


def run_atheris(target: str, seconds: float) -> int:
    """libFuzzer's mutations; it ends the process itself."""
    import atheris

    with atheris.instrument_imports(include=["fuzz", "rules"]):
        check = load_check(target)
    grown = SCRATCH / target
    grown.mkdir(parents=True, exist_ok=True)
    limits = [
        f"-max_total_time={max(1, round(seconds))}",
        f"-max_len={MOST_OCTETS}",
        f"-timeout={MOST_SECONDS}",
        f"-rss_limit_mb={MOST_MEMORY >> 20}",
        "-verbosity=0",
    ]
    folders = [str(folder) for folder in (grown, CORPUS / target) if folder.is_dir()]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={grown}-", *folders], check)
    atheris.Fuzz()
    return 0


def run_apart(target: str, engine: str, seconds: float) -> bool:
    """Run one engine in a process of its own; say whether the invariant held."""
    command = [sys.executable, __file__, "--engine", engine, "--seconds", str(seconds), target]
    artifacts = set(SCRATCH.glob(f"{target}-*"))
    status = subprocess.run(command, check=False).returncode
    if status == 0:
        print(f"{target}: {engine} held for {seconds:.0f} s", flush=True)
        return True
    for artifact in set(SCRATCH.glob(f"{target}-*")) - artifacts:
        print(f"{target}: {_save(target, artifact.read_bytes())}: the invariant does not hold ({engine})")
    if status < 0 and engine == "loop":
        raw = (SCRATCH / f"{target}.current").read_bytes()
        n = int.from_bytes(raw[:LENGTH_OCTETS], "big")
        print(f"{target}: {_save(target, raw[LENGTH_OCTETS : LENGTH_OCTETS + n])}: died of signal {-status}")
    return False


def _black_box(target: str) -> mmap.mmap:
    SCRATCH.mkdir(parents=True, exist_ok=True)
    path = SCRATCH / f"{target}.current"
    path.write_bytes(bytes(LENGTH_OCTETS + MOST_OCTETS))
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def _save(target: str, data: bytes) -> Path:
    path = CORPUS / target / f"found-{hashlib.sha256(data).hexdigest()[:12]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the parsers.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(target_names())}; none: all")
    parser.add_argument("--target", action="append", default=[], dest="more", help="the same, as an option")
    parser.add_argument("--seconds", type=float, default=60, help="for each target (default 60)")
    parser.add_argument("--engine", choices=("loop", "atheris"), help="only this one, and in this process")
    given = parser.parse_args()
    targets = given.targets + given.more or target_names()
    if unknown := sorted(set(targets) - set(target_names())):
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(target_names())}")
    if given.engine:
        run = run_loop if given.engine == "loop" else run_atheris
        return max(run(target, given.seconds) for target in targets)
    engines = ["loop", "atheris"] if importlib.util.find_spec("atheris") else ["loop"]
    held = [run_apart(target, engine, given.seconds / len(engines)) for target in targets for engine in engines]
    return 0 if all(held) else 1


if __name__ == "__main__":
    # the packages lie beside tests/, and the targets are fuzz.targets
    sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]
    sys.exit(main())
