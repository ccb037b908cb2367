"""The part of the schema about names and addresses that no list and no order may block, or only after a look."""

from dataclasses import dataclass
from pathlib import Path

from filterd.config import kinds
from filterd.config.spec import LIVE, many, one


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What no list and no order may block."""

    names: tuple[str, ...] = many(kinds.host, default=())
    """Each with everything below it."""
    prefixes: tuple[str, ...] = many(kinds.prefix, restart=LIVE, default=())
    """Addresses; the splash, `/dns/listen`, `/dns/upstreams` and the primaries of zones are protected without it."""
    shared_hosting: tuple[Path, ...] = many(kinds.path, restart=LIVE, default=())
    """Files of prefixes behind which many sites are: an order for an address in one waits for two persons.   A list of
    MISP of type cidr, or a text that begins with `# NAME, 2026-11-27`.   none: every address waits."""
    critical: bool = one(kinds.truth, restart=LIVE, default=True)
    """Watch the names of `pk-critical`, which comes with filterd: the state, universities, hospitals, banks, news, and
    what everyone uses.   A list of tier csam, order or security does not block a watched name, and in an order it waits
    for two persons."""
    watch: tuple[Path, ...] = many(kinds.path, restart=LIVE, default=())
    """Files of more watched names: a warning list of MISP (.json, type hostname or string), a ranking (.csv of
    RANK,NAME, as Tranco's), or a text that begins with `# NAME`."""
    watch_top: int = one(kinds.whole_number(1, 1_000_000), restart=LIVE, default=10_000)
    """So many names of a ranking are watched."""
    released: tuple[str, ...] = many(kinds.host, restart=LIVE, default=())
    """Names that lists and orders may block although they are watched, each with everything below it."""
