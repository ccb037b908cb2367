"""Folders of UT1 and squidGuard: of each category the files `domains` and `urls`.

A line of `domains` means the name and all below; a line of `urls`, a host and a path without a scheme, means this path
and every path below; with a `/` at its end it means the same, since that is how people write a folder.

Invariants: one part is one file of lines; which parts a folder has is for who opens it, see rules.lists.reader.
Source: squidGuard's documentation of destination groups; UT1, README.
"""

from collections.abc import Iterable, Iterator

from fastpath.images.verdict import Mode
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.formats.plain import read_lines


def iter_rules(lines: Iterable[bytes], default_mode: Mode) -> Iterator[Rule | UrlRule | SkippedLine]:
    """Read one part of a folder, lazily.   Raises BadList for a file that is no list.   Cost: bench/compile.py."""
    for item in read_lines(lines, default_mode, Mode.SUBTREE):
        yield _as_folder(item) if type(item) is UrlRule else item


def _as_folder(rule: UrlRule) -> UrlRule:
    """The folder itself, too: without the slash that its path ends in."""
    path = rule.url.partition(b"/")[2]
    is_folder = rule.mode is Mode.SUBTREE and len(path) > 1 and path.endswith(b"/") and b"?" not in path
    return rule._replace(url=rule.url[:-1]) if is_folder else rule
