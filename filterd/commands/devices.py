"""`filterd devices put|list|delete`: manage tokens that identify a line's devices in any network, over the API."""

import argparse
import json
from typing import Any
from urllib.parse import quote

from filterd.client.api_client import add_api_arguments, call
from filterd.verbs import add_verb, add_verbs

EXAMPLE = """filterd devices put 7 ali-phone
filterd devices list 7"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    put = add_verb(
        verbs,
        "put",
        "create a new token for a device; the previous one becomes invalid",
        "filterd devices put 7 ali-phone",
    )
    listed = add_verb(
        verbs, "list", "list the devices of a line; their tokens are not stored", "filterd devices list 7"
    )
    delete = add_verb(verbs, "delete", "revoke the token of a device", "filterd devices delete 7 ali-phone")
    for verb in (put, listed, delete):
        verb.add_argument("id", type=int, metavar="ID", help="of the line")
    for verb in (put, delete):
        verb.add_argument("name", metavar="NAME", help="a name for the device: a-z, 0-9 and '-'")
    for verb in (put, listed, delete):
        add_api_arguments(verb)
        verb.add_argument("--json", action="store_true", help="the API's object")


def run(args: argparse.Namespace) -> int:
    path = f"/v1/subscribers/{args.id}/devices"
    if args.verb == "list":
        found = call(args, "GET", path)
    else:
        method = "PUT" if args.verb == "put" else "DELETE"
        found = call(args, method, f"{path}/{quote(args.name, safe='')}", {} if args.verb == "put" else None)
    print(json.dumps(found) if args.json else "\n".join(_lines(args.verb, found)))
    return 0


def _lines(verb: str, found: dict[str, Any]) -> list[str]:
    who = f"subscriber {found['id']}"
    if verb == "list":
        return [f"{who}: {', '.join(found['devices']) or 'no device has a token'}"]
    if verb == "delete":
        return [f"{who} {found['device']}: token revoked"]
    return [
        f"{who} {found['device']}: {found['token']}; shown once",
        *(f"  DNS over {over.upper()}: {found[over]}" for over in ("tls", "https") if found[over]),
    ]
