"""`filterd staff …`: people of the desk and issuers of orders, directly in the database; the access review."""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from filterd.box.errors import ApiRefusal, MissingPart, WrongUse
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.process.database.access import opened_for_control
from filterd.verbs import add_verb, add_verbs

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from filterd.verbs import Parsers
    from mgmt.staff.people import Person
    from mgmt.staff.review import Review

EXAMPLE = """filterd staff add 'Amna Khan' --mail amna@isp.example --role compliance
filterd staff review --format json"""
NEVER = "never"
ROLES = "regulator, compliance, approver, engineer, support or auditor"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    _add_people(verbs)
    _add_issuers(verbs)
    _add_certificates(verbs)
    what = "who may do what: people, tokens, issuers, and what needs a look; an event says who has read it"
    review = add_verb(verbs, "review", what, "filterd staff review --format json > review-2026-11.json")
    review.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    for verb in verbs.choices.values():
        verb.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")


def _add_people(verbs: "Parsers") -> None:
    what = "add a person; the code to enrol with, at /desk/enrol, is printed once and counts for three days"
    add = add_verb(verbs, "add", what, "filterd staff add 'Amna Khan' --mail amna@isp.example --role compliance")
    add.add_argument("name", metavar="NAME", help="as colleagues know the person")
    add.add_argument("--mail", required=True, metavar="ADDRESS", help="what the person signs in with")
    add.add_argument("--role", required=True, metavar="ROLE", help=ROLES)
    add.add_argument("--until", metavar="DAY", help="the account's last day, local; default: no end")
    listed = add_verb(verbs, "list", "list all people of the desk", "filterd staff list --json")
    listed.add_argument("--json", action="store_true", help="objects, one for each line")
    role = add_verb(verbs, "role", "give a person another role", "filterd staff role amna@isp.example approver")
    disable = add_verb(verbs, "disable", "end a person's access at once", "filterd staff disable amna@isp.example")
    ending = "give an account a last day, another one, or none"
    until = add_verb(verbs, "until", ending, "filterd staff until amna@isp.example 2026-12-31")
    enable = add_verb(verbs, "enable", "give it back", "filterd staff enable amna@isp.example")
    forget = "forget what a person signs in with, and print a new code to enrol"
    reset = add_verb(verbs, "reset", forget, "filterd staff reset amna@isp.example")
    whose = "say whose a passkey is, so that it signs approvals; without --passkey: list the person's passkeys"
    example = "filterd staff vouch amna@isp.example --passkey '1f2e 3d4c 5b6a 7988'"
    vouch = add_verb(verbs, "vouch", whose, example)
    vouch.add_argument("--passkey", metavar="TEXT", help="as the person reads it to you from the own page, /desk")
    for verb in (role, until, disable, enable, reset, vouch):
        verb.add_argument("mail", metavar="ADDRESS", help="of the person")
    role.add_argument("role", metavar="ROLE", help=ROLES)
    until.add_argument("day", metavar="DAY", help=f"local, as 2026-12-31; {NEVER}: no end")
    for verb in (add, role):
        verb.add_argument("--group", metavar="NAME", help="two who agree on an order have two; default: the role's")


def _add_issuers(verbs: "Parsers") -> None:
    example = "filterd staff issuer PTA --contact desk@pta.example --scope exact --scope subtree"
    put = add_verb(verbs, "issuer", "put an issuer of orders, or change it; what is not said stays, or is any", example)
    put.add_argument("name", metavar="NAME", help="as its orders have it")
    put.add_argument("--contact", metavar="TEXT", help="where it is reached")
    put.add_argument("--category", action="append", metavar="NAME", help="that its orders may have; may be repeated")
    put.add_argument("--scope", action="append", metavar="NAME", help="that its orders may have; may be repeated")
    whether = put.add_mutually_exclusive_group()
    whether.add_argument("--disable", action="store_true", help="refuse its tokens from now on")
    whether.add_argument("--enable", action="store_true", help="take them again")
    key = "filterd staff issuer-key PTA --hex d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    known = add_verb(verbs, "issuer-key", "know a key of an issuer (Ed25519), or end one", key)
    known.add_argument("name", metavar="NAME")
    known.add_argument("--hex", required=True, metavar="KEY", help="the public key, 32 octets")
    known.add_argument("--days", type=int, default=365, metavar="N", help="from now; 0 ends it; default 365")


