"""`filterd audit pull|export|bundle|verify|stats|holds|checkpoint|cosign|witness|move|redact|clock`.

What an auditor takes over the API, and checks without it; what a second box says of it; where the records are."""

import argparse
import json
import re
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from filterd.box.as_owner import as_owner_of
from filterd.box.errors import ApiRefusal, MissingPart, WrongUse
from filterd.box.places import BLOCKS, keys_folder
from filterd.client.api_client import add_api_arguments, call, copy_answer, with_query
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.images.explain.progress import progress_bar
from filterd.process.database.access import opened_for_control
from filterd.verbs import add_verb, add_verbs, number

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from filterd.audit.archive.block_move import BlockMove
    from mgmt.ledger.block_verifier import Lines
    from mgmt.ledger.block_verifier import Summary as FoundBlocks
    from mgmt.ledger.verifier import Summary as Found

EXAMPLE = "filterd audit pull --since 2026-11-24T00:00:00+05:00 --format csv > blocks.csv"
EXPORT = """filterd audit export > ledger.ndjson
filterd audit export --event 4711 > one-event.ndjson"""
BUNDLE = """filterd audit bundle --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z > november.ndjson
filterd audit bundle --record 4711/3 > one-record.ndjson"""
CHECKPOINT = """filterd audit checkpoint --blocks > october.txt
filterd audit checkpoint --blocks --continues october.txt --key 'gw1/filterd-blocks+bbf69a00+AQOh…' > november.txt"""
VERIFY = """filterd audit verify ledger.ndjson
filterd audit verify ledger.ndjson --key 'gw1/filterd-ledger+bbf69a00+AQOh…' --checkpoint kept-in-october.txt
filterd audit verify confirmation.json --key 'gw1/filterd-ledger+bbf69a00+AQOh…'"""
STATS = """filterd audit stats --since 2026-11-01T00:00:00+05:00 --json
filterd audit stats --quarters
filterd audit stats --quarter 2026-Q4 --format pdf > statistics.pdf"""
HOLDS = "filterd audit holds --json"
COSIGN = "filterd audit cosign --witness http://witness.example:8099 --key 'witness.example+a3b1c2d4+BJk…' > kept.txt"
WITNESS = "filterd audit witness --listen 192.0.2.9:8099 --state state --name witness.example --log 'gw1+bbf6+AQ…'"
SIGNED = (b'{"note":', b"{\n", b"{\r\n")  # how signed files begin, also where a tool has indented one
CLOCK = "filterd audit clock --confirm"
MOVE = """systemctl stop filterd-control filterd-archive
filterd audit move"""
REDACT = "filterd audit redact 4711 --reason 'order 12/2026 of the court'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    pull = add_verb(verbs, "pull", "records of blocks, streamed to stdout", EXAMPLE)
    forms = ("ndjson", "csv", "parquet")
    pull.add_argument("--format", choices=forms, default="ndjson", help="default: ndjson")
    pull.add_argument("--order", type=int, metavar="NUMBER", help="of this order alone")
    pull.add_argument("--list", metavar="ID", help="of this list alone")
    pull.add_argument("--category", metavar="NAME", help="of this category alone")
    pull.add_argument("--channel", metavar="NAME", help="of this one alone: dns, sni, http, quic, lock, address")
    pull.add_argument("--province", metavar="CODE", help="of lines there alone: PK-PB, or unknown")
    export = add_verb(verbs, "export", "the ledger, as a bundle that can be verified, streamed to stdout", EXPORT)
    export.add_argument("--event", type=int, metavar="NUMBER", help="this event alone, with its proof")
    bundle = add_verb(verbs, "bundle", "records of blocks with their proof, by whole days (UTC), to stdout", BUNDLE)
    bundle.add_argument("--record", metavar="BATCH/RECORD", help="this record alone: both numbers count from 0")
    what = "check a bundle offline, and name the first event that is not as signed; or a file that filterd has signed"
    verify = add_verb(verbs, "verify", what, VERIFY)
    verify.add_argument("bundle", metavar="FILE", help="what export or bundle wrote, or a signed file; - for stdin")
    verify.add_argument("--key", action="append", default=[], metavar="KEY", help="believe this verifier key alone")
    verify.add_argument(
        "--checkpoint", action="append", default=[], type=Path, metavar="FILE", help="one that you have kept"
    )
    verify.add_argument(
        "--witness", action="append", default=[], metavar="KEY", help="this witness must have cosigned the checkpoint"
    )
    what = "counts of events by month, kind, action and issuer; or the statistics of a quarter, as they were published"
    stats = add_verb(verbs, "stats", what, STATS)
    stats.add_argument("--quarters", action="store_true", help="which quarters were published, and by which node")
    stats.add_argument("--quarter", metavar="YEAR-Qn", help="give this quarter, signed, to stdout")
    stats.add_argument("--node", help="of this gateway; default: of all that share the database")
    of_quarter = ("json", "csv", "svg", "pdf")
    stats.add_argument("--format", choices=of_quarter, default="json", help="of a quarter; default: json, signed")
    holds = add_verb(verbs, "holds", "which block records stay although they are old, why, and until when", HOLDS)
    holds.add_argument("--json", action="store_true", help="objects, one for each line")
    add_api_arguments(holds)
    checkpoint = add_verb(verbs, "checkpoint", "the newest checkpoint, to be kept elsewhere", CHECKPOINT)
    checkpoint.add_argument("--continues", type=Path, metavar="FILE", help="only if it continues this one")
    checkpoint.add_argument("--key", dest="keys", action="append", default=[], metavar="KEY", help="that signed both")
    cosign = add_verb(verbs, "cosign", "the newest checkpoint, cosigned by a witness", COSIGN)
    cosign.add_argument("--witness", required=True, metavar="URL", help="where it listens")
    cosign.add_argument("--key", dest="key_of_witness", required=True, metavar="KEY", help="its verifier key")
    for verb in (checkpoint, cosign):
        verb.add_argument("--blocks", action="store_true", help="of the records of blocks; default: of the ledger")
        add_api_arguments(verb)
    witness = add_verb(verbs, "witness", "cosign checkpoints of other boxes, until it is stopped", WITNESS)
    witness.add_argument("--listen", required=True, metavar="ADDRESS:PORT")
    witness.add_argument("--state", type=Path, required=True, metavar="FOLDER", help="of its key and what it has seen")
    witness.add_argument("--name", required=True, help="of the witness, in its key and signatures")
    witness.add_argument("--log", action="append", required=True, metavar="KEY", help="the verifier key of a log")
    for verb in (pull, export, bundle, stats):
        verb.add_argument("--since", metavar="ISO8601", help="default: from the first record")
        verb.add_argument("--until", metavar="ISO8601", help="default: until now")
        add_api_arguments(verb)
    for verb in (verify, stats):
        verb.add_argument("--json", action="store_true", help="objects, one for each line")
    move = add_verb(verbs, "move", "move block records of the database into files, with proof", MOVE)
    move.add_argument("--json", action="store_true", help="one object")
    redact = add_verb(verbs, "redact", "destroy the text of one event for good; an event says so", REDACT)
    redact.add_argument("event", type=number, metavar="NUMBER")
    redact.add_argument("--reason", required=True, help="by whose order, and why")
    clock = add_verb(verbs, "clock", "whether the clock is believed when old records are destroyed", CLOCK)
    clock.add_argument("--confirm", action="store_true", help="it is right: believe it as it is now; an event says so")
    for verb in (move, redact, clock):
        verb.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")


