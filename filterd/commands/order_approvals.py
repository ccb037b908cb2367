"""`filterd orders approve`: two persons agree to an entry, or to an order as a whole; on the box, in the database.

Two runs: the first proposes and prints a number, the second, by another person of another group, approves that number.
Who they are is what each run says; the account that runs it is written next to it, and nothing else is proven.  So it
is refused where the desk has passkeys, unless the configuration takes names in an emergency.
"""

import argparse
import json
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from filterd.box.errors import ApiRefusal, MissingPart, WrongUse
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.config import Config
from filterd.verbs import add_verb

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

PROPOSE = (
    "filterd orders approve PTA-2026-17 --issuer PTA --entry 3 --as broader --name 'A. Khan' --group compliance "
    "--reason 'the whole host is ordered' --reference 'PTA/WA/9' --collateral 'all pages of shared.example' "
    "--until 2026-12-20"
)
SECOND = "filterd orders approve --number 12 --name 'B. Ali' --group approver"
WHOLE = ("emergency", "sealed", "enforce")  # of the order as a whole
KINDS = ("broader", "held", *WHOLE)
PATIENCE_S = 20.0  # that control takes to put it in force on every worker


def add_approve(verbs: Any) -> None:
    """The verb and its arguments."""
    approve = add_verb(verbs, "approve", "propose an approval; as a second person, give it", f"{PROPOSE}\n{SECOND}")
    approve.add_argument("ref", nargs="?", metavar="REF|NUMBER", help="of the order; without --issuer its number")
    approve.add_argument("--issuer", help="who gave the order")
    approve.add_argument("--list", action="store_true", help="show proposals and approvals, and do nothing")
    approve.add_argument("--number", type=int, metavar="N", help="the proposal that this second person agrees to")
    approve.add_argument("--name", help="who agrees")
    approve.add_argument("--group", metavar="GROUP", help="approver, compliance, engineer; the two must differ")
    approve.add_argument(
        "--as",
        dest="kind",
        choices=KINDS,
        metavar="KIND",
        help="broader: block a URL's host; held: enforce what is pending_review; emergency: the order does not lapse; "
        "sealed: put an order in force that came encrypted; enforce: put an order in force that is in shadow",
    )
    approve.add_argument("--entry", type=int, metavar="N", help="the entry's number, as `show --json` has it")
    approve.add_argument("--reason", default="", help="why")
    approve.add_argument("--reference", default="", help="the letter that accepts it")
    approve.add_argument("--collateral", default="", help="what else is closed by it")
    approve.add_argument("--until", metavar="DAY", help="its last day, at most 30 ahead; of an order as a whole: none")
    approve.add_argument("--owner-consent", help="the consent of the list's owner, where it is child abuse material")
    approve.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")
    approve.add_argument("--json", action="store_true", help="one object a line")


def run_approve(args: argparse.Namespace) -> int:
    from filterd.process.database.access import opened_for_control
    from mgmt.staff.approvals.rules import ApprovalRefusal
    from parental.store.database import writing
    from parental.store.errors import DatabaseFault

    config = loaded(args.config)
    if not args.list:
        _refuse_where_passkeys_are_demanded(config)
    if not args.list and not (args.name and args.group):
        raise WrongUse("approve: no person named; nothing done; give --name and --group")
    try:
        with opened_for_control(config, acts_as="") as engine, writing(engine) as conn:
            found = _do(conn, config, args)
    except ApprovalRefusal as reason:
        raise ApiRefusal(str(reason)) from reason
    except DatabaseFault as reason:
        raise MissingPart(f"approve: {reason}; nothing done; run as root or the daemon's user") from reason
    for row in found:
        print(json.dumps(_told(row)) if args.json else _line(row))
    if args.number is not None and not args.list:
        _tell_control(config)
    return 0


def _refuse_where_passkeys_are_demanded(config: Config) -> None:
    if config.api.desk_origin is not None and not config.api.approvals_by_name:
        raise ApiRefusal(
            f"approve: two passkeys are demanded, and control would not believe names; nothing done; "
            f"propose and sign at {config.api.desk_origin}/desk/approvals"
        )


