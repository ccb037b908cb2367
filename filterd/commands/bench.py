"""`filterd bench NAME...`: measure this build on this box.  The benchmarks are files of the source tree."""

import argparse
import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import filterd
from filterd.errors import Missing, WrongUse

EXAMPLE = "filterd bench names dns --json"
FOLDER = Path(filterd.__file__).parents[1] / "bench"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="none: every one there is")
    parser.add_argument("--json", action="store_true", help='{"bench","figures"} a line')


def run(args: argparse.Namespace) -> int:
    if not (FOLDER / "run.py").is_file():
        raise Missing(f"{FOLDER}: not there; nothing measured; run this from the source tree")
    runner = runpy.run_path(str(FOLDER / "run.py"))
    there: list[str] = runner["benchmarks"]()
    unknown = [name for name in args.names if name not in there]
    if unknown:
        raise WrongUse(f"bench {unknown[0]}: no such benchmark here; nothing measured; write {', '.join(there)}")
    for name in args.names or there:
        try:
            figures: dict[str, Any] = runner["measure"](name)
        except subprocess.CalledProcessError as reason:
            print(f"bench {name}: ended with exit code {reason.returncode}; not measured; look above", file=sys.stderr)
            return 1
        print(json.dumps({"bench": name, "figures": figures}) if args.json else _lines(name, figures))
    return 0


def _lines(name: str, figures: dict[str, Any]) -> str:
    return "\n".join(f"{name} {key}: {value:,}" for key, value in figures.items())
