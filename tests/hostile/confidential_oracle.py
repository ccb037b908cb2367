"""Somebody tries names at every door: does any answer, or the time that it takes, tell a name of a confidential list?

    DNS       a confidential name against one of an order: the octets, and the time
    splash    the same
    explain   a confidential name against one that no list holds, over the API: the octets, and the time
    lookup    the same, over the images: the octets

What is told apart by design stands in docs/reference/semantics.md, section 8.5.  Names are random and of equal length;
chance alone puts them in a list.  They are asked in rounds of ROUND, half of them of each kind, in random order,
AT_ONCE at a door.  What is timed is an answer alone, from the last octet of the question.

Times are compared by van Elteren's rank sums, a round for itself, so that a machine that gets slower or faster changes
nothing (rank_sums.py).  |z| above Z is a difference.  As the order is random, noise makes none; it hides small ones:
the line says from which one on an answer would have been told apart.

Where control is late, on a loaded machine, the splash shows a page of no name: it is asked again, and whether that
happens more often with one kind of names is compared as well.  The token of a page's form is the hour's for all names:
it is taken out, and there may be one for each hour.
Cost: four minutes of two cores.
"""

import contextlib
import hashlib
import http.client
import json
import math
import random
import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from hostile.rank_sums import Rounds, median_ns, stratified_z, told_from_ns
from support.packets.shapes import question
from support.system.daemon import Daemon

from mgmt.web.kit.rates import N_OF_TOKEN
from rules.base.budget import N_NAMES

N_CANDIDATES = 100_000
N_OF_A_CLIENT = 50  # less than the splash tells one client
N_OF_A_TOKEN = N_OF_TOKEN - 1
Z = 4.5  # by chance once in 150,000 drills
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"  # so that an extended error is answered, too
SECRET, OTHER = "worse", "order"

AT_ONCE = 4
ROUND = 200  # questions: few enough that a machine is as it was
N_LOOKED_UP = 10_000  # by one command
MOST_LATE = 100  # times in a row that a name is asked again
TOKEN = re.compile(rb"\b[0-9a-f]{32}\b")
LATE = b"late"
HOUR_S = 3600

# (number of the question, name) → nanoseconds, and what is answered, with the name taken out; LATE: nothing of the name
Ask = Callable[[int, str], tuple[int, bytes]]


@dataclass
class Seen:
    """What was seen of names of one kind."""

    answers: set[bytes] = field(default_factory=set)
    rounds: Rounds = field(default_factory=list)
    n_late: int = 0

    def add(self, other: Self) -> None:
        self.answers |= other.answers
        self.rounds += other.rounds
        self.n_late += other.n_late


Kinds = dict[str, Seen]
Question = tuple[int, tuple[str, int]]  # its number, and a name by kind and place


def drill(folder: Path, n: int = N_CANDIDATES) -> str:
    """Try `n` names at each door, whole rounds; one line of figures.   Raises AssertionError where one tells."""
    daemon = _configured(folder, n)
    daemon.start()
    try:
        tokens = [daemon.token("operator") for _ in range(0, n, N_OF_A_TOKEN)]
        # Alone: its answers take some 30 µs.  At the others each takes a hundred times as long, and waits for the box.
        found = [_try("dns", n, "order", _dns(daemon))]
        with ThreadPoolExecutor() as pool:
            trying = [
                pool.submit(_try, "splash", n, "order", _splash(daemon), AT_ONCE),
                pool.submit(_try, "explain", n, "freed", _explain(daemon, tokens), AT_ONCE),
                pool.submit(_lookup, daemon, n),
            ]
        found += [each.result() for each in trying]
    finally:
        daemon.stop()
    return f"confidential_oracle: {'; '.join(found)}"


