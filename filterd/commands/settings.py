"""`filterd settings`: what pages name, on the box: the desk's word, above the configuration's.

Where people find help, two persons of the desk change it; one account of the box does not.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filterd.box.errors import MissingPart, WrongUse
from filterd.commands.run import CONFIG_FILE, loaded
from filterd.config import Config
from filterd.verbs import add_verb, add_verbs

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mgmt.registers.settings.shapes import DeskSettings

EXAMPLE = (
    'filterd settings set languages \'{"first": "en"}\'\n'
    "filterd settings set theme --as-file\n"
    "filterd settings import pages.yaml"
)
SIZE_OCTETS = 1 << 20
ALONE = "propose it with PUT /v1/settings, and sign it at the desk; or write it to the configuration file, "
ALONE += "whose value counts where the desk has said none"
PATIENCE_S = 70.0  # that workers take


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = add_verbs(parser)
    listed = add_verb(verbs, "list", "list what pages name, and who has said it", "filterd settings list --json")
    what = "say the value of a setting, in the place of the configuration's"
    put = add_verb(verbs, "set", what, 'filterd settings set languages \'{"first": "en"}\'')
    put.add_argument("name", metavar="NAME", help="as list has it: languages, theme; two persons change the others")
    put.add_argument("value", nargs="?", metavar="VALUE", help="YAML or JSON, as the configuration would have it")
    put.add_argument("--as-file", action="store_true", help="no value: as the configuration has it again")
    what = "take several settings from a file; those that it leaves out stay"
    taken = add_verb(verbs, "import", what, "filterd settings import pages.yaml")
    taken.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON in UTF-8: NAME: VALUE; - for stdin")
    for verb in verbs.choices.values():
        verb.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")
    listed.add_argument("--json", action="store_true", help="objects, one for each line")


def run(args: argparse.Namespace) -> int:
    config = loaded(args.config)
    if args.verb == "list":
        return _list(config, is_json=args.json)
    said = _value(args) if args.verb == "set" else _file(args.file)
    return _change(config, _decoded(said))


def _value(args: argparse.Namespace) -> dict[str, Any]:
    if args.as_file == (args.value is not None):
        raise WrongUse(f"set {args.name}: neither a value nor --as-file, or both; nothing changed; write one")
    return {args.name: None if args.as_file else _yaml(args.value, "VALUE")}


def _file(path: Path) -> dict[str, Any]:
    try:
        octets = sys.stdin.buffer.read(SIZE_OCTETS) if path == Path("-") else path.read_bytes()[:SIZE_OCTETS]
        said = _yaml(octets.decode("utf-8-sig"), str(path))
    except OSError as reason:
        raise WrongUse(f"{path}: {reason.strerror}; nothing changed; name a file") from reason
    except UnicodeDecodeError as reason:
        place = f"octet {reason.start + 1}"
        raise WrongUse(f"{path}: {place}: no UTF-8; nothing changed; save the file as UTF-8") from reason
    if not isinstance(said, dict):
        raise WrongUse(f"{path}: no NAME: VALUE; nothing changed; see: filterd settings list")
    return said


def _yaml(text: str, where: str) -> Any:
    """YAML, of which JSON is a part; numbers and dates stay the texts that they are."""
    import yaml

    class Texts(yaml.SafeLoader):
        yaml_implicit_resolvers = {  # noqa: RUF012  # as the class above has it
            first: [each for each in resolvers if each[0] in ("tag:yaml.org,2002:null", "tag:yaml.org,2002:bool")]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    try:
        return yaml.load(text, Loader=Texts)  # it makes texts, lists and mappings alone
    except yaml.YAMLError as reason:
        line = " ".join(str(reason).split())[:200]
        raise WrongUse(f"{where}: {line}; nothing changed; write YAML or JSON") from reason


def _decoded(said: dict[str, Any]) -> "DeskSettings":
    from mgmt.contract.decoder import decode
    from mgmt.contract.errors import BadRequest
    from mgmt.registers.settings.shapes import DeskSettings

    try:
        return decode(json.dumps(said).encode(), DeskSettings)
    except BadRequest as reason:
        raise WrongUse(reason.detail) from reason


def _change(config: Config, said: "DeskSettings") -> int:
    from filterd.config.web_settings import settings_of
    from mgmt.contract.errors import BadRequest
    from mgmt.ledger.event import account
    from mgmt.registers.settings.store import NotAlone, change
    from mgmt.web.splash.canned import check_pages

    def work(conn: "Connection") -> list[str]:
        return change(conn, settings_of(config), said, account(), datetime.now(UTC), check_pages)

    try:
        changed = _in_database(config, work, is_writing=True)
    except BadRequest as reason:
        raise WrongUse(reason.detail) from reason
    except NotAlone as reason:
        raise WrongUse(f"settings: {reason}; nothing changed; {ALONE}") from reason
    print(f"changed: {', '.join(changed) or 'nothing, it was so already'}")
    return _show(config)


def _in_database(config: Config, work: Any, *, is_writing: bool) -> Any:
    from filterd.process.database.access import opened_for_control
    from parental.store.database import reading, writing
    from parental.store.errors import DatabaseFault

    transaction = writing if is_writing else reading
    try:
        with opened_for_control(config, acts_as="") as engine, transaction(engine) as conn:
            return work(conn)
    except DatabaseFault as reason:
        raise MissingPart(f"settings: nothing done; {reason}") from reason


def _show(config: Config) -> int:
    """Have control give it to all who show a page."""
    from filterd.box.places import CONTROL, control_socket
    from filterd.process.json_socket import NoAnswer, ask_blocking

    later = "stored; control shows it within a minute, once it runs"
    try:
        reply = ask_blocking(control_socket(config.run_dir), CONTROL, {"op": "settings_changed"}, PATIENCE_S)
    except NoAnswer as reason:
        print(f"control: {reason}; {later}", file=sys.stderr)
        return 1
    if not reply["ok"]:
        print(f"control: {reply['error']}; {later}", file=sys.stderr)
        return 1
    for why in reply["refused"].values():
        print(f"{why}; stored; tried again each minute", file=sys.stderr)
    return 1 if reply["refused"] else 0


def _list(config: Config, *, is_json: bool) -> int:
    import msgspec

    from filterd.config.web_settings import settings_of
    from mgmt.registers.settings.agreement import newest_changes
    from mgmt.registers.settings.precedence import desk_over_file, values_of
    from mgmt.registers.settings.store import said_by_desk

    of_file = settings_of(config)
    rows, said = _in_database(config, lambda conn: (newest_changes(conn), said_by_desk(conn)), is_writing=False)
    for name, value in values_of(desk_over_file(of_file, said)).items():
        row = rows.get(name)
        is_desk = row is not None and row.value is not None
        shown = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        whose = f"desk, {row.by_name}, {_moment(row.set_s, of_file.zone)}" if is_desk else "configuration"
        if is_json:
            told = {"name": name, "value": json.loads(shown), "source": "desk" if is_desk else "configuration"}
            print(json.dumps(told, ensure_ascii=False))
        else:
            print(f"{name} ({whose}): {shown}")
    return 0


def _moment(time_s: int, zone: str) -> str:
    from zoneinfo import ZoneInfo

    return datetime.fromtimestamp(time_s, UTC).astimezone(ZoneInfo(zone)).isoformat()