def _add_certificates(verbs: "Parsers") -> None:
    what = "bind a client's certificate to an issuer or a person, where /api/client_ca demands one; or end it"
    example = "filterd staff certificate pta.crt --issuer PTA"
    bind = add_verb(verbs, "certificate", what, example)
    bind.add_argument("file", type=Path, metavar="FILE", help="the certificate, PEM")
    whose = bind.add_mutually_exclusive_group(required=True)
    whose.add_argument("--issuer", metavar="NAME", help="its tokens alone come with it")
    whose.add_argument("--mail", metavar="ADDRESS", help="of a person: the person's session, and the desk's tokens")
    whose.add_argument("--end", action="store_true", help="take it no longer")


def run(args: argparse.Namespace) -> int:
    from mgmt.staff.people import Unfit
    from parental.store.database import reading, writing
    from parental.store.errors import DatabaseFault

    config, work = loaded(args.config), _WORK[args.verb]
    args.zone, args.vouched = config.parental.timezone, config.api.vouched_passkeys
    transaction = reading if args.verb == "list" else writing
    try:
        with opened_for_control(config, acts_as="") as engine, transaction(engine) as conn:
            work(conn, args)
    except DatabaseFault as reason:
        raise MissingPart(f"staff: nothing done; {reason}") from reason
    except LookupError as reason:
        raise ApiRefusal(str(reason)) from reason
    except (Unfit, ValueError) as reason:
        raise WrongUse(str(reason)) from reason
    return 0


def _add(conn: "Connection", args: argparse.Namespace) -> None:
    from filterd.commands.order_approvals import end_of
    from mgmt.ledger.event import account
    from mgmt.staff.people import add_person

    now, ends = datetime.now(UTC), end_of(args.until, args.zone)
    _, code = add_person(conn, args.name, args.mail, args.role, args.group, account(), now, ends)
    _print_code(args.mail, code)


def _reset(conn: "Connection", args: argparse.Namespace) -> None:
    from mgmt.ledger.event import account
    from mgmt.staff.people import reset_person
    from mgmt.staff.vouched_file import forget_vouched

    code = reset_person(conn, args.mail, account(), datetime.now(UTC))
    with _writing_vouched(args.vouched):
        forget_vouched(args.vouched, args.mail)
    _print_code(args.mail, code)


def _print_code(mail: str, code: str) -> None:
    print(code)
    print(f"{mail}: the code counts once, for three days, at /desk/enrol; for this person alone", file=sys.stderr)


def _set_role(conn: "Connection", args: argparse.Namespace) -> None:
    from mgmt.ledger.event import account
    from mgmt.staff.people import find_person, set_role
    from mgmt.staff.vouched_file import regroup_vouched

    set_role(conn, args.mail, args.role, args.group, account(), datetime.now(UTC))
    with _writing_vouched(args.vouched):
        regroup_vouched(args.vouched, args.mail, find_person(conn, args.mail).group)
    print(f"{args.mail}: role {args.role}")


def _set_state(conn: "Connection", args: argparse.Namespace) -> None:
    from mgmt.ledger.event import account
    from mgmt.staff.people import StaffState, find_person, set_state

    now, state = datetime.now(UTC), StaffState.DISABLED if args.verb == "disable" else StaffState.ACTIVE
    set_state(conn, args.mail, state, account(), now)
    print(f"{args.mail}: {_state(find_person(conn, args.mail), now, args.zone)}")