def _configured(folder: Path, n: int) -> Daemon:
    """A box with a confidential list and an order of n / 2 names each."""
    daemon = Daemon(folder)
    said = json.loads(daemon.config.read_text())
    for list_id, tier in ((SECRET, "csam"), (OTHER, "order")):
        (folder / f"{list_id}.txt").write_text("".join(f"{_name(list_id, at)}\n" for at in range(n // 2)))
        said["lists"].append({"id": list_id, "file": f"{list_id}.txt", "format": "plain", "tier": tier})
    daemon.config.write_text(json.dumps(said))
    return daemon


def _name(kind: str, at: int) -> str:
    return f"{hashlib.blake2s(f'{kind} {at}'.encode(), digest_size=8).hexdigest()}.test"


def _try(door: str, n: int, against: str, opened: Callable[[], Ask], at_once: int = 1) -> str:
    """Ask about n / 2 names of each kind; the line of this door.   opened  a door for one who asks"""
    rounds = list(_rounds(n, against))
    seen: Kinds = {SECRET: Seen(), against: Seen()}
    with ThreadPoolExecutor(at_once) as pool:
        for of_one in pool.map(lambda first: _ask_all(rounds[first::at_once], opened(), against), range(at_once)):
            for kind, one in of_one.items():
                seen[kind].add(one)
    return _judged(door, n, seen[SECRET], seen[against])


def _rounds(n: int, against: str) -> Iterator[list[Question]]:
    """Questions with their numbers, by rounds."""
    order = random.Random(1)
    for first in range(0, n, ROUND):
        names = [(kind, first // 2 + at) for kind in (SECRET, against) for at in range(ROUND // 2)]
        order.shuffle(names)
        yield list(enumerate(names, first))


def _ask_all(rounds: Sequence[Sequence[Question]], ask: Ask, against: str) -> Kinds:
    seen: Kinds = {SECRET: Seen(), against: Seen()}
    for asked in rounds:
        times: dict[str, list[int]] = {kind: [] for kind in seen}
        for number, (kind, at) in asked:
            took_ns, answer, n_late = _ask_until_told(ask, number, _name(kind, at))
            times[kind].append(took_ns)
            seen[kind].answers.add(answer)
            seen[kind].n_late += n_late
        for kind, one in seen.items():
            one.rounds.append(times[kind])
    return seen


def _ask_until_told(ask: Ask, number: int, name: str) -> tuple[int, bytes, int]:
    """How long the answer took in all, what it was, and how often control was late."""
    took_ns = 0
    for n_late in range(MOST_LATE):
        one_ns, answer = ask(number, name)
        took_ns += one_ns
        if answer != LATE:
            return took_ns, answer, n_late
    raise AssertionError(f"control was late {MOST_LATE} times in a row; give the machine some rest")


def _judged(door: str, n: int, secret: Seen, other: Seen) -> str:
    z = stratified_z(secret.rounds, other.rounds)
    n_late = secret.n_late + other.n_late
    z_late = (secret.n_late - other.n_late) / math.sqrt(n_late) if n_late else 0.0
    answers = secret.answers | other.answers
    apart_ns = median_ns(secret.rounds) - median_ns(other.rounds)
    line = (
        f"{door}: {n} names, {len(answers)} different answers, time z {z:+.1f}, medians {apart_ns / 1e3:+.2f} µs apart"
    )
    line += f", told from {told_from_ns(secret.rounds, other.rounds, Z) / 1e3:.2f} µs on"
    if n_late:
        line += f", {n_late} asked again, z {z_late:+.1f}"
    apart = secret.answers ^ other.answers or (answers if len(answers) > 1 else set())
    assert not apart and max(abs(z), abs(z_late)) < Z, f"{line}: {[each[-2000:] for each in apart]}"
    return line


def _dns(daemon: Daemon) -> Callable[[], Ask]:
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.settimeout(5)
    asking.connect(("127.0.0.1", daemon.dns))

    def ask(number: int, name: str) -> tuple[int, bytes]:
        del number
        query = question(name.encode(), additional=[OPT])
        begun_ns = time.perf_counter_ns()
        asking.send(query)
        answer = asking.recv(4096)
        took_ns = time.perf_counter_ns() - begun_ns
        return took_ns, answer[2:].replace(query[12 : query.index(b"\0", 12)], b"NAME")

    return lambda: ask


def _splash(daemon: Daemon) -> Callable[[], Ask]:
    """Raises AssertionError later where there are more tokens than hours."""
    tokens, began_s = Counter[bytes](), time.time()

    def visit(source: tuple[str, int], name: str) -> tuple[int, bytes]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", daemon.splash, 20, source)) as opened:
            opened.connect()
            begun_ns = time.perf_counter_ns()
            opened.request("GET", "/", headers={"Host": name})
            answer = opened.getresponse()
            body = answer.read()
            took_ns = time.perf_counter_ns() - begun_ns
            head = sorted((key, value) for key, value in answer.getheaders() if key != "Date")
            return took_ns, repr((answer.status, head)).encode() + body

    # Beyond what one client is told, the page is the one that a late control has, too.
    *_, (_, of_no_name) = [visit(("127.255.255.254", 0), f"free-{at}.test") for at in range(N_NAMES + 1)]

    def ask(number: int, name: str) -> tuple[int, bytes]:
        client = number // N_OF_A_CLIENT
        took_ns, answer = visit((f"127.{1 + client // 62_500}.{1 + client // 250 % 250}.{1 + client % 250}", 0), name)
        tokens.update(TOKEN.findall(answer))
        assert len(tokens) <= 1 + time.time() // HOUR_S - began_s // HOUR_S, f"splash: tokens {tokens}, last of {name}"
        return took_ns, LATE if answer == of_no_name else TOKEN.sub(b"TOKEN", answer)

    return lambda: ask


def _explain(daemon: Daemon, tokens: list[str]) -> Callable[[], Ask]:
    def opened() -> Ask:
        connection = http.client.HTTPConnection("127.0.0.1", daemon.api, timeout=60)

        def ask(number: int, name: str) -> tuple[int, bytes]:
            token = tokens[number // N_OF_A_TOKEN]
            begun_ns = time.perf_counter_ns()
            connection.request("GET", f"/v1/explain?name={name}", headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse().read()
            took_ns = time.perf_counter_ns() - begun_ns
            return took_ns, answer.replace(name.encode(), b"NAME")

        return ask

    return opened


def _lookup(daemon: Daemon, n: int) -> str:
    """Look up the names of both kinds in the images, as root may."""
    answers: dict[str, set[str]] = {}
    for kind in (SECRET, "freed"):
        names = [_name(kind, at) for at in range(n // 2)]
        answers[kind] = set()
        for first in range(0, len(names), N_LOOKED_UP):
            some = names[first : first + N_LOOKED_UP]
            done = daemon.run("lookup", "--images", str(daemon.folder / "state/images"), "--json", *some)
            assert done.returncode == 0, done.stderr
            answers[kind] |= {
                line.replace(name, "NAME") for line, name in zip(done.stdout.splitlines(), some, strict=True)
            }
    line = f"lookup: {n} names, {len(answers[SECRET] | answers['freed'])} different answers"
    assert answers[SECRET] == answers["freed"] and len(answers[SECRET]) == 1, line
    return line
