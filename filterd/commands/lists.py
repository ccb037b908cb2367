"""`filterd lists …`: show, fetch and approve the lists of this box."""

import argparse
import asyncio
import hashlib
import json
import os
import pwd
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from filterd.box.as_owner import become_owner_of
from filterd.box.errors import ApiRefusal, MissingPart, WrongUse
from filterd.box.places import CONTROL, LISTS, control_socket
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.config import Config
from filterd.config.schema import SEALED_ORDERS, ListEntry
from filterd.images.list_entries import tell_entries, tell_orders
from filterd.images.lists.additions import add, show
from filterd.images.lists.jobs import pull_list, take
from filterd.images.lists.public_files import publish
from filterd.images.lists.rails import protected_of
from filterd.images.lists.sources import described, reading_of, shelf_of, source_of
from filterd.images.lists.status import instant, told
from filterd.images.lists.zone_copies import newest_of, zone_timers
from filterd.process.codec import Message
from filterd.process.confinement import drop_capabilities
from filterd.process.json_socket import NoAnswer, ask_blocking, cure_of
from filterd.process.lifecycle import keep_memory_private
from filterd.verbs import add_verb, add_verbs
from rules.base.atomic_file import writing_whole
from rules.base.errors import BadList, BadSource
from rules.lists.compiler.dry_run import DryRun, dry_run
from rules.lists.compiler.export import export_source
from rules.lists.compiler.guards import Rails
from rules.lists.diff import Change, iter_changes
from rules.lists.publication import TooMany
from rules.lists.reader import read_source
from rules.lists.versions import ListHistory, Version

EXAMPLE = """filterd lists list
filterd lists diff pta
filterd lists approve pta --version 3f2a91c0"""
# Verb → (what it is for, its example).
VERBS = {
    "list": ("show every list: its last good version, what is held, what is wrong", "list --json"),
    "diff": (
        "show what the held version, or a file, would change, or what the last good one changed; stopped rules first",
        "diff pta --file next.csv",
    ),
    "approve": ("accept the held version; returns when it is in force", "approve pta --version 3f2a91c0"),
    "rollback": (
        "return to the previous good version, or to an earlier one; the present one is held",
        "rollback pta --version 3f2a91c0",
    ),
    "export": ("print the last good version as filterd's own JSON (format native)", "export pta -o pta.json"),
    "entries": (
        "how far each entry of a sealed list, or of sealed-orders, is enforced, by its line, for its owner",
        "entries iwf --json",
    ),
    "refresh": ("fetch the sources now; returns when the result is in force", "refresh pta"),
    "sources": ("show the lists that filterd knows where to get, with their licences", "sources --json"),
    "add-source": ("write such lists into the configuration", "add-source ut1-gambling youtube"),
    "pull": ("fetch the URLs of these lists in this process; control does so automatically", "pull pta"),
    "publish": (
        "write the files of these lists that are public; control does so, and signs them",
        "publish ads",
    ),
    "take": (
        "judge the waiting versions of these lists in this process; control does so automatically",
        "take pta",
    ),
}
SHOWN = 20  # changes of each kind, on a terminal
ANSWER_S = 900.0  # a pull, a reading and a compilation
TAKE_OCTETS = 1 << 30  # of memory, for a version on its way in; its reader has as much
AT_ONCE = 8  # pulls


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    made = {name: add_verb(verbs, name, purpose, f"filterd lists {shown}") for name, (purpose, shown) in VERBS.items()}
    listed, diff, approve, rollback, export, entries, refresh, sources, added, pull, published, taken = made.values()
    for verb in (diff, approve, rollback, export, entries):
        verb.add_argument("list", metavar="LIST")
    approve.add_argument("--version", default="", metavar="DIGEST", help="only if the version has these first digits")
    which = diff.add_mutually_exclusive_group()
    which.add_argument("--file", type=Path, metavar="FILE", help="a version that has not come yet")
    which.add_argument("--to", metavar="DIGEST", help="an earlier version, or the held one, by its first digits")
    diff.add_argument("--all", action="store_true", help=f"all changes, not {SHOWN} of each kind")
    diff.add_argument("--most", type=int, metavar="N", help="with --json: at most so many changes of each kind")
    for verb in (listed, refresh):
        verb.add_argument("lists", nargs="*", metavar="LIST", help="default: all")
    for verb in (pull, published, taken):
        verb.add_argument("lists", nargs="+", metavar="LIST")
    for verb in (pull, diff):
        verb.add_argument("--confined", action="store_true", help="without any capability, as control's job")
    rollback.add_argument(
        "--version", default="", metavar="DIGEST", help="of an earlier version; default: the last one"
    )
    export.add_argument("-o", "--out", type=Path, metavar="FILE", help="default: stdout")
    added.add_argument("sources", nargs="+", metavar="SOURCE", help="as `filterd lists sources` names it, or a service")
    added.add_argument("--print", action="store_true", dest="is_shown", help="only print the lines")
    for verb in (listed, diff, approve, rollback, export, entries, refresh, added, pull, published, taken):
        verb.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")
    for verb in (listed, diff, approve, rollback, entries, refresh, sources):
        verb.add_argument("--json", action="store_true", help="one object for each line")


