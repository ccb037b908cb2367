"""Where a list comes from and what it is for.

On a command line a source is `FILE[,format=…][,match=…][,list=ID][,tier=…][,category=…][,service=…][,action=…]`
`[,issuer=…][,confidential=yes][,allow_public_suffix=yes][,columns=url:1;type:2]`; what is left out follows from the
file's name, the first octets of a .json, and the tier.

Invariants: a Source is whole and valid; how a bare name is meant is always stated, never left to the format.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fastpath.images.verdict import Action, Mode, Tier
from rules.base.category import CATEGORIES, NAMELESS, SERVICES
from rules.base.errors import BadSource
from rules.formats import FORMATS, TABLE_FORMATS
from rules.formats.columns import ColumnMap, parse_columns
from rules.formats.misp import MANIFEST
from rules.formats.native import ACTIONS

MATCHES = ("exact", "subtree", "as-written")
LIST_TIERS = (Tier.CSAM, Tier.ORDER, Tier.HELP, Tier.SERVICE, Tier.CATEGORY, Tier.SECURITY)
TIERS = {tier.name.lower(): tier for tier in LIST_TIERS}
LIST_ACTIONS = ACTIONS | {"shadow": Action.SHADOW}
TIER_ACTIONS = {Tier.HELP: Action.PASSTHRU, Tier.SECURITY: Action.NXDOMAIN}  # SPLASH for the others
FORMAT_MATCHES = {  # subtree for the others
    "hosts": "exact",
    "rpz": "as-written",
    "dnsmasq": "as-written",
    "adblock": "as-written",
    "unbound": "as-written",
    "native": "as-written",
    "addresses": "as-written",
}
FORMAT_TIERS = {"csv": "order", "xlsx": "order", "cncpo": "csam"}  # security for the others
SUFFIXES = {  # plain for the others
    ".hosts": "hosts",
    ".rpz": "rpz",
    ".zone": "rpz",
    ".csv": "csv",
    ".tsv": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".json": "native",
    ".ipset": "addresses",
    ".netset": "addresses",
}
COMPRESSED = (".gz", ".xz")
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz")  # of UT1
JSON_MARKS = {  # native for the others
    "certpl": ('"DomainAddress"', '"RegisterPositionId"'),
    "misp": ('"Event"', '"Attribute"'),
    "stix": ('"objects"', '"spec_version"'),
}
JSON_HEAD_OCTETS = 4096  # in which a format shows
OPTIONS = (
    "format",
    "match",
    "list",
    "tier",
    "category",
    "service",
    "action",
    "issuer",
    "confidential",
    "allow_public_suffix",
    "columns",
)
_NAMING = {"service": SERVICES, "category": CATEGORIES}  # options that are tiers, too
MAX_ID_OCTETS = 24  # of a list's id in an image


@dataclass(frozen=True, slots=True)
class Source:
    """One list.   path None: its entries come from elsewhere (orders pushed over the API)."""

    id: str
    path: Path | None
    format: str = "plain"
    match: str = "subtree"
    tier: Tier = Tier.SECURITY
    category: int = 0  # or service
    action: Action = Action.NXDOMAIN
    issuer: str = ""
    confidential: bool = False
    allow_public_suffix: bool = False
    columns: ColumnMap | None = None  # of a table whose headings do not say it
    is_zone: bool = False  # transferred: deltas change it record by record
    is_sealed: bool = False  # encrypted for the reader of sealed lists, which alone can read it

    @property
    def folds(self) -> bool:
        """Whether entries that another one of the list makes redundant are folded: not where deltas change the list
        entry by entry."""
        return self.path is not None and not self.is_zone

    @property
    def bare_mode(self) -> Mode:
        """How a name without a wildcard is meant."""
        return Mode.SUBTREE if self.match == "subtree" else Mode.EXACT


def parse_source(text: str) -> Source:
    """Read the command line's form.   Raises BadSource with what to write instead."""
    file, options = _split(text)
    if not file:
        raise BadSource(f"source {text!r}: no file; not accepted; write FILE[,format=…][,match=…][,list=ID]")
    path = Path(file)
    return describe_source(options.pop("list", "") or _id_from(path), path, options)