def _do(conn: "Connection", config: Config, args: argparse.Namespace) -> list["Row[Any]"]:
    from mgmt.ledger.event import account
    from mgmt.orders.approvals import Proposal, approvals_of, approve, propose
    from mgmt.staff.approvals.rules import Signatory

    at = datetime.now(UTC)
    if args.list:
        return list(approvals_of(conn, None if args.ref is None else find_named(conn, args.ref, args.issuer).id))
    by = Signatory(args.name, args.group, account().name)
    if args.number is not None:
        return [approve(conn, args.number, by, at)]
    if args.kind is None or (args.kind not in WHOLE and args.entry is None):
        raise WrongUse("approve: not said of what; nothing done; give --as, and --entry of an entry")
    order = find_named(conn, args.ref, args.issuer)
    proposal = Proposal(
        kind=args.kind,
        number=None if args.kind in WHOLE else args.entry,
        reason=args.reason,
        reference=args.reference,
        collateral=args.collateral,
        owner_consent=args.owner_consent,
        expires=end_of(args.until, config.parental.timezone),
    )
    number = propose(conn, order, proposal, by, at)
    return [row for row in approvals_of(conn, order.id) if row.id == number]


def find_named(conn: "Connection", ref: str | None, issuer: str | None) -> "Row[Any]":
    """The order of a reference with its issuer, or of a number.   Raises WrongUse."""
    from mgmt.orders.store import find_order, find_order_by_id

    ref = ref or ""
    if issuer is not None:
        found = find_order(conn, issuer, ref)
    else:
        found = find_order_by_id(conn, int(ref)) if ref.isascii() and ref.isdigit() and len(ref) < 10 else None
    if found is None:
        raise WrongUse(f"order {ref!r:.80}: not found; nothing done; write a reference with --issuer, or its number")
    return found


def end_of(day: str | None, zone: str) -> datetime | None:
    """The end of a local day.   Raises WrongUse."""
    if day is None:
        return None
    try:
        last = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as reason:
        raise WrongUse(f"last day {day!r:.40}: no day; nothing done; write it as 2026-12-20") from reason
    return datetime.combine(last, time(23, 59, 59), ZoneInfo(zone))


def _tell_control(config: Config) -> None:
    from filterd.box.places import CONTROL, control_socket
    from filterd.process.control_messages import OrdersUpdate
    from filterd.process.json_socket import NoAnswer, ask_blocking

    try:
        reply = ask_blocking(control_socket(config.run_dir), CONTROL, OrdersUpdate(), PATIENCE_S)
    except NoAnswer as reason:
        print(f"stored; control does not answer ({reason}): it decides within a minute of its return")
        return
    refused = [ack["refused"] for ack in reply.get("acks", []) if ack.get("refused")]
    if "error" in reply or refused:
        print(f"stored; not in force on every worker yet: {reply.get('error') or '; '.join(refused)}")


def _told(row: "Row[Any]") -> dict[str, Any]:
    shown = {key: value for key, value in row._mapping.items() if key not in ("digest", "expires_s")}
    return shown | {"digest": row.digest.hex(), "until": _iso(row.expires_s)}


def _line(row: "Row[Any]") -> str:
    of_what = f"order {row.order}" if row.order is not None else _other_than_order(row)
    what = f"approval {row.id}: {of_what}" + ("" if row.number is None else f", entry {row.number}")
    second = f"approved by {row.approver} ({row.approver_group})" if row.approver else "waits for a second person"
    second += ", with passkeys" if row.approver and row.way == "desk" else ""
    ended = "; ended" if row.lapsed_ms is not None else ""
    until = "" if row.expires_s is None else f", until {_iso(row.expires_s)}"
    return f"{what}, {row.kind}{until}: proposed by {row.proposer} ({row.proposer_group}), {second}{ended}"


def _other_than_order(row: "Row[Any]") -> str:
    if row.settings is not None:
        from mgmt.registers.settings.agreement import names_in

        return f"settings {names_in(row.settings)}"
    return f"hold {row.hold}" if row.hold is not None else f"list {row.list} to {row.list_to[:16]}"


def _iso(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