def _set_end(conn: "Connection", args: argparse.Namespace) -> None:
    from filterd.commands.order_approvals import end_of
    from mgmt.ledger.event import account
    from mgmt.staff.people import find_person, set_end

    now = datetime.now(UTC)
    set_end(conn, args.mail, None if args.day == NEVER else end_of(args.day, args.zone), account(), now)
    print(f"{args.mail}: {_state(find_person(conn, args.mail), now, args.zone)}")


def _state(person: "Person", now: datetime, zone: str) -> str:
    """'active', or with its end, local: 'active, end 2026-12-31 23:59'."""
    state = person.state_at(now.timestamp())
    return state if person.ends is None else f"{state}, end {person.ends.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _vouch(conn: "Connection", args: argparse.Namespace) -> None:
    from mgmt.ledger.event import account
    from mgmt.staff.passkeys import digest_of, fingerprint_of
    from mgmt.staff.people import find_person
    from mgmt.staff.vouched_file import VouchedFault, VouchedKey, put_vouched, read_vouched
    from mgmt.staff.vouched_passkeys import passkeys_of, vouch

    if args.passkey is not None:
        person = find_person(conn, args.mail)
        key = vouch(conn, args.mail, args.passkey, account(), datetime.now(UTC))
        with _writing_vouched(args.vouched):
            put_vouched(args.vouched, key, VouchedKey(person.mail, person.group))
        print(f"{args.mail}: the passkey signs approvals now")
        return
    try:
        vouched = read_vouched(args.vouched)
    except VouchedFault as reason:
        vouched = {}
        print(reason, file=sys.stderr)
    for key in passkeys_of(conn, args.mail):
        print(f"{fingerprint_of(key)}  {key.label}, signs {'approvals' if digest_of(key) in vouched else 'nothing'}")


@contextmanager
def _writing_vouched(path: Path) -> Iterator[None]:
    """Write root's file as who runs the command, not as the database's owner.   Raises WrongUse"""
    from filterd.box.as_owner import as_who_asked
    from mgmt.staff.vouched_file import VouchedFault

    try:
        with as_who_asked():
            yield
    except OSError as reason:
        raise WrongUse(f"{path}: {reason.strerror}; nothing done; run the command as root") from reason
    except VouchedFault as reason:
        raise WrongUse(f"vouched passkeys: {reason}; nothing done; correct the file, or remove it") from reason


def _list(conn: "Connection", args: argparse.Namespace) -> None:
    from mgmt.staff.people import list_people

    now = datetime.now(UTC)
    for each in list_people(conn):
        last = None if each.last_login is None else each.last_login.isoformat()
        if args.json:
            told = {"id": each.number, "name": each.name, "mail": each.mail, "role": each.role, "group": each.group}
            ends = None if each.ends is None else each.ends.isoformat()
            told |= {"state": each.state_at(now.timestamp()), "ends": ends, "last_login": last}
            print(json.dumps(told, ensure_ascii=False))
        else:
            seen = f"last signed in {last[:10]}" if last else "never signed in"
            state = _state(each, now, args.zone)
            print(f"{each.number:>5}  {each.mail}  {each.name}  {each.role} ({each.group}), {state}, {seen}")


def _issuer(conn: "Connection", args: argparse.Namespace) -> None:
    from mgmt.ledger.event import account
    from mgmt.staff.issuers import Issuer, find_issuer, put_issuer

    before = find_issuer(conn, args.name) or Issuer(args.name)
    issuer = Issuer(
        args.name,
        before.categories if args.category is None else frozenset(args.category),
        before.scopes if args.scope is None else frozenset(args.scope),
        before.contact if args.contact is None else args.contact,
        args.enable or (before.is_active and not args.disable),
    )
    put_issuer(conn, issuer, account(), datetime.now(UTC))
    print(f"issuer {args.name}: {'put' if issuer.is_active else 'its tokens are refused'}")