def run(args: argparse.Namespace) -> int:
    match args.verb:
        case "pull":
            chosen = {name: getattr(args, name) for name in ("order", "list", "category", "channel", "province")}
            _stream(args, "/v1/audit/blocks", format=args.format, **chosen)
        case "export" if args.event is not None:
            _stream(args, f"/v1/audit/ledger/{args.event}")
        case "export":
            _stream(args, "/v1/audit/ledger")
        case "bundle" if args.record is not None:
            if not re.fullmatch("[0-9]+/[0-9]+", args.record):
                raise WrongUse(f"--record {args.record}: no record; nothing written; write BATCH/RECORD, as 4711/3")
            _stream(args, f"/v1/audit/blocks/bundle/{quote(args.record)}")
        case "bundle":
            _stream(args, "/v1/audit/blocks/bundle")
        case "verify":
            return _verify(args)
        case "stats" if args.quarter is not None:
            path = f"/v1/audit/statistics/{quote(args.quarter, safe='')}"
            asked = {"format": args.format, "node": args.node or None}
            copy_answer(args, with_query(path, asked), sys.stdout.buffer)
        case "stats" if args.quarters:
            _quarters(args)
        case "stats":
            _stats(args)
        case "holds":
            _holds(args)
        case "checkpoint":
            from filterd.client.cosignature import checkpoint

            print(checkpoint(args), end="")
        case "cosign":
            from filterd.client.cosignature import cosigned_checkpoint

            print(cosigned_checkpoint(args), end="")
        case "witness":
            _witness(args)
        case "move":
            return _move(args)
        case "redact":
            _redact(args)
        case _:
            return _clock(args)
    return 0


def _stream(args: argparse.Namespace, path: str, **more: str | int | None) -> None:
    copy_answer(args, _within(args, path, **more), sys.stdout.buffer)


