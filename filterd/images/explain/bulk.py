"""Many names and URLs, one answer each, about one moment and one subscriber.

Most names are on no list, and what happens to one of those is what happens to all of them: a lock speaks of every name
alike, a category of none.  So that answer is made once and repeated with another name in it.

Invariants: the answers are those of explain_text(), in the order of the questions; a text that is no name is answered
with the reason.   Cost: some 0.5 µs for a name that nothing speaks of, some 20 µs for one that is listed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fastpath.images.tables import TableSet
from filterd.images.attribution import Attribution
from filterd.images.explain.explain import dns_answer, explain_text
from filterd.images.explain.line_io import json_text
from rules.base.errors import BadName
from rules.base.urls import read_address_octets

# Stand for the text and its name in the answer that is repeated; no name and no list's id holds such marks.
_GIVEN, _CANONICAL = "<given>", "<canonical>"

AnswerLine = Callable[[str, str], str]  # text as given and canonical form → the answer's line


@dataclass(slots=True)
class BulkQuery:
    """Whom and when to ask for, and how to tell an answer: as JSON, or by the canonical form alone.

    channel  None: dns for a name, http for a URL"""

    tables: TableSet
    address: str | None
    at_s: int
    channel: str | None
    qtype: str
    tell: Callable[[dict[str, Any]], str]
    attribution: Attribution | None = None
    n_refused: int = field(default=0, init=False)  # texts that are no names
    _of_name: AnswerLine | None = field(default=None, init=False)
    _of_url: AnswerLine | None = field(default=None, init=False)

    def answers(self, lines: Iterable[bytes]) -> str:
        """The answers to `lines`, each with its line end."""
        matched = self.tables.matched
        told = []
        for line in lines:
            try:
                is_unlisted = not matched(line)
            except ValueError:  # a URL, an international name, or no name at all
                told.append(self._url_line(line))
                continue
            if is_unlisted:
                given = line.decode("ascii")
                if self._of_name is None:
                    self._of_name = self._unlisted(given)
                told.append(self._of_name(given, given.lower().removesuffix(".")))
            else:
                told.append(self._found_line(line))
        return "".join(told)

    def _url_line(self, line: bytes) -> str:
        if not line.isascii():
            return self._found_line(line)
        try:
            _, url = read_address_octets(line)
        except BadName:
            return self._found_line(line)
        if url is None or self.tables.url_matches(url):
            return self._found_line(line)
        given = line.decode("ascii")
        if self._of_url is None:
            self._of_url = self._unlisted(given)
        return self._of_url(json_text(given)[1:-1], url.decode("ascii"))

    def _found_line(self, line: bytes) -> str:
        given = line.decode("utf-8", "backslashreplace")
        try:
            return self.tell(self._found(given)) + "\n"
        except BadName as bad:
            self.n_refused += 1
            return self.tell({"input": given, "canonical": None, "error": bad.reason}) + "\n"

    def _found(self, given: str) -> dict[str, Any]:
        found = explain_text(self.tables, given, self.address, self.at_s, self.channel, self.attribution)
        if self.channel == "dns" or (self.channel is None and "/" not in found["canonical"]):
            found["answer"] = dns_answer(found["action"], self.qtype)
        return found

    def _unlisted(self, given: str) -> AnswerLine:
        """The answer to `given`, which nothing speaks of, ready to be given for any other such."""
        text = self.tell(self._found(given) | {"input": _GIVEN, "canonical": _CANONICAL}) + "\n"
        head, _, tail = text.rpartition(_CANONICAL)
        if _GIVEN not in head:
            return lambda _given, canonical: f"{head}{canonical}{tail}"
        before, _, between = head.partition(_GIVEN)
        return lambda given, canonical: f"{before}{given}{between}{canonical}{tail}"
