"""`filterd accounts …`: households and schools, their lines, children and caregivers, over the API."""

import argparse
import json
from typing import Any

from filterd.client.api_client import add_api_arguments, call, call_pages
from filterd.verbs import add_verb, add_verbs

EXAMPLE = """filterd accounts show 7
filterd accounts add-child 7 --nickname Ali --birth-year 2015
filterd accounts take 7 1 --line 9"""
ROLES = ("owner", "parent", "helper", "school")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    made = {
        name: add_verb(verbs, name, purpose, f"filterd accounts {example}")
        for name, (purpose, example) in VERBS.items()
    }
    for name, verb in made.items():
        if name != "list":
            verb.add_argument("id", type=int, metavar="ACCOUNT")
        if name in ("change-child", "remove-child", "take", "give-back"):
            verb.add_argument("child", type=int, metavar="CHILD")
        if name in ("role", "remove-caregiver"):
            verb.add_argument("caregiver", type=int, metavar="CAREGIVER")
        add_api_arguments(verb)
        verb.add_argument("--json", action="store_true", help="the API's objects, one for each line")
    _add_options(made)


def _add_options(made: dict[str, argparse.ArgumentParser]) -> None:
    made["put"].add_argument("--name")
    made["put"].add_argument("--language", metavar="TAG", help="of pages and messages: ur, en")
    made["add-line"].add_argument("line", type=int, metavar="LINE")
    made["add-line"].add_argument("--province", metavar="CODE", help="by ISO 3166-2: PK-PB")
    for name in ("add-child", "change-child"):
        made[name].add_argument("--nickname", required=name == "add-child")
        made[name].add_argument("--birth-year", type=int, metavar="YEAR")
        made[name].add_argument("--drawing", metavar="NAME", help="a picture of the family page")
    for name in ("take", "give-back"):
        made[name].add_argument("--line", type=int, required=True, metavar="LINE")
        part = made[name].add_mutually_exclusive_group()
        part.add_argument("--device", metavar="NAME", help="this device alone, which has a token")
        part.add_argument("--prefix", metavar="PREFIX", help="this prefix of the line alone, or mac:… of a device")
    made["invite"].add_argument("--nickname", required=True)
    for name in ("invite", "role"):
        made[name].add_argument("--role", choices=ROLES, required=True)
    made["invite"].add_argument("--phone", metavar="NUMBER", help="with its country: +923001234567; kept sealed")
    made["accept"].add_argument("code", metavar="CODE")


VERBS = {
    "list": ("list all accounts", "list --json"),
    "show": ("show one account with its lines, children and caregivers", "show 7"),
    "put": ("create an account, or change it; what is not said stays", "put 70 --name 'A school' --language en"),
    "add-line": ("give a line to an account, with its own rules", "add-line 7 9 --province PK-PB"),
    "add-child": ("add a child, with rules of its own", "add-child 7 --nickname Ali --birth-year 2015"),
    "change-child": ("change what is known of a child; what is not said stays", "change-child 7 1 --nickname Ayesha"),
    "remove-child": ("remove a child with its rules", "remove-child 7 1"),
    "take": ("have a line, a device or a prefix follow a child's rules", "take 7 1 --line 9"),
    "give-back": ("have it follow its line's own rules again", "give-back 7 1 --line 9"),
    "invite": ("invite a caregiver; prints the code that accepts, once", "invite 7 --nickname Sana --role owner"),
    "accept": ("accept an invitation for a person who reads the code out", "accept 7 mfrggzdfmztwq2lk"),
    "role": ("give a caregiver another role", "role 7 3 --role helper"),
    "remove-caregiver": ("remove a caregiver; the last owner stays", "remove-caregiver 7 3"),
}


def run(args: argparse.Namespace) -> int:
    if args.verb == "list":
        _list(args)
        return 0
    method, path, body = _request(args)
    _show(args, call(args, method, f"/v1/accounts/{args.id}{path}", body))
    return 0


def _request(args: argparse.Namespace) -> tuple[str, str, dict[str, Any] | None]:
    """(method, path below the account, body)"""
    match args.verb:
        case "show":
            return "GET", "", None
        case "put":
            return "PUT", "", _said(args, "name", "language")
        case "add-line":
            return "PUT", f"/lines/{args.line}", _said(args, "province")
        case "add-child":
            return "POST", "/children", _said(args, "nickname", "birth_year", "drawing")
        case "change-child":
            return "PATCH", f"/children/{args.child}", _said(args, "nickname", "birth_year", "drawing")
        case "remove-child":
            return "DELETE", f"/children/{args.child}", None
        case "take" | "give-back":
            return "POST", f"/children/{args.child}/{args.verb}", _said(args, "line", "device", "prefix")
        case "invite":
            return "POST", "/caregivers", _said(args, "nickname", "role", "phone")
        case "accept":
            return "POST", "/accept", _said(args, "code")
        case "role":
            return "PATCH", f"/caregivers/{args.caregiver}", _said(args, "role")
        case _:
            return "DELETE", f"/caregivers/{args.caregiver}", None


def _said(args: argparse.Namespace, *keys: str) -> dict[str, Any]:
    return {key: getattr(args, key) for key in keys if getattr(args, key) is not None}


def _list(args: argparse.Namespace) -> None:
    for found in call_pages(args, "accounts"):
        print(json.dumps(found) if args.json else _head(found))


def _show(args: argparse.Namespace, found: dict[str, Any]) -> None:
    print(json.dumps(found) if args.json else "\n".join(lines_of(found)))


def lines_of(found: dict[str, Any]) -> list[str]:
    """An answer of the API in words: an account, or a caregiver with a code where there is one."""
    if "role" in found:
        code = f"; code, shown once: {found['code']}" if "code" in found else ""
        return [_caregiver(found) + code]
    account = found.get("account", found)
    made = [f"child {found['child']}: added"] if "child" in found else []
    return [
        *made,
        _head(account),
        *(_line(each) for each in account["lines"]),
        *(_child(each) for each in account["children"]),
        *("  " + _caregiver(each) for each in account["caregivers"]),
    ]


def _head(account: dict[str, Any]) -> str:
    return f"account {account['id']} {account['name'] or '(no name)'}" + (
        f", {account['language']}" if account["language"] else ""
    )


def _line(line: dict[str, Any]) -> str:
    offers = line["offers"]
    rules = ", ".join(offers["rules"]) or "nothing yet"
    given = f"; a child can have: {' or '.join(offers['children'])}" if offers["children"] else ""
    return f"  line {line['id']} {line['label']}: level {line['level']}, profile {line['profile']}; {rules}{given}"


def _child(child: dict[str, Any]) -> str:
    has = [" ".join(f"{kind} {value}" for kind, value in each.items()) for each in child["has"]]
    born = f", born {child['birth_year']}" if child["birth_year"] else ""
    return (
        f"  child {child['id']} {child['nickname']}{born}: profile {child['profile']}; "
        f"has {', '.join(has) or 'nothing'}; can be enforced: {', '.join(child['offers']) or 'nothing yet'}"
    )


def _caregiver(found: dict[str, Any]) -> str:
    return f"caregiver {found['id']} {found['nickname']}: {found['role']}, {found['state']}"