def _within(args: argparse.Namespace, path: str, **more: str | int | None) -> str:
    """A path that asks for a span of time."""
    return with_query(path, {"since": args.since, "until": args.until, **more})


def _verify(args: argparse.Namespace) -> int:
    from mgmt.ledger.block_verifier import lines_of
    from mgmt.ledger.verifier import Defect

    held = [_kept(path) for path in args.checkpoint]
    try:
        with sys.stdin.buffer if args.bundle == "-" else Path(args.bundle).open("rb") as file:
            lines = lines_of(file)
            if lines.peek().startswith(SIGNED):
                return _verify_signed(args, b"".join(lines))
            found, sentence = _verified(lines, args.key, held, args.witness)
    except Defect as reason:
        print(json.dumps({"whole": False, "fault": str(reason)}) if args.json else f"{args.bundle}: {reason}")
        return 1
    except (OSError, UnicodeDecodeError) as reason:
        raise WrongUse(f"{args.bundle}: {reason}; nothing verified; name a file of filterd audit export") from reason
    if args.json:
        print(json.dumps({"whole": True, **found._asdict(), "root": found.root.hex()}))
    else:
        print(f"{args.bundle}: {sentence}")
        if not args.key:
            print(
                "hint: the key is the bundle's own; compare it with the one that you have, or give --key",
                file=sys.stderr,
            )
    return 0


