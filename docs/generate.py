"""Writes what is made from the code: pages of docs/, and C constants of fastpath/.  `make docs` runs it.

Invariants: the same code gives the same text, whatever the Python; tests/repo/test_docs.py compares the files with it.
"""

import argparse
import ast
import dataclasses
import importlib
import inspect
import json
import math
import sys
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

from docs.manual_page import EXIT_CODES, arguments_of, commands_of, manual_page, value_of
from fastpath.gate.marks import FlowState
from fastpath.report.counter_table import COUNTERS, Counter
from filterd.cli import COMMANDS, parser_for
from filterd.commands.roles.control_tasks import TASKS, Parts
from filterd.commands.roles.exporter.families import DERIVED, GAUGES, Family, counter_families
from filterd.config.schema import Config
from filterd.config.spec import ALL, Restart, Spec
from filterd.control.task_runner import Task, pause
from filterd.kernel.mark_table import FATE_WORDS, MARK_TABLE, STATE_WORDS, Event
from filterd.verbs import examples_of
from mgmt.contract.shapes import MAX_WAIT_S
from mgmt.registers.records.statistics.statement import schema_text
from mgmt.text.catalogue import catalogue as texts_of
from mgmt.web.desk.app import ROUTES
from mgmt.web.family.rules.presets import PRESETS
from mgmt.web.kit.idempotency import KEPT
from mgmt.web.kit.openapi import document, summary_of
from mgmt.web.kit.problems import MEANINGS, TYPE
from mgmt.web.kit.rates import N_OF_TOKEN, N_REFUSED
from parental.store.schema.privileges import PRIVILEGES, ROLES
from rules.base.category import CATEGORIES
from rules.lists import catalogue

