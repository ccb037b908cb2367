"""`filterd bench NAME...`: run the benchmarks on this box.  The benchmarks are files of the source tree."""

import argparse
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import filterd
from filterd.box.errors import MissingPart, WrongUse

EXAMPLE = "filterd bench names dns --json"
FOLDER = Path(filterd.__file__).parents[1] / "bench"

# What the command line promises, and what a version needs that does not have it yet.
PROMISED = {
    "names": "the source tree's bench/names.py",
    "urls": "the source tree's bench/urls.py",
    "dns": "the source tree's bench/dns.py",
    "gate": "the source tree's bench/gate.py",
    "quic": "the source tree's bench/quic.py",
    "compile": "the source tree's bench/compile.py",
    "lock": "the source tree's bench/lock.py",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    told = ", ".join(PROMISED)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{told}; default: all")
    parser.add_argument("--json", action="store_true", help='one {"bench","figures"} for each line')


def run(args: argparse.Namespace) -> int:
    if not (FOLDER / "run.py").is_file():
        raise MissingPart(f"{FOLDER}: not there; nothing measured; run this from the source tree")
    runner = runpy.run_path(str(FOLDER / "run.py"))
    there: list[str] = runner["benchmarks"]()
    for name in args.names:
        _require(name, there)
    for name in args.names or there:
        try:
            figures: dict[str, Any] = runner["measure"](name)
        except subprocess.CalledProcessError as reason:
            print(f"bench {name}: ended with exit code {reason.returncode}; not measured; look above", file=sys.stderr)
            return 1
        print(json.dumps({"bench": name, "figures": figures}) if args.json else _lines(name, figures))
    return 0


def _require(name: str, there: list[str]) -> None:
    """Raise if a benchmark cannot be run."""
    if name in there:
        return
    if name in PROMISED:
        raise MissingPart(f"bench {name}: not there; nothing measured; it needs {PROMISED[name]}")
    raise WrongUse(f"bench {name}: no such benchmark here; nothing measured; write {', '.join(there)}")


def _lines(name: str, figures: dict[str, Any]) -> str:
    return "\n".join(f"{name} {key}: {value:,}" for key, value in figures.items())
