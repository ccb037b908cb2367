"""`filterd db upgrade|check|backup|restore`: the database's revision, health and copies."""

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from filterd.box.errors import MissingPart, WrongUse
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.config import Config
from filterd.verbs import add_verb, add_verbs

if TYPE_CHECKING:
    from filterd.process.database.health import Health
    from parental.store.engines import Where

EXAMPLE = """filterd db check
filterd db backup /root/filterd-2026-11-27.db
filterd db upgrade"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    upgrade = "bring the database to this release's revision; on a new box, make it"
    check = "tell revision, soundness, size and room on the disk; exit 1 where something is wrong"
    copy = "copy the database into FILE, its digest into FILE.sha256"
    back_up = add_verb(verbs, "backup", copy, "filterd db backup /root/filterd-2026-11-27.db")
    put_back = "put a copy back; control and web must be stopped"
    restore = add_verb(verbs, "restore", put_back, "filterd db restore /root/filterd-2026-11-27.db --force")
    for verb in (back_up, restore):
        verb.add_argument("file", type=Path, metavar="FILE", help="the copy")
    restore.add_argument("--force", action="store_true", help="replace the database that is there")
    for verb in (
        add_verb(verbs, "upgrade", upgrade, "filterd db upgrade --config /etc/filterd/filterd.yaml"),
        add_verb(verbs, "check", check, "filterd db check --json"),
        back_up,
        restore,
    ):
        verb.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")
        verb.add_argument("--json", action="store_true", help="one object")


def run(args: argparse.Namespace) -> int:
    # late: the database is not needed for --help
    from filterd.process.database.access import as_owner_of_database, database_of

    config = loaded(args.config)
    where = database_of(config)
    match args.verb:
        case "upgrade":
            with as_owner_of_database(where):
                return _upgrade(where, args.json)
        case "check":
            with as_owner_of_database(where):
                return _check(where, args.json)
        case "backup":
            return _back_up(where, args.file, args.json)
        case _:
            return _restore(config, where, args)


def _upgrade(where: "Where", is_json: bool) -> int:
    from filterd.process.database.copies import make_file
    from parental.store.database import refusal
    from parental.store.engines import shown
    from parental.store.errors import WrongRevision
    from parental.store.revisions import State, upgrade

    if isinstance(where, Path):
        make_file(where)
    before, after = upgrade(where)
    if after.state is not State.CURRENT:
        raise WrongRevision(refusal(where, after))
    was = before.revision if before.state is not State.EMPTY else None
    said = {"database": shown(where), "was": was, "revision": after.revision}
    if before == after:
        change = "already"
    elif was is None:
        change = "made"
    else:
        change = f"upgraded from revision {was}"
    _print(said, f"database {shown(where)}: at revision {after.revision}, {change}", is_json)
    return 0


def _check(where: "Where", is_json: bool) -> int:
    from filterd.process.database.health import health_of

    found = health_of(where)
    _print(msgspec.to_builtins(found) | {"ok": found.is_good}, "\n".join(_lines(found)), is_json)
    return 0 if found.is_good else 1


def _lines(found: "Health") -> list[str]:
    room = "" if found.free_octets is None else f", {_mebibytes(found.free_octets)} left on its disk"
    reserve = "" if found.has_reserve is not False else "; nothing is held in reserve"
    revision = f"{found.revision or 'none'}, {found.state}"
    if found.state != "current":
        revision += f"; this release has {found.newest_revision}"
    return [
        f"database  {found.database}",
        f"revision  {revision}",
        *(f"damaged   {fault}" for fault in found.faults),
        f"size      {_mebibytes(found.octets)}{room}{reserve}",
        f"writable  {'yes' if found.why_not_writable is None else 'no: ' + found.why_not_writable}",
    ]


def _mebibytes(octets: int) -> str:
    return f"{octets / (1 << 20):,.1f} MiB"


def _back_up(where: "Where", file: Path, is_json: bool) -> int:
    from filterd.process.database.copies import back_up, digest_file

    digest = back_up(where, file)
    _print(
        {"file": str(file), "sha256": digest}, f"{file}: copied and read back; digest in {digest_file(file)}", is_json
    )
    return 0


def _restore(config: Config, where: "Where", args: argparse.Namespace) -> int:
    from filterd.process.database.copies import restore
    from filterd.process.instance import ALL, instances
    from parental.store.engines import shown

    for name, (told, is_running) in instances(config.run_dir).items():
        if is_running and name.partition("-")[0] in ("control", "web", ALL):
            raise WrongUse(
                f"{args.file}: {name} (pid {told.pid}) uses the database; not restored; stop control and web"
            )
    if not args.file.exists():
        raise MissingPart(f"{args.file}: not there; not restored; name a copy")
    found = restore(args.file, where, args.force)
    _note_restore(where, args.file, found.revision)
    said = f"database {shown(where)}: restored, at revision {found.revision}"
    _print({"database": shown(where), "revision": found.revision, "state": found.state.value}, said, args.json)
    if found.state.value != "current":
        print("next: filterd db upgrade", file=sys.stderr)
    return 0


def _note_restore(where: "Where", file: Path, revision: str) -> None:
    """Write down, in the ledger that came back, that it did, and how many events it has."""
    from filterd.process.database.access import as_owner_of_database
    from filterd.process.database.copies import digest_file
    from mgmt.ledger.event import SETTINGS, Event, Value, account
    from mgmt.ledger.store import append, size
    from parental.store.database import writing
    from parental.store.engines import engine_of

    digest = digest_file(file).read_text().split(maxsplit=1)[0]
    with as_owner_of_database(where):
        engine = engine_of(where)
        try:
            with writing(engine) as conn:
                said: dict[str, Value] = {"revision": revision, "events": size(conn)}
                append(conn, Event(SETTINGS, "database restored", account(), {"copy": digest}, said), datetime.now(UTC))
        finally:
            engine.dispose()


def _print(said: Mapping[str, object], text: str, is_json: bool) -> None:
    print(json.dumps(said) if is_json else text)