def run(args: argparse.Namespace) -> int:
    if args.verb == "sources":
        return show(args.json)
    if args.verb == "add-source":
        return add(args.config, args.sources, args.is_shown)
    config = loaded(args.config)
    if args.verb == "entries" and args.list == SEALED_ORDERS:
        return tell_orders(config, args.json)
    entries = _chosen(config, [args.list] if "list" in args else args.lists)
    if args.verb in ("publish", "pull", "take"):
        become_owner_of(config.state_dir / LISTS)
    try:
        match args.verb:
            case "list":
                return _list(config, entries, args.json)
            case "diff":
                if args.confined:
                    keep_memory_private()
                    drop_capabilities()
                return _diff(config, entries[0], args)
            case "export":
                return _export(config, entries[0], args.out)
            case "entries":
                return tell_entries(config, entries[0], args.json)
            case "publish":
                return _publish(config, entries)
            case "pull":
                keep_memory_private()
                if args.confined:
                    drop_capabilities()
                asyncio.run(_pull(config, entries))
                return 0
            case "take":
                keep_memory_private()
                resource.setrlimit(resource.RLIMIT_DATA, (TAKE_OCTETS, TAKE_OCTETS))
                take(config, [entry.id for entry in entries], time.time())
                return 0
            case _:
                return _ask(config, args)
    except PermissionError as reason:
        raise MissingPart(
            f"{reason.filename}: may not be read; nothing done; run as the account of control"
        ) from reason


def _chosen(config: Config, ids: list[str]) -> list[ListEntry]:
    known = {entry.id: entry for entry in config.lists}
    for each in ids:
        if each not in known:
            raise WrongUse(f"list {each!r}: not in the configuration; nothing done; {', '.join(known) or 'none'} are")
    return [known[each] for each in ids] if ids else list(config.lists)


async def _pull(config: Config, entries: list[ListEntry]) -> None:
    at_once = asyncio.Semaphore(AT_ONCE)

    async def pull(entry: ListEntry) -> None:
        async with at_once:
            await pull_list(config, entry, time.time())

    async with asyncio.TaskGroup() as group:
        for entry in entries:
            if entry.file is None:
                group.create_task(pull(entry))


def _ask(config: Config, args: argparse.Namespace) -> int:
    """Send the request to control, which owns the copies."""
    by = os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    request: Message = {"op": f"lists_{args.verb}", "by": by}
    if args.verb == "refresh":
        request["lists"] = args.lists or None
    else:
        request |= {"list": args.list, "version": args.version}
    try:
        reply = ask_blocking(control_socket(config.run_dir), CONTROL, request, ANSWER_S)
    except NoAnswer as reason:
        raise MissingPart(f"control: {reason}; nothing done; {cure_of(reason)}") from reason
    if not reply.pop("ok", False):
        raise ApiRefusal(str(reply.get("error", "refused without a reason")))
    print(json.dumps(reply) if args.json else f"done: names {'/'.join(map(str, reply['generations']['names']))}")
    if not args.json:
        if (cut := reply.get("cut")) is not None:
            print(f"what runs of new names: {cut['ended']} connections ended, {cut['still_open']} go on")
        for where, fault in reply["faults"].items():
            print(f"{where}: {fault}")
    return 1 if args.verb == "refresh" and _of(reply["faults"], args.lists) else 0


def _of(faults: dict[str, str], ids: list[str]) -> list[str]:
    return [where for where in faults if not ids or where.removeprefix("list ") in ids]


# ----------------------------------------------------------------------------------------------------------------------


def _list(config: Config, entries: list[ListEntry], is_json: bool) -> int:
    is_all_well = True
    for entry in entries:
        try:
            kept = shelf_of(config, entry).kept()
        except ValueError as reason:
            raise ApiRefusal(str(reason)) from reason
        said = told(entry, kept, zone_timers(config, entry, kept), time.time())
        if entry.zone is not None:
            newest = newest_of(config, entry, kept)
            said["serial"] = newest and newest.serial
        is_all_well &= not said["faults"]
        print(json.dumps(said) if is_json else "\n".join(_lines(entry, kept, said)))
    return 0 if is_all_well else 1


def _lines(entry: ListEntry, kept: ListHistory, said: dict[str, Any]) -> Iterator[str]:
    good = kept.good
    yield f"{entry.id}: " + (_line(good) if good else "no good version yet")
    if said.get("serial") is not None:
        yield f"  newest serial: {said['serial']}"
    yield from (f"  before: {_line(each)}" for each in kept.older)
    yield from (f"  {fault}" for fault in said["faults"])


