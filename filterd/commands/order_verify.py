"""`filterd orders verify`: ask the traffic whether an order holds; on the box, as root."""

import argparse
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from filterd.box.errors import ApiRefusal, MissingPart, WrongUse
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.config import Config
from filterd.verbs import add_verb

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from filterd.commands.verifier.verification import Place
    from mgmt.orders.confirmation.verifications import Verification

EXAMPLE = "filterd orders verify --issuer PTA PTA-2026-17\nfilterd orders verify --watch"
EVERY_S = 1.0  # between two looks for what is new
AGAIN = timedelta(minutes=10)  # an order that was found wanting, or could not be asked
AT_ONCE = 20  # orders of one look
NOT_BLOCKED = "passthru"  # as control explains it
SAID = {
    "verified": "blocked by this box on every channel on which it is asked, and its neighbours are open",
    "open": "something of it is open, or blocked by others",
    "too_wide": "names that it does not hold are blocked by it",
    "incomplete": "something could not be asked",
}


def add_verify(verbs: Any) -> None:
    """The verb and its arguments."""
    verify = add_verb(
        verbs, "verify", "ask the traffic whether an order holds, on the box; exit 1 unless it does", EXAMPLE
    )
    verify.add_argument("ref", nargs="?", metavar="REF|NUMBER", help="of the order; without --issuer its number")
    verify.add_argument("--issuer", help="who gave the order")
    verify.add_argument("--watch", action="store_true", help="each order as it comes in force, until stopped")
    verify.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")
    verify.add_argument("--json", action="store_true", help="one object a line, with every outcome")


def run_verify(args: argparse.Namespace) -> int:
    from filterd.process.database.access import opened_for_control
    from parental.store.errors import DatabaseFault

    if (args.ref is None) != args.watch:
        raise WrongUse("verify: no order; nothing asked; name one, or give --watch")
    config = loaded(args.config)
    place = _place(config)
    try:
        with opened_for_control(config, acts_as="") as engine:
            if args.watch:
                _watch(config, engine, place, as_json=args.json)
            return _verify_one(config, engine, place, args)
    except DatabaseFault as reason:
        raise MissingPart(f"verify: {reason}; nothing asked; run as root") from reason


def _place(config: Config) -> "Place":
    try:
        from filterd.commands.verifier.verification import place_of
    except ModuleNotFoundError as reason:
        raise MissingPart(
            f"verify: {reason.name} is missing; nothing asked; install requirements-verifier.lock"
        ) from reason
    return place_of(config)


def _verify_one(config: Config, engine: "Engine", place: "Place", args: argparse.Namespace) -> int:
    from filterd.commands.order_approvals import find_named
    from parental.store.database import reading

    with reading(engine) as conn:
        number = int(find_named(conn, args.ref, args.issuer).id)
    found = verify_order(config, engine, place, number)
    _show(found, as_json=args.json)
    return 0 if found.state == "verified" else 1


def _watch(config: Config, engine: "Engine", place: "Place", *, as_json: bool) -> None:
    from mgmt.orders.confirmation.verifications import due
    from parental.store.database import reading

    put_off: dict[int, float] = {}  # orders that could not be asked → when they are asked again
    while True:
        put_off = {number: until for number, until in put_off.items() if until > time.monotonic()}
        with reading(engine) as conn:
            numbers = due(conn, datetime.now(UTC) - AGAIN, AT_ONCE + len(put_off), asks_as(config))
        for number in numbers:
            if number not in put_off and not _could_ask(config, engine, place, number, as_json=as_json):
                put_off[number] = time.monotonic() + AGAIN.total_seconds()
        time.sleep(EVERY_S)


def _could_ask(config: Config, engine: "Engine", place: "Place", number: int, *, as_json: bool) -> bool:
    """Ask about one order, and say what was found; whether that could be done."""
    from parental.store.errors import DatabaseFault

    try:
        _show(verify_order(config, engine, place, number), as_json=as_json)
    except ApiRefusal as reason:
        print(reason, flush=True)
    except DatabaseFault:
        raise
    except Exception as reason:  # the edge: what is wrong with one order is said, and the others are asked
        said = f"order {number}: {type(reason).__name__}: {reason}; not verified"
        print(f"{said}; it is asked again in {AGAIN.seconds // 60} minutes, and the others meanwhile", flush=True)
        return False
    return True


