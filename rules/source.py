"""Where a list comes from and what it is for.

On a command line a source is `FILE[,format=…][,match=…][,list=ID][,tier=…][,category=…][,action=…][,issuer=…]`
`[,confidential=yes][,allow_public_suffix=yes]`; what is left out follows from the file's suffix and the tier.

Invariants: a Source is whole and valid; how a bare name is meant is always stated, never left to the format.
"""
import difflib
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fastpath.verdict import Action, Mode, Tier
from rules.category import category_number
from rules.errors import BadList, BadSource
from rules.formats import FORMATS
from rules.formats.lines import UTF16_MARKS

MATCHES = ("exact", "subtree", "as-written")
TIERS = {tier.name.lower(): tier for tier in (Tier.CSAM, Tier.ORDER, Tier.HELP, Tier.CATEGORY, Tier.SECURITY)}
ACTIONS = {a.name.lower().replace("_", "-"): a for a in Action if a is not Action.NO_ACTION}
TIER_ACTIONS = {Tier.HELP: Action.PASSTHRU, Tier.SECURITY: Action.NXDOMAIN}     # SPLASH for the others
FORMAT_MATCHES = {"hosts": "exact", "rpz": "as-written"}                        # subtree for the others
SUFFIXES = {".hosts": "hosts", ".rpz": "rpz", ".zone": "rpz", ".csv": "csv", ".tsv": "csv"}     # plain for the others
OPTIONS = ("format", "match", "list", "tier", "category", "action", "issuer", "confidential", "allow_public_suffix")
MAX_FILE_OCTETS = 256 * 2**20   # 5 M rows of some 50 octets; what is larger is no list of names
MAX_ID_OCTETS = 24              # of a list's id in an image


@dataclass(frozen=True, slots=True)
class Source:
    """One list.   path None: its entries come from elsewhere (orders pushed over the API)."""

    id: str
    path: Path | None
    format: str = "plain"
    match: str = "subtree"
    tier: Tier = Tier.SECURITY
    category: int = 0
    action: Action = Action.NXDOMAIN
    issuer: str = ""
    confidential: bool = False
    allow_public_suffix: bool = False

    @property
    def bare_mode(self) -> Mode:
        """How a name without a wildcard is meant."""
        return Mode.SUBTREE if self.match == "subtree" else Mode.EXACT


class Reading(NamedTuple):
    """A list file, open."""

    lines: Iterable[bytes]
    file: BinaryIO          # its position says how much has been read


def parse_source(text: str) -> Source:
    """Read the command line's form.   Raises BadSource with what to write instead."""
    file, options = _split(text)
    if not file:
        raise BadSource(f"source {text!r}: no file; not taken; write FILE[,format=…][,match=…][,list=ID]")
    path = Path(file)
    return describe_source(options.pop("list", "") or _id_from(path), path, options)


def describe_source(list_id: str, path: Path | None, options: dict[str, str]) -> Source:
    """Make a Source of text options (keys of OPTIONS, without `list`); what is absent gets its default."""
    where = f"list {list_id!r}"
    for key in options:
        if key not in OPTIONS:
            raise BadSource(f"{where}: no option {key!r}; not taken; write {_nearest(key, OPTIONS)}")
    if not re.fullmatch(rf"[A-Za-z0-9._-]{{1,{MAX_ID_OCTETS}}}", list_id):
        raise BadSource(f"{where}: no id; not taken; write 1 to {MAX_ID_OCTETS} letters, digits, dots, dashes")
    list_format = _one_of(where, "format", options.get("format") or _format_from(path), FORMATS)
    category = category_number(options["category"]) if "category" in options else 0
    tier = TIERS[_one_of(where, "tier", options.get("tier") or _tier_from(list_format, category), TIERS)]
    if tier is Tier.CATEGORY and not category:
        raise BadSource(f"{where}: tier category without a category; not taken; add category=NAME")
    match = options.get("match") or FORMAT_MATCHES.get(list_format, "subtree")
    confidential = options.get("confidential") or ("yes" if tier is Tier.CSAM else "no")
    default_action = TIER_ACTIONS.get(tier, Action.SPLASH).name.lower()
    return Source(
        id=list_id, path=path, format=list_format, match=_one_of(where, "match", match, MATCHES),
        tier=tier, category=category,
        action=ACTIONS[_one_of(where, "action", options.get("action") or default_action, ACTIONS)],
        issuer=options.get("issuer", ""),
        confidential=_yes_or_no(where, "confidential", confidential),
        allow_public_suffix=_yes_or_no(where, "allow_public_suffix", options.get("allow_public_suffix", "no")),
    )


@contextmanager
def open_source(path: Path) -> Iterator[Reading]:
    """Open a list file, also one in UTF-16.   Raises BadList, without the path, where it cannot be read or is too
    large."""
    try:
        file = path.open("rb", buffering=2**20)
    except OSError as exc:
        raise BadList(f"{exc.strerror}; not read; look at the path and its permissions") from exc
    with file:
        if path.stat().st_size > MAX_FILE_OCTETS:
            raise BadList(f"larger than {MAX_FILE_OCTETS >> 20} MiB; not read; split it into several lists")
        mark = file.read(2)
        file.seek(0)
        if mark in UTF16_MARKS:
            text = io.TextIOWrapper(file, "utf-16", "replace", newline="\n")
            yield Reading((line.encode("utf-8", "replace") for line in text), file)
        else:
            yield Reading(file, file)


def _split(text: str) -> tuple[str, dict[str, str]]:
    """Divide FILE from the options behind it; a comma inside of the file's name is the file's."""
    options: dict[str, str] = {}
    file = text
    while True:
        rest, comma, option = file.rpartition(",")
        key, equals, value = option.partition("=")
        if not comma or not equals or not re.fullmatch(r"[a-z_]+", key):
            return file, options
        if key in options:
            raise BadSource(f"source {text!r}: {key} stands twice; not taken; write it once")
        options[key] = value
        file = rest


def _id_from(path: Path) -> str:
    stem = path.name.partition(".")[0] or path.name
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:MAX_ID_OCTETS] or "list"


def _format_from(path: Path | None) -> str:
    if path is None:
        return "plain"
    return "hosts" if path.name == "hosts" else SUFFIXES.get(path.suffix.lower(), "plain")


def _tier_from(list_format: str, category: int) -> str:
    """A category list is a category's; a spreadsheet is a regulator's; anything else is the operator's own."""
    if category:
        return "category"
    return "order" if list_format == "csv" else "security"


def _one_of(where: str, key: str, value: str, known: Iterable[str]) -> str:
    names = list(known)
    if value not in names:
        raise BadSource(f"{where}: {key} {value!r} is none; not taken; write {_nearest(value, names)}")
    return value


def _yes_or_no(where: str, key: str, value: str) -> bool:
    return _one_of(where, key, value, ("yes", "no", "true", "false")) in ("yes", "true")


def _nearest(value: str, known: Iterable[str]) -> str:
    names = list(known)
    return (difflib.get_close_matches(value, names, 1) or ["one of " + ", ".join(names)])[0]
