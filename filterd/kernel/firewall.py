"""The firewall of this network namespace: the nft table, the sets of locked lines, and conntrack entries.

Invariants: the nft table is replaced as a whole, in one transaction; a ruleset that nft refuses changes nothing.
Nothing outside table `inet filterd` is changed.  While the rules are replaced, packets are dropped until the queue's
rule is back: none passes unjudged.  Locked lines stay locked meanwhile, as apply() gets them with the rules.
Source: nft(8), conntrack(8).
"""

import json
import subprocess
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from filterd.box.errors import MissingPart
from filterd.kernel.conntrack import forget, forget_redirected
from filterd.kernel.cut import CutSelector, end_connections, moves_text
from filterd.kernel.intervals import Network
from filterd.kernel.nft_rules import queue
from filterd.kernel.nft_sets import CORRIDOR, LOCKED, POOLS, SUBSCRIBERS, SUSPECTS, MissingSets, PrefixSets
from filterd.kernel.prefix_columns import Prefixes, SpanColumns, columns_of, networks_of, spans_of
from filterd.kernel.ruleset import (
    QUEUEING,
    QUEUEING_QUIC,
    TABLE,
    WHOLE_CHAIN,
    WITHOUT_RESOLVER,
    Rules,
    embedded_rules,
    ruleset,
)
from filterd.kernel.ruleset_text import LABELS_TRIAL
from mgmt.contract.control import Cut

Run = Callable[[Sequence[str], str], "CompletedProgram"]


@dataclass(frozen=True, slots=True)
class CompletedProgram:
    """Exit code and output of a program."""

    code: int
    output: str
    fault: str


