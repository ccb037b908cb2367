"""`filterd check-config FILE`: report all faults of a configuration, each with its path and a suggestion."""

import argparse
import sys
from pathlib import Path

from filterd.box.errors import MissingPart
from filterd.config import BadConfig
from filterd.config.accepted import accept
from filterd.config.box_checks import Box, findings
from filterd.config.load import Fault, examine, octets_of

EXAMPLE = """filterd check-config /etc/filterd/filterd.yaml
filterd check-config --strict --base build/root build/root/etc/filterd/filterd.yaml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--strict", action="store_true", help="exit 1 where there is a warning")
    parser.add_argument(
        "--base", type=Path, metavar="DIR", help="its files are below this folder, as for an image of a box"
    )
    parser.add_argument("--accept", action="store_true", help="without a fault: let the roles that start next use it")


def run(args: argparse.Namespace) -> int:
    faults, warnings, said = _examined(args.file, args.base)
    for fault in (*faults, *warnings):
        print(fault, file=sys.stderr)
    if faults:
        print(f"{args.file}: {_counted(len(faults), 'fault')}, {_counted(len(warnings), 'warning')}", file=sys.stderr)
        return 2
    if args.accept:
        _accept(args.file)
    print(f"{args.file}: good; {said}" + (f"; {_counted(len(warnings), 'warning')}" if warnings else ""))
    return 1 if warnings and args.strict else 0


def _examined(file: Path, base: Path | None) -> tuple[list[Fault], list[Fault], str]:
    """(faults, warnings, what the configuration asks for), all of them in the order of the file."""
    try:
        examined = examine(octets_of(file), str(file), file.parent.absolute())
    except BadConfig as bad:  # no YAML: nothing can be said of its keys
        return bad.faults, [], ""
    of_box, warnings = findings(examined, str(file), Box(base and base.absolute()))
    faults = sorted([*examined.faults, *of_box], key=lambda fault: fault.line)
    warnings += examined.warnings
    return faults, sorted(warnings, key=lambda fault: fault.line), "" if faults else examined.said()


def _accept(file: Path) -> None:
    try:
        accept(file)
    except OSError as reason:
        raise MissingPart(
            f"{reason.filename}: {reason.strerror}; not accepted; run as the control role's account"
        ) from reason


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
