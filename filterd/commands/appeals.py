"""`filterd appeals …`: keys and sealed appeals where the private key is; their list, and the answers, on the box."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from filterd.box.errors import ApiRefusal, MissingPart, WrongUse
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.verbs import add_verb, add_verbs

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from mgmt.registers.appeals.sealed import Appeal
    from mgmt.registers.appeals.store import AppealView

EXAMPLE = """filterd appeals key appeals.key
filterd appeals open --key appeals.key appeal-ABCD2345.bin
filterd appeals answer ABCD2345 unchanged"""
OUTCOMES = ("changed", "unchanged", "passed", "unreadable")
MOST = 2200  # as many as can wait, and some that are answered


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    examples = EXAMPLE.splitlines()
    what = "make a key of appeals, on the machine of who opens them; prints the line for /appeals/key"
    key = add_verb(verbs, "key", what, examples[0])
    key.add_argument("out", type=Path, metavar="OUT", help="where the private key is written; it never goes to a box")
    opened = add_verb(verbs, "open", "print what appeals say; needs no box", examples[1])
    opened.add_argument("--key", type=Path, required=True, metavar="FILE", help="the private key")
    opened.add_argument("files", type=Path, nargs="+", metavar="FILE", help="an attachment, or a whole mail")
    listed = add_verb(verbs, "list", "list appeals: numbers, times and states", "filterd appeals list --json")
    for verb in (opened, listed):
        verb.add_argument("--json", action="store_true", help="objects, one for each line")
    what = "note what the owner of the list has done; what was sealed is forgotten"
    answered = add_verb(verbs, "answer", what, examples[2])
    answered.add_argument("number", metavar="NUMBER", help="of the appeal")
    meaning = "the list was changed, or was not (also where the address is on none); passed on to another authority"
    answered.add_argument("outcome", choices=OUTCOMES, help=f"{meaning}; nothing could be made of it")
    what = "mail appeals that wait; control runs this; exit 1 where one was not taken"
    sent = add_verb(verbs, "deliver", what, "filterd appeals deliver 7")
    sent.add_argument("appeal", nargs="*", type=int, metavar="ROW", help="of the database")
    for verb in (listed, answered, sent):
        verb.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")


def run(args: argparse.Namespace) -> int:
    match args.verb:
        case "key":
            return _make_key(args.out)
        case "open":
            return _open(args)
        case _:
            return _on_the_box(args)


def _make_key(out: Path) -> int:
    from filterd.commands.appeal_key import make_key
    from mgmt.registers.appeals.key_text import key_text

    try:
        print(key_text(make_key(out)))
    except FileExistsError as reason:
        raise WrongUse(f"appeals: {out}: it is there; nothing written; name a new file") from reason
    return 0


def _open(args: argparse.Namespace) -> int:
    from filterd.commands.appeal_key import open_file, read_key
    from mgmt.registers.appeals.sealed import BadSeal

    try:
        key = read_key(args.key)
    except ValueError as reason:
        raise WrongUse(f"appeals: {reason}; nothing opened; name the file of filterd appeals key") from reason
    for path in args.files:
        try:
            print(_told(open_file(path, key), args.json))
        except BadSeal as reason:
            raise ApiRefusal(f"appeals: {path}: {reason}; not opened; ask for the mail once more") from reason
    return 0


def _on_the_box(args: argparse.Namespace) -> int:
    from filterd.process.database.access import opened_for_control
    from parental.store.errors import DatabaseFault
    from parental.store.schema.privileges import CONTROL

    config = loaded(args.config)
    try:
        # No role writes an answer: who may run this owns the database.
        with opened_for_control(config, "" if args.verb == "answer" else CONTROL) as engine:
            if args.verb == "deliver":
                from filterd.control.escalation.appeal_delivery import deliver_all

                return 0 if deliver_all(config, engine, args.appeal) else 1
            return _list(engine, args.json) if args.verb == "list" else _answer(engine, args)
    except DatabaseFault as reason:
        raise MissingPart(f"appeals: {reason}; nothing done; run as control's account, or as root") from reason


def _list(engine: "Engine", as_json: bool) -> int:
    from mgmt.registers.appeals.store import shown
    from parental.store.database import reading

    with reading(engine) as conn:
        for each in shown(conn, MOST):
            print(_line(each, as_json))
    return 0


def _answer(engine: "Engine", args: argparse.Namespace) -> int:
    from mgmt.ledger.event import account
    from mgmt.registers.appeals.store import answer
    from parental.store.database import writing

    try:
        with writing(engine) as conn:
            answer(conn, args.number, args.outcome, datetime.now(UTC), account())
    except LookupError as reason:
        raise ApiRefusal(str(reason)) from reason
    return 0


def _told(appeal: "Appeal", as_json: bool) -> str:
    said = {"address": appeal.address, "contact": appeal.contact, "isp": appeal.isp, "at": appeal.at.isoformat()}
    if as_json:
        return json.dumps(said)
    return "\n".join(f"{name:<9}{_shown(value)}" for name, value in said.items() if value is not None) + "\n"


def _shown(text: str) -> str:
    """A stranger's text for a terminal: what is not printable, as the marks that turn a line around, is escaped."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _line(each: "AppealView", as_json: bool) -> str:
    times = {name: getattr(each, name) for name in ("received", "sent", "answered")}
    said = {name: at.isoformat() for name, at in times.items() if at is not None}
    if as_json:
        return json.dumps({"number": each.number, "state": each.state, "outcome": each.outcome, **said})
    about = ", ".join(f"{name} {at}" for name, at in said.items())
    return f"{each.number}: {each.state}{f' ({each.outcome})' if each.outcome else ''}: {about}"
