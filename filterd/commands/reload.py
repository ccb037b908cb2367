"""`filterd reload`: take the configuration and new lists in, and say what is in force and what needs a restart."""

import argparse
import json
from pathlib import Path
from typing import Any

from filterd.box.errors import MissingPart
from filterd.box.places import CONTROL, control_socket
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.process.json_socket import NoAnswer, ask_blocking, cure_of

EXAMPLE = "filterd reload --config /etc/filterd/filterd.yaml"
TIMEOUT_S = 600.0  # ten million names are compiled before the reply


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")
    parser.add_argument("--json", action="store_true", help="one object with everything")


def run(args: argparse.Namespace) -> int:
    try:
        reply = ask_blocking(control_socket(loaded(args.config).run_dir), CONTROL, {"op": "reload"}, TIMEOUT_S)
    except NoAnswer as reason:
        raise MissingPart(f"control: {reason}; nothing was taken in; {cure_of(reason)}") from reason
    if args.json:
        print(json.dumps(reply))
    else:
        _print(reply)
    return 0 if reply["ok"] and not reply["restart"] and not reply["faults"] else 1


def _print(reply: dict[str, Any]) -> None:
    if not reply["ok"]:
        print(f"not taken in, what was in force stays: {reply['error']}")
        return
    print(f"in force: {', '.join(reply['live']) or 'no key of the configuration has changed'}")
    for role, keys in reply["restart"].items():
        print(f"not in force until {role} is restarted: {', '.join(keys)}")
    for what, fault in reply["faults"].items():
        print(f"{what}: {fault}")