def verify_order(config: Config, engine: "Engine", place: "Place", number: int) -> "Verification":
    """Ask, and keep what was found.   Raises ApiRefusal: nothing of it is in force;  MissingPart."""
    from filterd.box.as_owner import as_who_asked
    from filterd.commands.verifier.verification import verify
    from filterd.images.lists.rails import tries_as
    from mgmt.ledger.event import account
    from mgmt.orders.confirmation.verifications import in_force, put_verification, revision_of
    from mgmt.orders.store import get_order
    from parental.store.database import reading, writing

    with reading(engine) as conn:
        order, revision = get_order(conn, number), revision_of(conn, number)
        rows = in_force(conn, number, asks_as(config))
        address = _address_of(conn, config.verifier.line)
    if not rows:
        where = f"look at filterd orders show {number}"
        if tries_as(config) != asks_as(config):
            where += ", and for what is tried on one gateway set /verifier/line"
        raise ApiRefusal(f"order {number}: nothing of it is in force; nothing asked; {where}")
    with as_who_asked():  # probe and sink need root until they have their places
        found = verify(place, order, rows, revision, lambda name: _is_of_another(config, name, address, number))
    with writing(engine) as conn:
        put_verification(conn, found, account())
    return found


def asks_as(config: Config) -> str | None:
    """The name of this gateway, where what it tries is asked, too.

    Only where blocks of the probe are distinguished from people's: what it asks for would end the trial."""
    from filterd.images.lists.rails import tries_as

    return None if config.verifier.line is None else tries_as(config)


def _address_of(conn: "Connection", line: int | None) -> str | None:
    """An address of the probe's line, which may have rules of its own; None: the line is not known."""
    from parental.policy.subscribers import get_subscriber
    from parental.store.errors import NoSubscriber

    try:
        prefixes = () if line is None else get_subscriber(conn, line).prefixes
    except NoSubscriber:
        return None
    return next((str(each.network_address) for each in prefixes), None)


def _is_of_another(config: Config, asked: str, address: str | None, order: int) -> bool:
    """Whether control says that a name, URL or address is blocked by something else than this order; this only ever
    excuses.   address  who asks

    A confidential list is not explained: what is closed by law, and by nothing that is explained, is closed by it."""
    from filterd.box.places import CONTROL, control_socket, splash_socket
    from filterd.process.control_messages import ClosureQuery, Explain
    from filterd.process.json_socket import NoAnswer, ask_blocking
    from mgmt.contract.control import LAW

    is_url = "://" in asked
    try:
        explain = Explain(asked, address, "http" if is_url else "sni")
        said = ask_blocking(control_socket(config.run_dir), CONTROL, explain)
        if said.get("action") != NOT_BLOCKED:
            return "action" in said and said.get("order") != order
        host = urlsplit(asked).hostname if is_url else asked
        closed = ask_blocking(splash_socket(config.run_dir), CONTROL, ClosureQuery(host, address))
    except NoAnswer:
        return False
    return bool(closed.get("reason") == LAW)


def _show(found: "Verification", *, as_json: bool) -> None:
    report = json.loads(found.report)
    if as_json:
        said = {"order": found.order, "state": found.state, "at": found.at.isoformat(timespec="milliseconds")}
        print(json.dumps(said | {"took_ms": found.took_ms} | report), flush=True)
        return
    print(f"order {found.order}: {found.state}, {SAID[found.state]}; {report['asked']} of {report['entries']} entries")
    print(f"  over {', '.join(report['ways'])} in {found.took_ms} ms: {_counts(found)}", flush=True)
    if report["not_visible"]:
        print(f"  {report['not_visible']} of its pages are open over HTTPS, which hides them: not verified", flush=True)
    for each in report["not_here"][:20]:
        print(f"  entry {each['number']} over {each['way']}: {each['seen']}", flush=True)
    for each in report["too_wide"]:
        print(f"  next to entry {each['number']}: {each['name']} is blocked", flush=True)


def _counts(found: "Verification") -> str:
    return ", ".join(f"{n} {outcome}" for outcome, n in sorted(found.counts.items()))
