"""Runs benchmarks and keeps their figures: one JSON line a benchmark in bench/history/MACHINE.jsonl.

A benchmark is a file of this folder with `figures() -> dict[str, float]`, or one that prints JSON objects when it is
run: what is text in such an object tells its numbers apart (`plain_seconds`).  Units stand in the keys (`lookup_ns`).
Each runs in a process of its own, so that none inherits the memory or the warm caches of another.

    python bench/run.py             all of them
    python bench/run.py names dns   two of them
"""

import ast
import datetime
import json
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
# By path, and with -P: bench/ itself is not on the path, where its dns.py would hide the package.
RUN_ONE = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['figures']()))"


def benchmarks() -> list[str]:
    """Names of the files here that are benchmarks."""
    return [path.stem for path in sorted(HERE.glob("*.py")) if _has_figures(path) or _prints_json(path)]


def _has_figures(path: Path) -> bool:
    parts = ast.parse(path.read_text()).body
    return any(isinstance(part, ast.FunctionDef) and part.name == "figures" for part in parts)


def _prints_json(path: Path) -> bool:
    text = path.read_text()
    return path != Path(__file__) and "json.dumps(" in text and '__name__ == "__main__"' in text


def measure(name: str) -> dict[str, float]:
    """The figures of one benchmark.   Raises CalledProcessError where it fails."""
    path = HERE / f"{name}.py"
    how = ["-c", RUN_ONE] if _has_figures(path) else []
    command = [sys.executable, "-P", *how, str(path)]
    shown = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=HERE.parent).stdout
    found: dict[str, float] = {}
    for line in shown.splitlines():
        if line.startswith("{"):
            found |= _numbers(json.loads(line))
    return found


def _numbers(said: dict[str, float | str]) -> dict[str, float]:
    """The numbers of one object, their keys told apart by its texts."""
    apart = [value for value in said.values() if isinstance(value, str)]
    return {"_".join([*apart, key]): value for key, value in said.items() if not isinstance(value, str)}


def machine() -> str:
    """Host, processor and cores: figures of two machines are never compared."""
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    return f"{cpu.partition(': ')[2] or platform.machine()}, {platform.system()} {platform.release()}"


def commit() -> str:
    """The commit that is measured, with a + where the tree differs from it; empty outside of git."""
    asked = ["git", "-C", str(HERE.parent), "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(asked, capture_output=True, text=True).stdout.strip()


def line_of(name: str, figures: dict[str, float], at: datetime.datetime) -> str:
    return json.dumps(
        {
            "commit": commit(),
            "date": at.isoformat(timespec="seconds"),
            "machine": machine(),
            "command": f"python bench/run.py {name}",
            "figures": figures,
        }
    )


def main(chosen: Sequence[str]) -> int:
    known = benchmarks()
    unknown = set(chosen) - set(known)
    if unknown:
        found = ", ".join(sorted(unknown))
        print(f"bench: no benchmark {found}; nothing run; there are {', '.join(known)}", file=sys.stderr)
        return 2
    history = HERE / "history" / f"{platform.node() or 'machine'}.jsonl"
    history.parent.mkdir(exist_ok=True)
    n_failed = 0
    for name in chosen or known:
        try:
            figures = measure(name)
        except subprocess.CalledProcessError as reason:
            found = f"it ended with {reason.returncode}"
            print(f"bench {name}: {found}; no line written; look at its lines above", file=sys.stderr)
            n_failed += 1
            continue
        with history.open("a") as file:
            file.write(line_of(name, figures, datetime.datetime.now(datetime.UTC)) + "\n")
        for key, value in figures.items():
            print(f"{name:10} {key:40} {value:>14,.6g}")
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