HERE = Path(__file__).parent
MADE = "<!-- made by `make docs`; change the code, not this page -->"
MARKS = f"""\
# The life of a mark

{MADE}

Eight bits of packet marks and connection marks are filterd's: those of `/gate/mark_mask`. All others belong to other
programs: see [gate.md](../operate/gate.md), *Marks*. The nft rules are made from this table
(`filterd/kernel/mark_table.py`), and so is this page.

| bits | in a connection's mark | in the mark of a packet for the gate | in that of a verdict |
|---|---|---|---|
| `0x0f` | its state | its connection's state | the state after it; 7: drop this packet alone |
| `0x10` | the server's packets are asked for | a server's, or the other end began its entry | – |
| `0x20` | its client has sent a SYN since it was marked | not tracked | the server's packets are asked for |
| `0x40` | – | – | always set |
| `0x80` | – | always set | – |

No connection's mark has the bit of a verdict, so a program that copies whole marks makes none. The rules clear these
bits of a packet when they have read its verdict.

| state | number | meaning |
|---|---|---|
{{states}}
Each field: the next state, and what becomes of the packet. `=` is the same state.

{{heads}}{{rows}}
{{fates}}
A SYN/ACK counts only where its client has sent a SYN since the connection was marked; others are forwarded and change
nothing. The gate keeps the client's initial sequence number, which it tells. What a server's packet changes is believed
only from the interface that leads to its source. A SYN with payload is dropped.

A client's SYN of a connection that the kernel knows waits behind what is queued of that connection, so that the server
has that first. What the client sends after a SYN with another number is dropped until a SYN/ACK comes. A queued packet
is dropped where its connection's entry was taken out meanwhile.

Where the gate needs to know how far a server has received, or what it says to early data, a verdict asks for the
server's next packets: they are queued, too, until a verdict asks no longer.
"""
CONFIGURATION = f"""\
# Configuration

{MADE}

One YAML file; paths are relative to it. [filterd.starter.yaml](../filterd.starter.yaml) is one to begin with,
[filterd.example.yaml](../filterd.example.yaml) shows every key in use.

The last column says what a change of the key takes. *live*: `filterd reload` puts it in force. *restart of ROLE*: it is
in force once these roles have been started again; until then `filterd status` says so. A change of `/dns`, `/splash` or
`/isp` makes each dns worker begin with an empty cache; queries that wait for an upstream at that moment are asked again
by their clients, and its TCP and TLS connections are closed, so that clients connect again.
"""
METRICS = f"""\
# Metrics

{MADE}

What `/metrics` tells: see [monitoring.md](../operate/monitoring.md). Labels name parts of this box and of its
configuration: workers, roles, upstreams, kinds of images, lists. None names a person, a client or a name that was asked
for.

| metric | labels | meaning |
|---|---|---|
{{rows}}
The counters of workers, each with the label `worker`; [counters.md](counters.md) says what a rise means. `events` is
left out: blocks of confidential lists leave no record, so that on a quiet box it would show which blocks they are.

| metric | counter |
|---|---|
{{counted}}"""
API = f"""\
# The API

{MADE}

JSON over HTTP, with a token from `filterd token` in `Authorization: Bearer TOKEN`. [openapi.json](../openapi.json) is
the whole contract (OpenAPI 3.1); a running filterd serves its own at `/v1/openapi.json`.

- A body is JSON in UTF-8. A key or a parameter that a route does not have is refused, and the answer names the nearest.
- A list comes in pages: `next` is the `after` of the next page, and null on the last one.
- `POST /v1/orders` is a proposal: 202 says that the order is stored, and `Location` shows what becomes of it. With
  `?wait=SECONDS`, at most {{wait_s}}, the answer is 201 once every worker serves the order, and 202 if that takes
  longer.
- What a person edits (lines, profiles, schedules, devices) has an `ETag`. With `If-Match`, a change of what another
  client has changed meanwhile is refused with 412; `If-None-Match: *` only creates. On GET, `If-None-Match` answers
  304.
- `Idempotency-Key: "a new UUID"` on any POST: the same request under it does nothing twice and gets the same answer,
  for {{kept_h}} hours; another one is refused with 422, and one that still runs with 409. What adds something (a child,
  a card, minutes) and was stored but not yet in force is put in force by the same request, which is answered 409.
- A token has {{of_token}} requests in a minute, an address {{refused}} without a valid token; beyond, the answer is 429
  with `Retry-After`.
- An answer of 400 and above is a problem (RFC 9457): `type` is the address of its explanation, `detail` says where,
  what was found, what was done and what to do. `where` is a JSON pointer into the body, `?name` of a parameter, or a
  part of filterd.
- Which roles have a permission, and how far it reaches: [mgmt/README.md](../../mgmt/README.md#permissions).

| request | permission | what it does |
|---|---|---|
{{routes}}
## Problems

| `type` | meaning |
|---|---|
{{problems}}"""
PRIVILEGES_PAGE = f"""\
# Privileges in the database

{MADE}

What each role of PostgreSQL may do with each table; [roles.md](../internals/roles.md#the-database) says why. `r`: read,
`a`: add rows, `w`: change rows, `d`: delete rows. Where columns are named, only these.

| tables | {" | ".join(ROLES)} |
|---|{"---|" * len(ROLES)}
{{rows}}"""
TASKS_PAGE = f"""\
# The tasks of control

{MADE}

What control does by itself, next to the requests that it answers (`filterd/commands/roles/control_tasks.py`). Tasks
start in this order and stop in the other one. *Or sooner*: when there is something to do.

A step that fails is logged once, counted as `filterd_task_failures_total`, and a fault of `filterd status` until it
succeeds; `filterd_faults` counts those that stand. It ends neither its task nor control, and is tried again at the next
turn. What fails between steps is the fault `task NAME`.

| task | what it does | when | fault: what to expect |
|---|---|---|---|
{{rows}}"""
AGES = f"""\
# Categories, and what an age closes

{MADE}

The names are those of commands, lists and the API, and those of the family pages. What a household closes at an age is
where it begins: it can change each kind ([family.md](family.md), *Rules*). `quic` and `undecidable` have no list.

| category | on the pages | {" | ".join(PRESETS)} |
|---|---|{"---|" * len(PRESETS)}
{{rows}}"""
LIST_SOURCES = f"""\
# Lists of others

{MADE}

Lists of other publishers that `filterd lists add-source` writes into a configuration ([lists.md](lists.md)):
[UT1](https://dsi.ut-capitole.fr/blacklists/), [The Block List Project](https://github.com/blocklistproject/Lists),
[HaGeZi](https://github.com/hagezi/dns-blocklists),
[4skinSkywalker](https://github.com/4skinSkywalker/Anti-Porn-HOSTS-File), [CERT Polska](https://cert.pl/). Read a
licence at its publisher before you use a list: licences and URLs change.

Rules are about what was published in the month in brackets, without one at an unknown time. The last column is what
such a list is apt to close by mistake.

The largest is `ut1-adult`. A made-up archive of as many names, 40 MB, took `filterd compile` 13 s of a core and 470 MB
of memory; the image is 163 MB.

| source | publisher | licence | category | rules | may close by mistake |
|---|---|---|---|---|---|
{{rows}}"""
COMMANDS_HEAD = f"""\
{EXIT_CODES}

`--json` prints one object on each line (NDJSON) to stdout and nothing else there; all else goes to stderr.
`filterd completion bash` and `filterd completion zsh` print what completes command lines; `man filterd` shows this page
where filterd is installed.
"""
VERBS = {"SELECT": "r", "INSERT": "a", "UPDATE": "w", "DELETE": "d"}
HEADS = "| key | type | default | meaning | change |\n|---|---|---|---|---|\n"
CHAPTERS = {
    "dns": "DNS",
    "gate": "Gate",
    "tap": "Tap",
    "radius": "RADIUS",
}  # by the first word of a counter; all others are general


