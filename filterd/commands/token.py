"""`filterd token list|create|revoke`: tokens of the API, directly in the database; the first token needs this.

`filterd token ROLE` is short for `create ROLE`.
"""

import argparse
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from filterd.box.errors import ApiRefusal, MissingPart, WrongUse
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.process.database.access import opened_for_control
from filterd.verbs import add_verb, add_verbs, number

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from filterd.verbs import Parsers
    from mgmt.staff.tokens import TokenRow

EXAMPLE = """filterd token parent --subscriber 7 --config /etc/filterd/filterd.yaml
filterd token list --json"""
CREATE = """filterd token create engineer --label 'billing sync' --scope lines.list --scope lines.provision --days 90
filterd token create regulator --issuer PTA"""
REVOKE = "filterd token revoke 3"
LIST = "filterd token list --json"
SHORT = ("operator", "regulator", "parent", "auditor")  # `filterd token ROLE`
ROLES = "operator, compliance, approver, engineer, support, regulator, auditor, owner, parent, helper, school"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    shown = add_verb(verbs, "list", "list all tokens: roles, scopes, label, end, last use; never their texts", LIST)
    shown.add_argument("--json", action="store_true", help="objects, one for each line")
    create = add_verb(verbs, "create", "create a token; its text is printed once and stored nowhere", CREATE)
    create.add_argument("role", metavar="ROLE", help=f"{ROLES}; operator: engineer and compliance in one")
    revoke = add_verb(verbs, "revoke", "end a token, and the sessions that began with it, at once", REVOKE)
    revoke.add_argument("number", type=number, metavar="NUMBER", help="of the token, as list shows it")
    for verb in (create, *_add_short(verbs)):
        _add_wanted(verb)
    for verb in set(verbs.choices.values()):
        verb.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")


def _add_short(verbs: "Parsers") -> list[argparse.ArgumentParser]:
    """The roles as verbs, as scripts of earlier releases have them."""
    found = []
    for role in SHORT:
        more = {"parent": " --subscriber 7", "regulator": " --issuer PTA"}.get(role, "")
        verb = add_verb(verbs, role, f"the same as create {role}", f"filterd token {role}{more}")
        verb.set_defaults(role=role)
        found.append(verb)
    return found


def _add_wanted(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--subscriber", type=number, metavar="ID", help="of a household's token (owner, parent, …)")
    verb.add_argument("--issuer", metavar="NAME", help="whose orders a regulator's token pushes, as they name it")
    scope = "a permission of the role; may be repeated; the token has these alone; default: all of the role's"
    verb.add_argument("--scope", action="append", metavar="PERMISSION", help=scope)
    verb.add_argument("--label", default="", metavar="TEXT", help="what it is for, one line")
    verb.add_argument("--days", type=int, default=365, metavar="N", help="until it ends, at most 730; default 365")


def run(args: argparse.Namespace) -> int:
    from parental.store.database import reading, writing
    from parental.store.errors import DatabaseFault

    work = {"list": _list, "revoke": _revoke}.get(args.verb, _create)
    transaction = reading if args.verb == "list" else writing
    try:
        with opened_for_control(loaded(args.config), acts_as="") as engine, transaction(engine) as conn:
            work(conn, args)
    except DatabaseFault as reason:
        raise MissingPart(f"token: nothing done; {reason}") from reason
    return 0


def _create(conn: "Connection", args: argparse.Namespace) -> None:
    from sqlalchemy.exc import IntegrityError

    from mgmt.ledger.event import account
    from mgmt.staff.tokens import TokenRequest, make_token, roles_of

    scopes = None if args.scope is None else frozenset(args.scope)
    wanted = TokenRequest(
        roles_of(args.role),
        args.subscriber,
        args.issuer,
        scopes,
        args.label,
        timedelta(days=max(0, min(args.days, 10**6))),
    )
    try:
        made = make_token(conn, wanted, account(), datetime.now(UTC), may_know_issuer=True)
    except IntegrityError as reason:
        raise WrongUse(
            f"subscriber {args.subscriber}: does not exist; no token created; create the subscriber first"
        ) from reason
    except ValueError as reason:
        raise WrongUse(str(reason)) from reason
    print(made.secret)


def _list(conn: "Connection", args: argparse.Namespace) -> None:
    from mgmt.staff.tokens import iter_tokens, token_json

    for token in iter_tokens(conn):
        print(json.dumps(token_json(token), ensure_ascii=False) if args.json else _line(token, datetime.now(UTC)))


def _line(token: "TokenRow", now: datetime) -> str:
    whose = f" of {token.issuer}" if token.issuer else ""
    whose += f" of line {token.subscriber}" if token.subscriber is not None else ""
    scopes = "" if token.scopes is None else f", only {' '.join(sorted(token.scopes))}"
    end = f"{'ended' if token.expires <= now else 'ends'} {token.expires:%Y-%m-%d}"
    used = "never used" if token.last_used is None else f"last used {token.last_used:%Y-%m-%d %H} h UTC"
    label = f"  {token.label}" if token.label else ""
    return f"{token.number:>5}  {' '.join(token.roles)}{whose}{scopes}  {end}, {used}{label}"


def _revoke(conn: "Connection", args: argparse.Namespace) -> None:
    from mgmt.ledger.event import account
    from mgmt.staff.tokens import revoke_token

    if not revoke_token(conn, args.number, account()):
        raise ApiRefusal(f"token {args.number}: not there; nothing revoked; see: filterd token list")
    print(f"token {args.number}: revoked")
