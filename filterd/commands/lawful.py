"""`filterd lawful list|record|answer|export`: the register of lawful requests, over the API."""

import argparse
import json
import sys

from filterd.client.api_client import add_api_arguments, call, call_pages, read_answer
from filterd.verbs import add_verb, add_verbs

EXAMPLE = """filterd lawful list
filterd lawful record --authority NCCIA --reference NCCIA/2026/17 --basis 'PECA 2016, section 31' --kind preservation \
--issued 2026-08-04
filterd lawful answer 7 nothing"""
KINDS = ("interception", "identity", "traffic", "preservation", "records", "other")
ANSWERS = ("outside", "nothing", "refused")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    examples = EXAMPLE.splitlines()
    listed = add_verb(verbs, "list", "list what authorities have asked for", examples[0])
    new = add_verb(verbs, "record", "write a request down, without whom or what it is about", examples[1])
    for name, meaning in (
        ("authority", "who asks"),
        ("reference", "of the letter"),
        ("basis", "the law, as the authority cites it"),
    ):
        new.add_argument(f"--{name}", required=True, metavar="TEXT", help=meaning)
    new.add_argument("--kind", required=True, choices=KINDS, help="what it asks for")
    new.add_argument("--issued", required=True, metavar="DAY", help="day of the letter: 2026-08-04")
    given = add_verb(verbs, "answer", "note an answer; hold and records take two persons, at the desk", examples[2])
    given.add_argument("id", type=int, metavar="ID", help="of the request")
    given.add_argument("answer", choices=ANSWERS, help="outside: by the operator's own interception process")
    out = add_verb(verbs, "export", "write the whole register to stdout", "filterd lawful export > lawful.csv")
    out.add_argument("--format", choices=("csv", "ndjson"), default="csv")
    for verb in (listed, new, given, out):
        add_api_arguments(verb)
    for verb in (listed, new, given):
        verb.add_argument("--json", action="store_true", help="the API's objects, one for each line")


def run(args: argparse.Namespace) -> int:
    match args.verb:
        case "export":
            sys.stdout.buffer.write(read_answer(args, f"/v1/lawful-requests/file?format={args.format}"))
            return 0
        case "list":
            found = call_pages(args, "lawful-requests", key="requests")
        case "record":
            said = {name: getattr(args, name) for name in ("authority", "reference", "basis", "kind", "issued")}
            found = iter([call(args, "POST", "/v1/lawful-requests", said)])
        case _:
            found = iter([call(args, "POST", f"/v1/lawful-requests/{args.id}/answer", {"answer": args.answer})])
    for row in found:
        print(json.dumps(row) if args.json else _line(row))
    return 0


def _line(row: dict[str, str | int | bool | None]) -> str:
    state = row["answer"] if row["is_answered"] else f"{row['answer']}, waits for a second person"
    about = ", ".join(str(row[name]) for name in ("authority", "reference", "basis", "kind", "issued"))
    return f"{row['id']}: {about}: {state if row['answer'] else 'not answered'}"