def pages() -> dict[str, str]:
    """File name → text of every generated page."""
    return {
        "desk/list-sources.md": list_sources_page(),
        "families/categories.md": categories_page(),
        "internals/control-tasks.md": tasks_page(),
        "reference/api.md": api_page(),
        "reference/commands.md": commands_page(),
        "reference/configuration.md": configuration_page(),
        "reference/counters.md": counters_page(),
        "reference/evasions.md": evasions_page(),
        "filterd.1": manual_page(),
        "reference/marks.md": marks_page(),
        "reference/metrics.md": metrics_page(),
        "reference/privileges.md": privileges_page(),
        "openapi.json": json.dumps(document(ROUTES), indent=1, ensure_ascii=False) + "\n",
        "statistics.schema.json": schema_text(),
    }


def api_page() -> str:
    routes = [f"| `{route.method} {route.path}` | {route.permission} | {summary_of(route)} |\n" for route in ROUTES]
    problems = [f"| `{TYPE}{kind}` | {meaning} |\n" for kind, meaning in MEANINGS.items()]
    return API.format(
        of_token=N_OF_TOKEN,
        refused=N_REFUSED,
        wait_s=MAX_WAIT_S,
        kept_h=KEPT // timedelta(hours=1),
        routes="".join(routes),
        problems="".join(problems),
    )


def categories_page() -> str:
    """A row for each category, a column for each age."""
    ages, english = PRESETS.values(), texts_of("en").texts
    rows = [
        (f"`{name}`", english[f"category.{name}"], *("closed" if name in each.closed else "" for each in ages))
        for name in CATEGORIES
    ]
    rows += [("", "safe search", *(each.safe_search for each in ages))]
    rows += [("", "YouTube's restricted mode", *(each.youtube for each in ages))]
    return AGES.format(rows="".join(f"| {' | '.join(cells)} |\n" for cells in rows))


def list_sources_page() -> str:
    """Those of others that anyone can fetch."""
    return LIST_SOURCES.format(
        rows="".join(
            f"| `{name}` | {each.publisher} | {each.licence} | {each.entry.get('category', 'all clients: security')} "
            f"| {f'{each.rules:,}' if each.rules else '?'}{f' ({each.seen})' if each.seen else ''} | {each.watch} |\n"
            for name, each in catalogue.sources().items()
            if "url" in each.entry
        )
    )