def _kept(path: Path) -> str:
    """A checkpoint that an auditor has kept."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as reason:
        why = reason.strerror if isinstance(reason, OSError) else "not UTF-8"
        raise WrongUse(
            f"--checkpoint {path}: {why}; nothing verified; name a checkpoint that you have kept"
        ) from reason


def _verify_signed(args: argparse.Namespace, document: bytes) -> int:
    """A signed file: of a quarter, an order, a public list; it does not hold its key."""
    from filterd.audit.signed_files import check_file

    if not args.key:
        raise WrongUse(f"{args.bundle}: a signed file does not hold its key; nothing verified; give it with --key")
    try:
        found = check_file(document, args.key, None if args.bundle == "-" else Path(args.bundle).parent)
    except ValueError as reason:
        print(json.dumps({"whole": False, "fault": str(reason)}) if args.json else f"{args.bundle}: {reason}")
        return 1
    said = {"whole": True, **found.about, "sha256": found.sha256}
    print(json.dumps(said) if args.json else f"{args.bundle}: {found.what}, as signed")
    if "answer" in found.about:
        which = f"--sha256 {found.sha256}"
        print(f"whether another one supersedes it by now says: filterd orders confirm … {which}", file=sys.stderr)
    return 0


def _verified(
    lines: "Lines", keys: list[str], held: list[str], witnesses: list[str]
) -> tuple["Found | FoundBlocks", str]:
    """What a bundle of the ledger or of block records holds, and the sentence that says so.   Raises Defect"""
    from filterd.audit.archive.batch_tree import COMPILED
    from mgmt.ledger import block_verifier, verifier

    if block_verifier.is_head(lines.peek()):
        of_blocks = block_verifier.verify(lines, keys, held, witnesses, COMPILED)
        return of_blocks, block_verifier.sentence(of_blocks)
    found = verifier.verify(lines, keys, held, witnesses)
    return found, verifier.sentence(found)


def _stats(args: argparse.Namespace) -> None:
    for row in call(args, "GET", _within(args, "/v1/audit/stats"))["counts"]:
        named = " ".join(filter(None, (row["month"], row["kind"], row["action"], row["issuer"])))
        print(json.dumps(row) if args.json else f"{row['count']:>9}  {named}")


def _quarters(args: argparse.Namespace) -> None:
    for row in call(args, "GET", "/v1/audit/statistics")["releases"]:
        line = " ".join(filter(None, (row["quarter"], row["node"], row["made"], row["sha256"])))
        print(json.dumps(row) if args.json else line)


def _holds(args: argparse.Namespace) -> None:
    for row in call(args, "GET", "/v1/audit/holds")["holds"]:
        print(json.dumps(row) if args.json else _hold_line(row))


def _hold_line(row: dict[str, Any]) -> str:
    named = [f"{name} {row[name]}" for name in ("order", "list", "category", "subscriber") if row[name] is not None]
    span = f"records from {row['since'] or 'the first one'} to {row['until']}"
    keys = ", with the keys of its days" if row["keeps_keys"] else ""
    gone = f"; those of before {row['gone_before']} were gone when it began" if row["gone_before"] else ""
    return (
        f"hold {row['hold']}: {row['state']}, by {row['reference']}, until {row['ends']}: "
        f"{', '.join([span, *named])}{keys}{gone}"
    )


def _witness(args: argparse.Namespace) -> None:
    """Serve until a signal."""
    from aiohttp import web

    from filterd.audit.witness import Witness, app_of
    from filterd.box.keys import key_at
    from filterd.process.instance import only_instance
    from mgmt.ledger.checkpoint import KEY_OCTETS, Cosigner

    host, _, port = args.listen.rpartition(":")
    if not host or not port.isdigit() or "+" in args.name or args.name.split() != [args.name]:
        raise WrongUse("witness: --listen or --name is not fit; not started; write ADDRESS:PORT, and a name without + ")
    args.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with only_instance(args.state, "witness"):
        try:
            cosigner = Cosigner(key_at(args.state / "witness.key", KEY_OCTETS), args.name)
            witness = Witness(args.state, cosigner, args.log)
        except ValueError as reason:
            raise WrongUse(f"witness: {reason}; not started; give verifier keys of logs with --log") from reason
        print(f"witness {cosigner.vkey} listens at {args.listen}", flush=True)
        try:
            web.run_app(app_of(witness, time.time), host=host.strip("[]"), port=int(port), print=None)
        except (OSError, OverflowError) as reason:
            raise MissingPart(
                f"witness: {args.listen}: {reason}; stopped; give another address with --listen"
            ) from reason


def _move(args: argparse.Namespace) -> int:
    try:
        from filterd.audit.archive.block_move import BlockMove, make_folders
        from filterd.audit.block_batches import BATCHES
    except ImportError as reason:
        raise MissingPart(f"block records: {reason}; nothing moved; install filterd[audit]") from reason
    config = loaded(args.config)
    folder, fault = config.state_dir / BLOCKS, None
    make_folders(config.state_dir, folder)
    with ExitStack() as opened:
        opened.enter_context(as_owner_of(folder / BATCHES))
        engine = opened.enter_context(opened_for_control(config, acts_as=""))
        place = folder, keys_folder(config.state_dir), engine, socket.gethostname()
        move = opened.enter_context(BlockMove(*place, keeps_household=config.retention.household > 0))
        try:
            _move_all(move)
        except (ValueError, sqlite3.Error) as reason:
            fault = f"{reason}; what was not proven is in the database still"
    moved = move.moved
    if args.json:
        print(json.dumps(msgspec.structs.asdict(moved) | {"fault": fault}))
    else:
        theirs = f", {moved.household} of them of households" if moved.household else ""
        dropped = f"; {moved.dropped} of households removed, which keep nothing" if moved.dropped else ""
        found = f"; {moved.found} others were in files already" if moved.found else ""
        tree = f"; proven in the tree of {moved.size} batches, root {moved.root}" if moved.size else ""
        print(f"block records: {moved.rows} rows moved{theirs}, {moved.blocks} blocks{dropped}{found}{tree}")
        if fault:
            print(f"filterd audit: {fault}", file=sys.stderr)
    return int(fault is not None)


def _move_all(move: "BlockMove") -> None:
    with progress_bar("moving records", "rows") as progress:
        total = move.begin()
        done = 0
        while n := move.move_some():
            done += n
            if progress is not None:
                progress(done, total)


def _redact(args: argparse.Namespace) -> None:
    from mgmt.ledger.event import account
    from mgmt.ledger.store import redact

    try:
        with _database(args) as conn:
            by = redact(conn, args.event, args.reason, account(), datetime.now(UTC))
    except LookupError as reason:
        raise ApiRefusal(str(reason)) from reason
    except ValueError as reason:
        raise WrongUse(str(reason)) from reason
    print(f"event {args.event}: its text is destroyed; event {by} says so")


def _clock(args: argparse.Namespace) -> int:
    from mgmt.ledger.event import account
    from mgmt.ledger.trusted_clock import ClockStep, confirm, iso, look, read_clocks

    clocks = read_clocks()
    try:
        with _database(args) as conn:
            if args.confirm:
                confirm(conn, clocks, account())
            time_s, step_s = look(conn, clocks)
    except ClockStep as reason:
        print(reason)
        return 1
    print(f"clock: {iso(clocks.wall_s)}; " + (f"not believed, {iso(time_s)} is" if step_s else "believed"))
    return int(bool(step_s))


@contextmanager
def _database(args: argparse.Namespace) -> Iterator["Connection"]:
    """A transaction of this box's database.   Raises MissingPart"""
    from parental.store.database import writing
    from parental.store.errors import DatabaseFault

    try:
        with opened_for_control(loaded(args.config), acts_as="") as engine, writing(engine) as conn:
            yield conn
    except DatabaseFault as reason:
        raise MissingPart(f"ledger: nothing changed; {reason}") from reason
