"""`filterd orders`: manage the regulator's orders, over the API; approve entries of them, on the box."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from filterd.box.errors import WrongUse
from filterd.client.api_client import add_api_arguments, call, call_pages, with_query
from filterd.client.confirmation_file import add_confirmation, take_confirmation
from filterd.client.order_file import DATES, add_dates, add_import_arguments, run_import
from filterd.client.order_sealed import add_sealed_arguments, push_sealed
from filterd.commands.order_approvals import add_approve, run_approve
from filterd.commands.order_collect import add_collect, run_collect
from filterd.commands.order_notices import add_deliver, run_deliver
from filterd.commands.order_verify import add_verify, run_verify
from filterd.verbs import add_verb, add_verbs
from mgmt.contract.shapes import MAX_WAIT_S

PUSH = "filterd orders push --issuer PTA --ref PTA-2026-17 --ground 'PECA 37' bad.example worse.example"
IMPORT = "filterd orders import --issuer PTA --ref PTA/WA/123/2026 --ground 'PECA 37' letter.xlsx"
SEALED = "filterd orders push-sealed entries.pgp --issuer PTA --ref PTA-CA-2026-3 --ground 'PECA 22'"
WITHDRAW = "filterd orders withdraw --issuer PTA PTA-2026-17 --reason 'court order 12/2026'"
ENFORCED = ("enforced", "enforced_http_only", "enforced_broader")
NOT_VISIBLE = "not_visible_over_https"
CONFIRM = """filterd orders confirm --issuer PTA PTA-2026-17
filterd orders confirm --issuer PTA PTA-2026-17 --format pdf --output answer.pdf"""
EXAMPLE = f"{PUSH}\n{WITHDRAW}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    push = add_verb(
        verbs,
        "push",
        f"put an order in force; waits {MAX_WAIT_S} s for every worker; exit 1 where an entry is not enforced yet",
        PUSH,
    )
    push.add_argument("names", nargs="*", metavar="NAME")
    push.add_argument("--file", type=Path, metavar="FILE", help="a file of names, one for each line; - for stdin")
    push.add_argument("--issuer", required=True)
    push.add_argument("--ref", required=True, help="the order's reference; pushing it again is safe")
    push.add_argument("--ground", required=True, help="the legal ground")
    push.add_argument("--scope", choices=("exact", "subtree"), default="subtree", help="default: subtree")
    push.add_argument("--deadline", metavar="TIME", help="that its letter states, such as 2026-12-01T16:00:00+05:00")
    add_dates(push)
    push.add_argument("--emergency", action="store_true", help="lapses after 4 hours, unless two persons approve it")
    sealed = add_verb(
        verbs, "push-sealed", "push an order of child abuse material, encrypted; two persons put it in force", SEALED
    )
    add_sealed_arguments(sealed)
    brought = add_verb(
        verbs,
        "import",
        "push an order as the file of its letter (.xlsx, .csv, text); exit 1 where a row of it is not enforced",
        IMPORT,
    )
    add_import_arguments(brought)
    collected = add_collect(verbs)
    listed = add_verb(verbs, "list", "list all orders", "filterd orders list --json")
    listed.add_argument("--past-review", action="store_true", help="those in force that are past their review alone")
    show = add_verb(verbs, "show", "show one order with its entries", "filterd orders show --issuer PTA PTA-2026-17")
    stats = add_verb(
        verbs, "stats", "show how the orders of each issuer have gone", "filterd orders stats --issuer PTA"
    )
    stats.add_argument("--issuer", help="whose; default: all")
    stats.add_argument("--since", metavar="TIME", help="received from then on; default: 30 days before --until")
    stats.add_argument("--until", metavar="TIME", help="received before then; default: now")
    withdraw = add_verb(verbs, "withdraw", "end an order, or some of its entries", WITHDRAW)
    confirm = add_verb(
        verbs,
        "confirm",
        "print what to answer the issuer: since when each entry is enforced; exit 1 unless all are",
        CONFIRM,
    )
    add_confirmation(confirm)
    for verb in (show, withdraw, confirm):
        verb.add_argument(
            "ref", metavar="REF|NUMBER", help="the reference that --issuer gave; without --issuer its number"
        )
        verb.add_argument("--issuer", help="who gave the order")
    add_approve(verbs)
    add_verify(verbs)
    add_deliver(verbs)
    withdraw.add_argument("names", nargs="*", metavar="NAME", help="these entries only")
    withdraw.add_argument("--reason", required=True)
    for verb in (push, sealed, brought, withdraw):
        verb.add_argument(
            "--key", type=Path, metavar="FILE", help="the issuer's private key (Ed25519, PEM), to sign with"
        )
    for verb in (push, sealed, brought, collected, listed, stats, show, withdraw, confirm):
        add_api_arguments(verb)
        verb.add_argument("--json", action="store_true", help="the API's objects, one for each line")


def run(args: argparse.Namespace) -> int:
    match args.verb:
        case "push":
            names = [*args.names, *_names_in(args.file)]
            if not names:
                raise WrongUse("push: no name; nothing pushed; write names or --file FILE")
            said = {
                "issuer": args.issuer,
                "ref": args.ref,
                "ground": args.ground,
                "scope": args.scope,
                "entries": names,
            } | {name: True for name in ("emergency", "shadow") if getattr(args, name)}
            said |= {name: getattr(args, name) for name in ("deadline", *DATES) if getattr(args, name) is not None}
            order = call(args, "POST", f"/v1/orders?wait={MAX_WAIT_S}", said)
            _show(args, order)
            if "detail" in order:
                print(f"push: {order['detail']}", file=sys.stderr)
            return 0 if _is_whole(order) else 1
        case "push-sealed":
            _show(args, push_sealed(args))
        case "import":
            return run_import(args)
        case "collect":
            return run_collect(args)
        case "list":
            _list(args)
        case "stats":
            _stats(args)
        case "approve":
            return run_approve(args)
        case "verify":
            return run_verify(args)
        case "deliver":
            return run_deliver(args)
        case "show":
            _show(args, call(args, "GET", _path(args)))
        case "confirm" if args.format is not None:
            take_confirmation(args, _path(args, "/confirmation"))
        case "confirm":
            order = _with_all_entries(args)
            print(json.dumps(order) if args.json else _confirmation(order))
            return 0 if _is_whole(order) else 1
        case _:
            said = {"reason": args.reason} | ({"entries": args.names} if args.names else {})
            _show(args, call(args, "POST", _path(args, "/withdraw"), said))
    return 0


def _is_whole(order: dict[str, Any]) -> bool:
    """Whether an order is in force with every entry that has not been withdrawn."""
    statuses: set[str] = set(order["counts"])
    return order["state"] == "enforced" and statuses <= {*ENFORCED, "duplicate", "withdrawn"}


def _with_all_entries(args: argparse.Namespace) -> dict[str, Any]:
    """An order with the entries of all pages."""
    path = _path(args)
    order: dict[str, Any] = call(args, "GET", path)
    while order["next"] is not None:
        page = call(args, "GET", f"{path}{'&' if '?' in path else '?'}after={order['next']}")
        order["entries"] += page["entries"]
        order["next"] = page["next"]
    return order


def _confirmation(order: dict[str, Any]) -> str:
    n_enforced = sum(order["counts"].get(status, 0) for status in ENFORCED)
    receipt = order["receipt"]
    served = "no worker has confirmed it yet"
    if receipt:
        workers = ", ".join(each["worker"] for each in receipt["workers"])
        served = f"served by {workers} since {receipt['at']}, generation {receipt['generation']}"
    elif order["lists"]:
        served = "; ".join(
            f"list {each['list']} served by every worker since {each['since']}, generation {each['generation']}"
            for each in order["lists"]
        )
    return "\n".join(
        (
            f"order {order['id']} {order['issuer']} {order['ref']}: {order['state']}, "
            f"{n_enforced} of {sum(order['counts'].values())} entries enforced",
            f"received {order['received']}; {served}; sha256 {order['sha256']}",
            *(_entry_line(entry) for entry in order["entries"]),
        )
    )


def _path(args: argparse.Namespace, what: str = "") -> str:
    """Where an order is: a reference belongs to its issuer, and what has none is a number, never a guess."""
    if args.issuer is not None:
        return f"/v1/orders/{quote(args.ref, safe='')}{what}?issuer={quote(args.issuer, safe='')}"
    if not (args.ref.isascii() and args.ref.isdigit() and len(args.ref) < 10):
        raise WrongUse(
            f"order {args.ref!r}: a reference without its issuer; nothing done; add --issuer, or write its number"
        )
    return f"/v1/orders/id/{args.ref}{what}"


def _names_in(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as reason:
        why = reason.strerror if isinstance(reason, OSError) else "not UTF-8"
        raise WrongUse(f"--file {path}: {why}; nothing pushed; name a text file") from reason
    return [line.strip() for line in text.splitlines() if line.strip()]


def _list(args: argparse.Namespace) -> None:
    for order in call_pages(args, "orders", {"review": "due"} if args.past_review else {}):
        print(json.dumps(order) if args.json else _line(order))


def _stats(args: argparse.Namespace) -> None:
    asked = {name: getattr(args, name) for name in ("issuer", "since", "until")}
    found = call(args, "GET", with_query("/v1/order-statistics", asked))
    for each in found["issuers"]:
        print(json.dumps(each) if args.json else _stats_line(each))


def _stats_line(each: dict[str, Any]) -> str:
    took = [
        f"{what} {each[what]['orders']}"
        + (f" (median {each[what]['median_s']:.1f} s, p95 {each[what]['p95_s']:.1f} s)" if each[what]["orders"] else "")
        for what in ("enforced", "confirmed")
    ]
    clocks = f"in time {each['in_time']}, late {each['late']}, overdue {each['overdue']}, ended {each['ended']}"
    asked = f"traffic asked of {each['entries_asked']} of {each['entries_in_force']} entries"
    blocked = f"blocked here {each['blocked_here']} of {each['questions']} questions"
    ends = f"corrected {each['corrected']}, expired {each['expired']}, past their review {each['past_review']}"
    ends += f", in shadow {each['in_shadow']}" if each.get("in_shadow") else ""
    return f"{each['issuer']}: {each['orders']} orders; {', '.join(took)}; {clocks}; {ends}; {asked}, {blocked}"


def _show(args: argparse.Namespace, order: dict[str, Any]) -> None:
    if args.json:
        print(json.dumps(order))
        return
    print(_line(order))
    for entry in order.get("entries", []):
        print(_entry_line(entry))


def _entry_line(entry: dict[str, Any]) -> str:
    since = f" since {entry['enforced']}" if entry["status"] in (*ENFORCED, NOT_VISIBLE) else ""
    if entry["status"] == NOT_VISIBLE:
        since += ", over plain HTTP alone: it is open over HTTPS"
    agreed = entry.get("approval")
    by = f", approved until {agreed['until']} by {agreed['reference']}, closes {agreed['collateral']}" if agreed else ""
    return f"  {entry['value']}: {entry['status']}{since}{by}" + (f", {entry['reason']}" if entry["reason"] else "")


def _line(order: dict[str, Any]) -> str:
    counts = ", ".join(f"{n} {status}" for status, n in order["counts"].items()) or "no entries"
    lapses = f"; lapses {order['lapses']} unless two persons approve it" if order.get("lapses") else ""
    clock = order.get("clock")
    told = [
        *([f"version {order['version']}"] if order.get("version", 1) > 1 else []),
        *([f"corrected by order {order['replaced_by']}"] if order.get("replaced_by") else []),
        *([f"review {order['review']}"] if order.get("review") else []),
        *([f"last day {order['expires']}"] if order.get("expires") else []),
    ]
    dates = "".join(f"; {each}" for each in told)
    due = f"; due {clock['due']}, {clock['state'].replace('_', ' ')}" if clock else ""
    tried = _shadow_words(order.get("shadow")) + _canary_words(order.get("canary"))
    named = f"order {order['id']} {order['issuer']} {order['ref']}"
    return f"{named}: {order['state']} ({counts}){lapses}{due}{dates}{tried}"


def _shadow_words(shadow: dict[str, Any] | None) -> str:
    """What it would have blocked; nothing of one that was never in shadow."""
    if shadow is None:
        return ""
    until = f" until {shadow['ended']}" if shadow["ended"] else ", not enforced"
    rails = f"{shadow['protected']} entries protected, {shadow['held']} held"
    return f"; in shadow{until}: {shadow['state']}, {shadow['hits']} hits, {rails}"


def _canary_words(canary: dict[str, Any] | None) -> str:
    """How it stands on the gateway that tries it; nothing of one that is over."""
    if canary is None or canary["state"] == "over":
        return ""
    at = f"; canary {canary['gateway']}: {canary['state'].replace('_', ' ')}"
    if canary["state"] == "running":
        return f"{at}, {canary['left_s']} s left, {canary['blocks']} blocks"
    return at + (f", {canary['reason']}" if canary["state"] == "rolled_back" else "")