def evasions_page() -> str:
    """Made by the suite that plays them."""
    tests = str(HERE.parent / "tests")
    if tests not in sys.path:
        sys.path.append(tests)
    return str(importlib.import_module("support.evasion.page").evasions_page())


def sources() -> dict[str, str]:
    """Path inside the repository → text of every generated source file."""
    return {"fastpath/report/counter_numbers.pxd": counter_numbers()}


def commands_page() -> str:
    parts = [f"# Commands\n\n{MADE}\n\n{COMMANDS_HEAD}"]
    for name, parser in commands_of(parser_for(COMMANDS)).items():
        parts += [f"\n## filterd {name}\n\n{parser.description}\n", *_parser_parts(parser)]
    return "".join(parts)


def _parser_parts(parser: argparse.ArgumentParser) -> Iterator[str]:
    plain = arguments_of(parser)
    if plain:
        yield "\n| argument | meaning |\n|---|---|\n"
    for action in plain:
        yield f"| `{_written(action)}` | {_in_cell(action.help or '')} |\n"
    yield "\n```\n" + "\n".join(examples_of(parser)) + "\n```\n"
    for below in commands_of(parser).values():
        yield f"\n### {below.prog}\n\n{below.description}\n"
        yield from _parser_parts(below)


def _written(action: argparse.Action) -> str:
    """An argument as one types it, in a cell of a table."""
    return " ".join((", ".join(action.option_strings), value_of(action))).strip().replace("|", "\\|")


def configuration_page() -> str:
    parts = [CONFIGURATION]
    for section, keys in groupby(_keys(), lambda key: key.path.split("/")[1] if key.path.count("/") > 1 else ""):
        parts.append(f"\n## {section or 'General'}\n\n{HEADS}")
        parts += [f"| `{key.path}` | {_in_cell(' | '.join(_cells(key)))} |\n".replace(" \\| ", " | ") for key in keys]
    return "".join(parts)


class Documented(NamedTuple):
    """One key of the configuration, as its page shows it."""

    path: str
    field: dataclasses.Field[object]
    meaning: str
    restart: Restart


def _cells(key: Documented) -> Iterator[str]:
    spec: Spec = key.field.metadata["spec"]
    kind = inspect.getdoc(spec.kind) or ""
    yield f"list: {kind.splitlines()[0]}" if spec.is_many else kind.splitlines()[0]
    yield _default(key.field)
    yield " ".join(key.meaning.split())
    yield f"restart of {', '.join(key.restart)}" if key.restart else "live"


def _keys(shape: type = Config, above: str = "", restart: Restart = ALL) -> Iterator[Documented]:
    meanings = _meanings(shape)
    for field in dataclasses.fields(shape):
        spec: Spec = field.metadata["spec"]
        path = f"{above}/{field.name}" + ("/N" if spec.is_many and spec.shape else "")
        below = restart if spec.restart is None else spec.restart
        if spec.shape:
            yield from _keys(spec.shape, path, below)
        else:
            yield Documented(path, field, meanings[field.name], below)


def _meanings(shape: type) -> dict[str, str]:
    """The text below each field of a class of the schema."""
    [body] = [node.body for node in ast.parse(inspect.getsource(shape)).body if isinstance(node, ast.ClassDef)]
    meanings = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            meanings[field.target.id] = str(ast.literal_eval(text.value))
    return meanings


def _default(field: dataclasses.Field[object]) -> str:
    if field.default is dataclasses.MISSING:
        return "must be given"
    if field.default is None or field.default == ():
        return "none"
    values = field.default if isinstance(field.default, tuple) else (field.default,)
    return f"`{' '.join(str(value).lower() if isinstance(value, bool) else str(value) for value in values)}`"


def _in_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("%%", "%")