def _line(version: Version) -> str:
    kind = "seed" if version.is_seed else "version"
    return (
        f"{kind} {version.sha256[:16]} of {instant(version.fetched_s)}, {version.n_rules:,} rules, "
        f"{version.n_skipped:,} lines not enforced, {version.octets:,} octets, from {version.origin}"
    )


# ----------------------------------------------------------------------------------------------------------------------


def _diff(config: Config, entry: ListEntry, args: argparse.Namespace) -> int:
    source = described(config, entry)
    if source.is_sealed:
        raise ApiRefusal(
            f"list {entry.id}: sealed, so that no one here can read it; not compared; "
            f"filterd lists list {entry.id} has the counts of both versions, and why one is held"
        )
    old, new = _compared(config, entry, args.file, args.to)
    readers = [partial(read_source, source_of(config, entry, version)) for version in (old, new)]
    if args.file:
        readers[1] = partial(read_source, replace(source, path=args.file))
    try:
        rails = Rails(source, protected_of(config))
        found = dry_run(iter_changes(*readers), rails, args.most if args.json or args.all else SHOWN)
    except BadList as reason:
        raise ApiRefusal(f"list {entry.id}: {reason}") from reason
    head = {"list": entry.id, "from": old.sha256, "to": new.sha256, "added": found.n_added, "removed": found.n_removed}
    head |= {"held": found.held, "kinds": found.kinds}
    print(json.dumps(head) if args.json else "\n".join(_head(entry, old, new, found)))
    for change, why in [] if source.confidential else found.told:
        said = _change(change, why)
        print(
            json.dumps(said)
            if args.json
            else f"  {'+' if change.is_added else '-'} {said['value']} "
            f"({said['mode']})" + (f": {said['why']}" if said["why"] else "")
        )
    return 1 if found.n_added or found.n_removed else 0


def _compared(config: Config, entry: ListEntry, file: Path | None, to: str | None) -> tuple[Version, Version]:
    """The two versions to compare.   file  a version that has not come yet;   to  the start of a digest

    Raises ApiRefusal"""
    kept = shelf_of(config, entry).kept()
    if to is not None and kept.good is not None:
        found = [each for each in (kept.held, *kept.older) if each is not None and each.sha256.startswith(to.lower())]
        if not found:
            raise ApiRefusal(
                f"list {entry.id}: no version {to[:16]} is kept; nothing compared; see: filterd lists list"
            )
        return kept.good, found[0]
    new = kept.held or kept.good if file is None else _version_in(entry, file)
    old = kept.good if kept.held or file else next(iter(kept.older), None)
    if new is None or old is None:
        raise ApiRefusal(f"list {entry.id}: one version or none is kept; nothing compared; see: filterd lists list")
    return old, new


def _export(config: Config, entry: ListEntry, out: Path | None) -> int:
    good = shelf_of(config, entry).kept().good
    if good is None:
        raise ApiRefusal(
            f"list {entry.id}: no good version yet; nothing exported; see what is wrong: filterd lists list"
        )
    source, at = source_of(config, entry, good), datetime.fromtimestamp(good.fetched_s, UTC)
    try:
        with nullcontext(sys.stdout.buffer) if out is None else writing_whole(out) as file:
            export_source(source, file, int(good.fetched_s), at)
    except (BadList, BadSource) as reason:
        raise ApiRefusal(str(reason)) from reason
    return 0


def _publish(config: Config, entries: list[ListEntry]) -> int:
    keep_memory_private()
    drop_capabilities()
    for entry in entries:
        try:
            publish(config, entry, datetime.now(UTC))
        except (BadList, BadSource, TooMany) as reason:
            raise ApiRefusal(f"list {entry.id}: {reason}") from reason
    return 0


def _version_in(entry: ListEntry, file: Path) -> Version:
    """A file as the list's next version.   Raises ApiRefusal."""
    try:
        with file.open("rb") as octets:
            digest = hashlib.file_digest(octets, "sha256").hexdigest()
        return Version(digest, file.stat().st_size, str(file), reading_of(entry), file.stat().st_mtime)
    except OSError as reason:
        raise ApiRefusal(
            f"{file}: {reason.strerror or reason}; nothing compared; check path and permissions"
        ) from reason


def _head(entry: ListEntry, old: Version, new: Version, found: DryRun) -> Iterator[str]:
    yield (
        f"{entry.id}: {old.sha256[:16]} ({old.n_rules:,} rules) to {new.sha256[:16]}: "
        f"{found.n_added:,} added, {found.n_removed:,} removed"
    )
    if found.kinds:
        yield "  added: " + ", ".join(f"{n:,} {kind}" for kind, n in sorted(found.kinds.items()))
    yield from (f"  {n:,} not enforced: {why}" for why, n in sorted(found.held.items()))


def _change(change: Change, why: str | None) -> dict[str, Any]:
    return {
        "change": "added" if change.is_added else "removed",
        "value": change.value,
        "mode": change.rule.mode.name.lower(),
        "line": change.rule.line,
        "why": why,
    }
