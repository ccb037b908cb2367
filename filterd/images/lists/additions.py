"""`filterd lists sources` and `add-source`: lists that filterd knows where to get, put into a configuration."""

import json
import sys
from pathlib import Path

from filterd.box.errors import ApiRefusal, WrongUse
from filterd.config import BadConfig, load
from filterd.config.kinds import nearest
from filterd.config.stanza import CannotAdd, add_lists, line_of
from rules.base.category import SERVICES
from rules.lists.catalogue import CataloguedSource, sources

HEAD = f"{'NAME':<22} {'CATEGORY':<13} {'RULES':>9}  {'LICENCE':<13} PUBLISHER"


def show(is_json: bool) -> int:
    """Print every source, those of services last."""
    if is_json:
        for each in sources().values():
            print(json.dumps(_as_json(each), ensure_ascii=False))
        return 0
    print(HEAD)
    for each in sources().values():
        if each.name not in SERVICES:
            print(_line(each))
    print(f"and {len(SERVICES)} services, each a list by itself: filterd services list")
    return 0


def add(path: Path, names: list[str], is_shown: bool) -> int:
    """Write the lists into the configuration at `path`, or only print them.   Raises WrongUse, ApiRefusal"""
    chosen = [_source(name) for name in names]
    lines = [line_of(each.name, each.entry) for each in chosen]
    if is_shown:
        print("\n".join(f"  - {line}" for line in lines))
        return 0
    try:
        there = {entry.id for entry in load(path).lists}
        if already := [name for name in names if name in there]:
            raise ApiRefusal(f"{path}: {', '.join(already)}: there is a list of this id; nothing written; leave it out")
        add_lists(path, lines)
    except BadConfig as bad:
        raise WrongUse(f"configuration: it has faults; nothing written; correct each of them\n{bad}") from bad
    except CannotAdd as reason:
        raise ApiRefusal(f"{reason}:\n" + "\n".join(f"  - {line}" for line in lines)) from reason
    print(f"{path}: {len(lines)} lists added; they count after: filterd reload")
    for each in chosen:
        if each.watch:
            print(f"{each.name}: licence {each.licence}; may close by mistake: {each.watch}", file=sys.stderr)
    return 0


def _source(name: str) -> CataloguedSource:
    found = sources().get(name)
    if found is None:
        raise WrongUse(f"{name}: no such source; nothing done; write {nearest(name, list(sources()))}")
    return found


def _line(each: CataloguedSource) -> str:
    what = each.entry.get("category") or each.entry["tier"]
    rules = f"{each.rules:,}" if each.rules else "?"
    return f"{each.name:<22} {what:<13} {rules:>9}  {each.licence:<13.13} {each.publisher}"


def _as_json(each: CataloguedSource) -> dict[str, object]:
    return {
        "source": each.name,
        "list": dict(each.entry),
        "publisher": each.publisher,
        "licence": each.licence,
        "rules": each.rules or None,
        "seen": each.seen or None,
        "watch": each.watch or None,
    }
