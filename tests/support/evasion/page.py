"""docs/reference/evasions.md: the catalogue, with the number of cases that its rows play."""

from collections import Counter

from adversary.finds import FINDS
from adversary.quic_finds import QUIC_FINDS
from support.evasion.catalogue import CHAPTERS, Chapter
from support.evasion.rows import FAMILIES

INTRO = """\
# Evasions

<!-- made by `make docs`; change the code, not this page -->

What a subscriber, or a program on their device, can do to hide a name from the filter, and what the gate does about
it. [gate-rules.md](../internals/gate-rules.md) explains the rules R1 to R10 that the answers rest on.

*cases*: how many forms of a number are played by hand-made packets against real servers (OpenSSL, nginx, Python's
HTTP server, aioquic): first without the gate, to prove that a server accepts it, then with the gate, with both
directions of each connection and with one. Other tests that play it are named.

```sh
.venv/bin/pytest -m kernel tests/kernel/test_evasions.py -k E13  # one number
.venv/bin/pytest -m kernel tests/kernel/test_real_clients.py  # curl, openssl, gnutls-cli, aioquic, Chromium, Firefox
make adversary SECONDS=600  # a search for what is not on this page
```

| result | meaning |
|---|---|
| **won** | the listed name never reaches a server, under any policy |
| **policy** | legitimate traffic looks the same; the configuration decides |
| **lost** | the packets do not show the name; the row says what else helps |

A client that evades with an *allowed* name is served, unless its octets contradict what it sent before. Then the
connection is blocked for any name.
"""
FOUND = """
## Found by the search

`tests/adversary/` plays random programs of packets between a client, the gate and readers like those of real servers,
under both policies and both routings. Each of these programs got a listed name served, or kept an allowed one from its
client. All were corrected, and are played in every run since; what is open is in
[gate-rules.md](../internals/gate-rules.md), *Known limits*.

| what it did | why it worked |
|---|---|
"""
HEADS = "| | technique | who does it | result | answer | cases, tests |\n|---|---|---|---|---|---|\n"


def evasions_page() -> str:
    """The whole page."""
    found = "".join(f"| {find.name} | {find.cause} |\n" for find in (*FINDS, *QUIC_FINDS))
    return INTRO + "".join(map(_chapter, CHAPTERS)) + FOUND + found


def cases() -> Counter[str]:
    """By number: how many forms of it the rows play."""
    played = Counter[str]()
    for rows in FAMILIES.values():
        for row in rows:
            played[row.name[:3]] += len(row.bases) * len(row.framings)
    return played


def _chapter(chapter: Chapter) -> str:
    n_cases = cases()
    text = f"\n## {chapter.title}\n\n{HEADS}"
    for number, evasion in chapter.evasions.items():
        shown = [f"{n_cases[number]:,}"] if number in n_cases else []
        shown += [f"`{test}`" for test in evasion.tests]
        fields = (number, evasion.what, evasion.who, evasion.result, evasion.answer, ", ".join(shown) or "–")
        text += f"| {' | '.join(fields)} |\n"
    return text + (f"\n{chapter.notes}\n" if chapter.notes else "")