def _issuer_key(conn: "Connection", args: argparse.Namespace) -> None:
    from datetime import timedelta

    from mgmt.ledger.event import account
    from mgmt.staff.issuers import IssuerKey, end_key, put_key

    if not re.fullmatch("[0-9A-Fa-f]{64}", args.hex):
        raise WrongUse(f"--hex {args.hex:.80}: no key; nothing done; write its 64 digits 0-9 and a-f (Ed25519)")
    now, public_key = datetime.now(UTC), bytes.fromhex(args.hex)
    if args.days == 0:
        end_key(conn, public_key, account(), now)
    else:
        until = now + timedelta(days=min(args.days, 10 * 365))
        put_key(conn, IssuerKey(public_key, args.name, now, until), account(), now)
    print(f"issuer {args.name}: the key {'has ended' if args.days == 0 else 'is known'}")


def _certificate(conn: "Connection", args: argparse.Namespace) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificate

    from filterd.box.as_owner import as_who_asked
    from mgmt.ledger.event import account
    from mgmt.staff.bound_certificates import bind_certificate, end_certificate

    try:
        with as_who_asked():
            octets = args.file.read_bytes()
        found = load_pem_x509_certificate(octets).public_bytes(Encoding.DER)
    except (OSError, ValueError) as reason:
        why = reason.strerror if isinstance(reason, OSError) else "no certificate in PEM"
        raise WrongUse(f"{args.file}: {why}; nothing done; name the client's certificate") from reason
    now = datetime.now(UTC)
    if args.end:
        end_certificate(conn, found, account(), now)
    else:
        bind_certificate(conn, found, args.issuer, args.mail, account(), now)
    print(f"{args.file}: {'ended' if args.end else f'is of {args.issuer or args.mail}'}")


def _review(conn: "Connection", args: argparse.Namespace) -> None:
    import msgspec

    from mgmt.ledger.event import account
    from mgmt.staff.review import note_review, review_of

    now = datetime.now(UTC)
    review = review_of(conn, now)
    note_review(conn, review, account(), now)
    if args.format == "json":
        print(json.dumps(msgspec.to_builtins(review), ensure_ascii=False))
    else:
        print("\n".join(_lines(review)))


def _lines(review: "Review") -> list[str]:
    lines = [f"Access at {review.at}", "", "People"]
    for each in review.people:
        with_what = ", ".join(each.credentials) or "nothing"
        end = "" if each.ends is None else f", end {each.ends}"
        lines.append(f"  {each.mail}  {each.name}: {each.role} ({each.group}), {each.state}{end}")
        lines.append(f"      signs in with {with_what}; last on {(each.last_login or 'never')[:10]}")
        lines += [f"      ! {note}" for note in each.notes]
    lines += ["", "Tokens"]
    for token in review.tokens:
        whose = token["issuer"] or (f"line {token['subscriber']}" if token["subscriber"] is not None else "")
        scopes = "" if token["scopes"] is None else ", only " + " ".join(token["scopes"])
        lines.append(f"  {token['id']}  {' '.join(token['roles'])} {whose}".rstrip() + f"{scopes}  {token['label']}")
        lines.append(f"      ends {token['expires'][:10]}; last used {(token['last_used'] or 'never')[:13]}")
        lines += [f"      ! {note}" for note in token["notes"]]
    lines += ["", "Issuers"]
    for issuer in review.issuers:
        lines.append(f"  {issuer['name']}: {'active' if issuer['is_active'] else 'disabled'}  {issuer['contact']}")
        lines += [f"      key {key['key']} until {key['until'][:10]}" for key in issuer["keys"]]
        lines += [f"      ! {note}" for note in issuer["notes"]]
    return lines


_WORK = {
    "add": _add,
    "list": _list,
    "role": _set_role,
    "until": _set_end,
    "disable": _set_state,
    "enable": _set_state,
    "reset": _reset,
    "vouch": _vouch,
    "issuer": _issuer,
    "issuer-key": _issuer_key,
    "certificate": _certificate,
    "review": _review,
}