def describe_source(list_id: str, path: Path | None, options: dict[str, str]) -> Source:
    """Make a Source of text options (keys of OPTIONS, without `list`); what is absent gets its default."""
    where = f"list {list_id!r}"
    for key in options:
        if key not in OPTIONS:
            raise BadSource(f"{where}: no option {key!r}; not accepted; write {_nearest(key, OPTIONS)}")
    if not re.fullmatch(rf"[A-Za-z0-9._-]{{1,{MAX_ID_OCTETS}}}", list_id):
        raise BadSource(f"{where}: no id; not accepted; write 1 to {MAX_ID_OCTETS} letters, digits, dots, dashes")
    list_format = _one_of(where, "format", options.get("format") or _format_from(path), FORMATS)
    category = _category_in(where, options)
    tier = TIERS[_one_of(where, "tier", options.get("tier") or _tier_from(list_format, options), TIERS)]
    if tier.name.lower() in _NAMING and tier.name.lower() not in options:
        named = tier.name.lower()
        raise BadSource(f"{where}: tier {named} without a {named}; not accepted; add {named}=NAME")
    match = options.get("match") or FORMAT_MATCHES.get(list_format, "subtree")
    columns = options.get("columns")
    if columns and list_format not in TABLE_FORMATS:
        raise BadSource(
            f"{where}: columns of a list that is not a table; not accepted; write format=csv or format=xlsx"
        )
    confidential = options.get("confidential") or ("yes" if tier is Tier.CSAM else "no")
    default_action = TIER_ACTIONS.get(tier, Action.SPLASH).name.lower()
    action = LIST_ACTIONS[_one_of(where, "action", options.get("action") or default_action, LIST_ACTIONS)]
    is_confidential = _yes_or_no(where, "confidential", confidential)
    if action is Action.SHADOW and (is_confidential or tier in (Tier.CSAM, Tier.HELP)):
        why = "an allow list" if tier is Tier.HELP else "confidential, and enforced from its first day"
        raise BadSource(f"{where}: action shadow on a list that is {why}; not accepted; write another action")
    return Source(
        id=list_id,
        path=path,
        format=list_format,
        match=_one_of(where, "match", match, MATCHES),
        tier=tier,
        category=category,
        action=action,
        issuer=options.get("issuer", ""),
        confidential=is_confidential,
        allow_public_suffix=_yes_or_no(where, "allow_public_suffix", options.get("allow_public_suffix", "no")),
        columns=parse_columns(columns) if columns else None,
    )


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
            raise BadSource(f"source {text!r}: {key} is repeated; not accepted; write it once")
        options[key] = value
        file = rest


def _id_from(path: Path) -> str:
    stem = path.name.partition(".")[0] or path.name
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:MAX_ID_OCTETS] or "list"


def _format_from(path: Path | None) -> str:
    if path is None:
        return "plain"
    if path.is_dir():
        return "misp" if (path / MANIFEST).exists() else "ut1"
    if path.name.lower().endswith(ARCHIVES):
        return "ut1"
    name = Path(path.stem) if path.suffix.lower() in COMPRESSED else path
    found = "hosts" if name.name == "hosts" else SUFFIXES.get(name.suffix.lower(), "plain")
    return _json_format(path) if found == "native" else found


def _json_format(path: Path) -> str:
    """The format of a .json by its head; native where it cannot be read (which reading it then says)."""
    try:
        with path.open("rb") as file:
            head = file.read(JSON_HEAD_OCTETS).decode("utf-8", "replace")
    except OSError:
        return "native"
    return next((each for each, marks in JSON_MARKS.items() if any(mark in head for mark in marks)), "native")


def _category_in(where: str, options: dict[str, str]) -> int:
    """The number of the category or service that a list is of; 0: of none."""
    said = [(key, known) for key, known in _NAMING.items() if key in options]
    if len(said) > 1:
        raise BadSource(f"{where}: a category and a service; not accepted; write one of them")
    for key, known in said:
        if options[key] in NAMELESS:
            raise BadSource(f"{where}: {key} {options[key]} holds no names; not accepted; write another {key}")
        return known[_one_of(where, key, options[key], known)]
    return 0


def _tier_from(list_format: str, options: dict[str, str]) -> str:
    """A list of a category or service is theirs; a spreadsheet is a regulator's; most else is the operator's own."""
    return next((key for key in _NAMING if key in options), FORMAT_TIERS.get(list_format, "security"))


def _one_of(where: str, key: str, value: str, known: Iterable[str]) -> str:
    names = list(known)
    if value not in names:
        raise BadSource(f"{where}: {key} {value!r} is not known; not accepted; write {_nearest(value, names)}")
    return value


def _yes_or_no(where: str, key: str, value: str) -> bool:
    return _one_of(where, key, value, ("yes", "no", "true", "false")) in ("yes", "true")


def _nearest(value: str, known: Iterable[str]) -> str:
    names = list(known)
    return (difflib.get_close_matches(value, names, 1) or ["one of " + ", ".join(names)])[0]
