"""Which line of which list says what of a name or a URL: the origins of one compilation, in words.

Invariants: entries of confidential lists have no origins; a rule that was folded away, since another rule of its list
says the same, appears under its own name.
Cost: a binary search for each label and segment.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fastpath.images.decision import Match
from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.origins import Origin, Origins
from fastpath.images.verdict import Mode
from fastpath.wire.address import rule_text

Attributed = dict[str, Any]  # a match with its place


class Attribution:
    """The origins of one compilation.

    lists   of its report: "list", "file", "parts"; what is missing is left out.   Raises BadImage, OSError."""

    def __init__(self, path: Path, lists: Iterable[Mapping[str, Any]]) -> None:
        self._origins = Origins(open_image(path, ImageKind.ORIGINS))
        self._lists = {said["list"]: said for said in lists}

    @property
    def generation(self) -> int:
        """Of the names base that this is about."""
        return self._origins.generation

    def tell(self, wire: bytes, matches: Iterable[Match]) -> list[Attributed]:
        """What speaks of a canonical name: all that matches, each with its line, then what was folded into it."""
        return self._tell(self._of_name(wire), matches)

    def tell_url(self, wire: bytes | None, url: bytes, matches: Iterable[Match]) -> list[Attributed]:
        """The same of a canonical URL and its host.   wire  None: the host is an address"""
        return self._tell(itertools.chain(self._of_url(url), self._of_name(wire) if wire else ()), matches)

    def _tell(self, origins: Iterable[Origin], matches: Iterable[Match]) -> list[Attributed]:
        left: dict[tuple[str, str | None, Mode], Origin] = {}
        for origin in origins:
            if origin.line:  # without a line: orders over the API, which come and go
                left.setdefault((origin.list, origin.rule, origin.mode), origin)
        attributed = []
        for match in matches:
            found = left.pop((match.list, match.rule, match.mode), None)
            attributed.append(tell_match(match) | (self._place(found) if found else {}))
        return attributed + [tell_match(origin) | {"folded": True} | self._place(origin) for origin in left.values()]

    def _of_name(self, wire: bytes) -> Iterator[Origin]:
        text = rule_text(wire)
        return (origin for origin in self._origins.of(wire) if _speaks(origin, text))

    def _of_url(self, url: bytes) -> Iterator[Origin]:
        text = url.decode("ascii")
        return (origin for origin in self._origins.of_url(url) if _speaks(origin, text))

    def _place(self, origin: Origin) -> Attributed:
        said = self._lists.get(origin.list, {})
        place: Attributed = {"line": origin.line}
        if said.get("file"):
            place["file"] = said["file"]
        if 0 < origin.part <= len(said.get("parts", ())):
            place["part"] = said["parts"][origin.part - 1]
        return place


def tell_match(match: Match | Origin) -> Attributed:
    """A rule without its place."""
    return {"list": match.list, "rule": match.rule, "mode": match.mode.name.lower()}


def _speaks(origin: Origin, text: str) -> bool:
    """Whether a rule for this name or URL, or for one that may cover it, is about it."""
    return origin.mode is Mode.SUBTREE or (origin.rule == text) == (origin.mode is Mode.EXACT)