def counters_page() -> str:
    parts = [
        f"# Counters\n\n{MADE}\n\n"
        "Every worker counts by itself; `filterd status` prints the counters that are not 0. A counter only rises.\n"
        "It survives a restart of its worker, not a reboot: its file is in `/run_dir`. Look at how fast it rises.\n\n"
        "Each entry says what the counter counts, then what a rise means and what to do.\n"
    ]
    for word, title in {**CHAPTERS, "": "General"}.items():
        parts.append(f"\n## {title}\n")
        parts += [_counter_entry(counter) for counter in COUNTERS if _chapter(counter) == word]
    return "".join(parts)


def metrics_page() -> str:
    told = dict(counter_families())
    rows = [f"| `{_told_as(each)}` | {', '.join(each.labels)} | {each.help} |\n" for each in (*GAUGES, *DERIVED)]
    counted = [f"| `{_told_as(family)}` | `{name}` |\n" for name, family in told.items()]
    return METRICS.format(rows="".join(rows), counted="".join(counted))


def _told_as(family: Family) -> str:
    """A metric's name as queries have it."""
    return family.name + {"counter": "_total", "histogram": "_bucket", "gauge": ""}[family.kind]


def _chapter(counter: Counter) -> str:
    word = counter.name.partition("_")[0]
    return word if word in CHAPTERS else ""


def _counter_entry(counter: Counter) -> str:
    rise = textwrap.fill(counter.rise, 120, break_long_words=False, break_on_hyphens=False)
    return f"\n### {counter.name}\n\n{counter.counts}\n\n{rise}\n"


def privileges_page() -> str:
    """Tables with the same privileges share a row."""
    tables_of: dict[tuple[str, ...], list[str]] = {}
    for table, granted in sorted(PRIVILEGES.items()):
        tables_of.setdefault(tuple(granted.get(role, "–") for role in ROLES), []).append(table)
    rows = "".join(f"| {', '.join(tables)} | {' | '.join(held)} |\n" for held, tables in tables_of.items())
    for verb, letter in VERBS.items():
        rows = rows.replace(verb, letter)
    return PRIVILEGES_PAGE.format(rows=rows.replace('"', ""))


def marks_page() -> str:
    heads = "| state | " + " | ".join(Event) + " |\n|---|" + "---|" * len(Event) + "\n"
    rows = [f"| {state.name} | {' | '.join(_step(state, event) for event in Event)} |\n" for state in STATE_WORDS]
    states = [f"| {state.name} | {state:d} | {words} |\n" for state, words in STATE_WORDS.items()]
    fates = "".join(f"- *{fate}*: {words}\n" for fate, words in FATE_WORDS.items())
    return MARKS.format(states="".join(states), heads=heads, rows="".join(rows), fates=fates)


def _step(state: FlowState, event: Event) -> str:
    step = MARK_TABLE[state, event]
    return f"{'=' if step.state is state else step.state.name}, {step.fate}"


def tasks_page() -> str:
    return TASKS_PAGE.format(rows="".join(map(_task_row, TASKS)))


def _task_row(task: Task[Parts]) -> str:
    steps = {step.fault: step.means for step in (*task.begin, *task.steps)}
    faults = "<br>".join(f"`{fault}`: {means}" for fault, means in steps.items())
    return f"| {task.name} | {task.does} | {_turns_of(task)} | {faults} |\n"


def _turns_of(task: Task[Parts]) -> str:
    """When it takes its turns, in words."""
    if not task.steps:
        return "at the start"
    if math.isinf(task.every_s):
        return "when there is something to do"
    said = f"every {task.every_s:g} s" + ("" if task.wait is pause else " or sooner")
    return said if task.mend_s is None else f"{said}; {task.mend_s:g} s after a failure"


def counter_numbers() -> str:
    numbers = "".join(f"    CNT_{counter.name.upper()}\n" for counter in COUNTERS)
    head = '"""Numbers of the counters, in the order of counter_table.py.  Made by `make docs`; change the table."""'
    return f"{head}\n\ncdef enum Counter:\n{numbers}    N_COUNTERS\n"


def main() -> int:
    for name, text in {**sources(), **{f"docs/{page}": text for page, text in pages().items()}}.items():
        path = HERE.parent / name
        # a source with a new time would compile what depends on it again
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