class Kernel:
    """Firewall and conntrack of this namespace.   Needs CAP_NET_ADMIN; every method blocks, most for milliseconds."""

    def __init__(self, run: Run | None = None, sets: PrefixSets | None = None) -> None:
        self._run = run or run_program
        self._sets = sets or PrefixSets()
        self._mark_shift = 0
        self.has_labels = False  # the kernel keeps those that a gate gives to connections

    def begin(self, rules: Rules) -> bool:
        """Have rules in force before anything else is known; whether they had to be applied.

        Rules of a control before this one stay, no matter what it was configured for, until apply(): they hold locks.
        Raises as apply()"""
        if self._run(["nft", "list", "chain", *TABLE.split(), WHOLE_CHAIN], "").code == 0:
            return False
        self.apply(rules)
        return True

    def apply(self, rules: Rules, locked: Prefixes = ()) -> None:
        """Replace the rules in force; idempotent.

        Raises RuntimeError where the kernel refuses, MissingPart where a program is not installed."""
        if rules.n_queues:
            self._sets.need_queue()
        self._mark_shift = rules.mark_shift
        self.has_labels = rules.n_queues > 0 and self._run(["nft", "-f", "-"], LABELS_TRIAL).code == 0
        rules = replace(rules, is_labelled=self.has_labels)
        locked = columns_of(locked)
        self._must(["nft", "-f", "-"], ruleset(rules, networks_of(locked)))
        if rules.n_queues:
            self._sets.fill(QUEUEING, [queue(rules.first_queue, rules.n_queues, rules.is_open_when_dead)])
            self._sets.fill(QUEUEING_QUIC, [queue(rules.first_queue, 1, rules.is_open_when_dead)])
            for chain, filling in embedded_rules((SUSPECTS.hashed[4, 32], SUSPECTS.wide[4])).items():
                self._sets.fill(chain, filling)
        self._must(["nft", "-f", "-"], f"add chain {TABLE} {WHOLE_CHAIN}\n")
        # nft has merged the elements and filled no hash set: from here on the sets are ours
        self._sets.replace(LOCKED, locked)
        self._sets.replace_spans(POOLS, spans_of(rules.locked_pools))
        self._sets.replace_spans(SUBSCRIBERS, spans_of(rules.subscribers))

    def remove(self) -> None:
        """Remove everything that apply() has added; no error where there is nothing."""
        self._must(["nft", "-f", "-"], f"table {TABLE}\ndelete table {TABLE}\n")

    def remove_left(self, port: int) -> bool:
        """Remove rules of a configuration that wanted some, and what they redirected to `port`; whether there were any.

        A box without nft has none; who may not look, neither.   Raises RuntimeError where the kernel refuses"""
        try:
            listed = self._run(["nft", "list", "tables"], "")
        except MissingPart:
            return False
        if f"table {TABLE}" not in listed.output.splitlines():
            return False
        self.remove()
        self.forget_redirected(port)
        return True

    def keep_gate(self) -> None:
        """Remove what only a running filterd can honour: locks, DNS redirection, refusals of DNS over TLS.

        What stays drops new connections, as the gate's rules of a box that is closed when dead; no error where there
        are no rules."""
        try:
            self._sets.replace(LOCKED, ())
            self._sets.replace_spans(SUBSCRIBERS, {})
        except MissingSets:
            return
        with suppress(MissingSets):  # rules of an earlier release have no pools
            self._sets.replace_spans(POOLS, {})
        self._must(["nft", "-f", "-"], WITHOUT_RESOLVER)

    def forget_redirected(self, port: int) -> int:
        """Delete the conntrack entries of queries that were redirected to `port`; returns how many."""
        return forget_redirected(port)

    def set_locked(self, locked: Prefixes) -> None:
        """Replace the locked prefixes, in one transaction.   Raises MissingSets where the rules are not in force."""
        self._sets.replace(LOCKED, locked)

    def set_locked_pools(self, spans: SpanColumns) -> None:
        """Replace the locked addresses of pools; raises as set_locked()."""
        self._sets.replace_spans(POOLS, spans)

    def change_locked_pools(self, spans: SpanColumns) -> None:
        """Do set_locked_pools(), and send the kernel only the difference; raises as change_locked()."""
        self._sets.change_spans(POOLS, spans)

    def set_subscribers(self, spans: SpanColumns) -> None:
        """Replace the addresses whose DNS is redirected; raises as set_locked()."""
        self._sets.replace_spans(SUBSCRIBERS, spans)

    def change_locked(self, added: Prefixes, removed: Prefixes) -> None:
        """Lock and unlock prefixes, in one transaction.   None of both: only check the generation.

        Raises OutOfStep where another program has changed any rules: call set_locked() then."""
        self._sets.change(LOCKED, added, removed)

    def change_subscribers(self, spans: SpanColumns) -> None:
        """Do set_subscribers(), and send the kernel only the difference; raises as change_locked()."""
        self._sets.change_spans(SUBSCRIBERS, spans)

    def set_suspects(self, prefixes: Iterable[Network]) -> None:
        """Replace the destinations to which every connection is judged; raises as set_locked()."""
        self._sets.replace(SUSPECTS, prefixes)

    def change_suspects(self, added: Iterable[Network], removed: Iterable[Network]) -> None:
        """Add and remove such destinations; raises as change_locked()."""
        self._sets.change(SUSPECTS, added, removed)

    def set_corridor(self, prefixes: Iterable[Network]) -> None:
        """Replace the addresses whose web sites no lock closes, of the help corridor; raises as set_locked()."""
        self._sets.replace(CORRIDOR, prefixes)

    def change_corridor(self, added: Iterable[Network], removed: Iterable[Network]) -> None:
        """Add and remove such addresses; raises as change_locked()."""
        self._sets.change(CORRIDOR, added, removed)

    def cut(self, prefixes: Prefixes) -> int:
        """Delete the conntrack entries of connections from and to these prefixes; returns how many."""
        return forget(prefixes)

    def end_connections(self, wanted: CutSelector) -> Cut:
        """End connections that a tightened rule closes.   Raises RuntimeError where the kernel refuses."""
        return end_connections(wanted, self._mark_shift, self._refuse_moves)

    def n_unjudged(self) -> int | None:
        """Packets queued since apply() that came back without a verdict: passed, dropped, or (very few) still queued.

        None where the rules are not in force."""
        packets = counted(self._run)
        return None if packets is None else max(0, packets["n_queued"] - packets["n_judged"])

    def close(self) -> None:
        """Close the netlink socket."""
        self._sets.close()

    def _refuse_moves(self, ends: Sequence[tuple[str, str]]) -> None:
        text = moves_text(ends)
        # Where the time of many elements ends meanwhile, nft was seen to fail (1 of 245); nothing of it is kept then.
        if text and self._run(["nft", "-f", "-"], text).code != 0:
            self._must(["nft", "-f", "-"], text)

    def _must(self, argv: Sequence[str], text: str) -> None:
        done = self._run(argv, text)
        if done.code != 0:
            raise RuntimeError(f"{argv[0]}: {_first_line(done.fault)}; rules stay as they were; run 'filterd doctor'")


def counted(run: Run) -> dict[str, int] | None:
    """Packets by counter of our rules.   None where they are not in force.   Raises MissingPart."""
    done = run(["nft", "-j", "list", "counters", "table", *TABLE.split()], "")
    if done.code != 0:
        return None
    listed = (each["counter"] for each in json.loads(done.output)["nftables"] if "counter" in each)
    return {counter["name"]: counter["packets"] for counter in listed}


def run_program(argv: Sequence[str], text: str) -> CompletedProgram:
    """Run a program to its end with `text` on its standard input.   Raises MissingPart."""
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError as exc:
        raise MissingPart(f"{argv[0]}: not on this box; no rules were applied; apt-get install nftables") from exc
    return CompletedProgram(done.returncode, done.stdout, done.stderr)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0] or "no error message"
