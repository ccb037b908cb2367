"""`filterd sessions …`: sessions that network access servers reported, and the names by which they call lines."""

import argparse
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from filterd.box.errors import ApiRefusal, MissingPart, WrongUse
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.verbs import add_verb, add_verbs, number

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from filterd.client.name_file import NameRows
    from filterd.process.codec import Message

EXAMPLE = """filterd sessions count
filterd sessions name 7 flat3@isp.example"""

FIRST_LACKING = 20  # lines that a message names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    count = add_verb(verbs, "count", "how many sessions there are, and what was counted", "filterd sessions count")
    who = add_verb(verbs, "who", "which profile has an address by a session", "filterd sessions who 192.0.2.7")
    who.add_argument("address", metavar="ADDRESS")
    places = add_verb(verbs, "places", "how many sessions are in each zone and province", "filterd sessions places")
    for verb in (count, who, places):
        verb.add_argument("--json", action="store_true", help="one object")
    name = add_verb(
        verbs,
        "name",
        "give a line a name: a User-Name, or a Calling-Station-Id",
        "filterd sessions name 7 flat3@isp.example",
    )
    name.add_argument("line", type=number, metavar="LINE")
    name.add_argument("name", type=_sent, metavar="NAME", help="as the NAS sends it, letter for letter")
    unname = add_verb(verbs, "unname", "take a name away", "filterd sessions unname flat3@isp.example")
    unname.add_argument("name", type=_sent, metavar="NAME")
    names = add_verb(verbs, "names", "give many lines their names, all or none", "filterd sessions names names.csv")
    names.add_argument(
        "file",
        metavar="FILE",
        help='CSV without a heading, LINE,NAME; or NDJSON, {"line": 7, "name": "…"}; - for stdin',
    )
    names.add_argument("--format", choices=("csv", "ndjson"), help="default: by the file's name; csv for stdin")
    compact = add_verb(
        verbs,
        "compact",
        "write a snapshot and a base, as the radius role's job",
        "filterd sessions compact --snapshot 2 --base base-9.img",
    )
    compact.add_argument("--snapshot", type=int, required=True, metavar="N")
    compact.add_argument("--base", type=Path, required=True, metavar="FILE")
    for verb in verbs.choices.values():
        verb.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")


def _sent(name: str) -> str:
    """A name that a line can have, for argparse."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("not UTF-8; no line has such a name") from None
    return name


def run(args: argparse.Namespace) -> int:
    if args.verb in ("count", "who", "places"):
        return _ask(args)
    if args.verb == "compact":
        _compact(args)
        return 0
    return _change_names(args)


def _ask(args: argparse.Namespace) -> int:
    from filterd.box.places import RADIUS, radius_socket
    from filterd.process.json_socket import NoAnswer, ask_blocking
    from filterd.radius.messages import AskHolder, AskPlaces, AskSessions

    asked = {"count": AskSessions(), "places": AskPlaces()}
    request = asked[args.verb] if args.verb in asked else AskHolder(args.address)
    try:
        reply = ask_blocking(radius_socket(loaded(args.config).run_dir), RADIUS, request)
    except NoAnswer as reason:
        raise MissingPart(f"radius: {reason}; nothing known; set /radius/listen, and start the role") from reason
    if not reply.pop("ok"):
        raise WrongUse(str(reply["error"]))
    if args.json:
        print(json.dumps(reply))
    else:
        print(_SAID[args.verb](reply))
    return 0 if args.verb in asked or reply["prefix"] else 1


def _counted(reply: "Message") -> str:
    lines = [f"sessions {reply['sessions']}", f"names without a line {reply['unidentified']}"]
    lines += [f"{name} {n}" for name, n in reply["counters"].items() if n]
    return "\n".join(lines + [f"fault {where}: {why}" for where, why in reply["faults"].items()])


def _held(reply: "Message") -> str:
    if not reply["prefix"]:
        return "no session"
    whose = f"profile {reply['profile']}" if reply["profile"] else "no line has the name of its session"
    where = ", ".join(reply[key] for key in ("zone", "province") if reply[key])
    return f"{reply['prefix']}  {whose}" + (f"  in {where}" if where else "")


def _placed(reply: "Message") -> str:
    rows = [(each["province"] or "-", each["zone"] or "-", each["sessions"]) for each in reply["places"]]
    return "\n".join(f"{province:<7} {zone:<24} {n}" for province, zone, n in rows) or "no session"


_SAID = {"count": _counted, "who": _held, "places": _placed}


def _compact(args: argparse.Namespace) -> None:
    import time

    from filterd.box.places import SESSIONS
    from filterd.radius.compaction import compact
    from filterd.radius.nas import NasTable

    config = loaded(args.config)
    oldest_s = int(time.time()) - int(config.radius.replay_window)
    compact(config.state_dir / SESSIONS, args.snapshot, args.base, NasTable(config.radius.nas), oldest_s)


def _change_names(args: argparse.Namespace) -> int:
    if args.verb == "names":
        args.rows = _read_names(args)
    from filterd.process.database.access import opened_for_control
    from parental.store.database import writing
    from parental.store.errors import BadSubscriber, DatabaseFault, NoSubscriber

    try:
        with opened_for_control(loaded(args.config), acts_as="") as engine, writing(engine) as conn:
            _WORK[args.verb](conn, args)
    except DatabaseFault as reason:
        raise MissingPart(f"sessions: nothing done; {reason}") from reason
    except NoSubscriber as reason:
        raise ApiRefusal(str(reason)) from reason
    except BadSubscriber as reason:
        raise WrongUse(str(reason)) from reason
    return 0


def _name(conn: "Connection", args: argparse.Namespace) -> None:
    from parental.policy.line_names import put_name

    put_name(conn, args.name, args.line)


def _unname(conn: "Connection", args: argparse.Namespace) -> None:
    from parental.policy.line_names import drop_name

    if not drop_name(conn, args.name):
        raise ApiRefusal("name: no line has it; nothing done; see how the NAS writes it")


def _names(conn: "Connection", args: argparse.Namespace) -> None:
    from parental.policy.line_names import give_names

    given = give_names(conn, {name: line for name, (line, _) in args.rows.wanted.items()})
    if given.lacking:
        first = ", ".join(map(str, sorted(given.lacking)[:FIRST_LACKING]))
        raise ApiRefusal(
            f"{args.file}: {len(given.lacking)} of its lines do not exist; no name was taken; "
            f"create them first: {first}"
        )
    print(f"{len(args.rows.wanted)} names: {given.new} new, {given.moved} from another line, {given.same} as before")


def _read_names(args: argparse.Namespace) -> "NameRows":
    """Every row of the file, before the database is opened.   Raises WrongUse with the first rows that are bad"""
    from filterd.client.line_file import is_csv_file
    from filterd.client.name_file import read_names

    is_stdin = args.file == "-"
    is_csv = args.format == "csv" if args.format else is_stdin or is_csv_file(Path(args.file))
    with nullcontext(sys.stdin.buffer) if is_stdin else Path(args.file).open("rb") as file:
        rows = read_names(file, is_csv)
    if rows.n_bad:
        said = "\n".join(f"{args.file}:{number}: {why}" for number, why in rows.bad)
        raise WrongUse(f"{said}\n{rows.n_bad:,} rows cannot be taken; no name was taken; correct them")
    return rows


_WORK = {"name": _name, "unname": _unname, "names": _names}
