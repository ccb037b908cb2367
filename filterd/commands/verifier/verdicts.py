"""From what was seen to what it means: blocked here, blocked further up, open, or not asked.

    a packet's way ends at a sink right behind the gateway, so only the gateway can have stopped it
    an answer of DNS is this box's block where it leads to the block page, or says so (EDE) and the upstream does not

Invariants: silence is a block only where a neutral name has arrived over the same channel, before and after; what was
not asked is never called blocked; an order is `verified` only where each question of each entry was answered "here".
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from filterd.commands.verifier.questions import DNS_CHANNELS, ENTRY, NEIGHBOUR, NEUTRAL, Question, Way
from filterd.commands.verifier.seen import ANSWER, ARRIVED, PAGE, PROHIBITED, RESET, SILENCE, Observation

BLOCKED_EDE = frozenset({15, 16, 17})  # RFC 8914 §4: Blocked, Censored, Filtered
NOERROR, NXDOMAIN, REFUSED = 0, 3, 5
BLOCK_STATUS = 451  # of the gateway's page for orders


class Outcome(enum.StrEnum):
    """What became of one question."""

    HERE = "here"  # this gateway has blocked it
    UPSTREAM = "upstream"  # something behind the gateway has
    OPEN = "open"
    UNASKED = "unasked"  # it could not be asked


class State(enum.StrEnum):
    """What is said of the whole order, the worst first."""

    OPEN = "open"  # something that must be blocked is not, or not by this box
    TOO_WIDE = "too_wide"  # something that must be open is blocked by this order
    INCOMPLETE = "incomplete"  # something could not be asked
    VERIFIED = "verified"


class QuestionOutcome(NamedTuple):
    """A question, its outcome, when, and what was seen."""

    question: Question
    outcome: Outcome
    at_ms: int
    seen: str


class Marks(NamedTuple):
    """How this box's own blocks look.   pages  addresses of its block page"""

    pages: frozenset[str]


def judge(
    asked: Sequence[Question], seen: Mapping[int, Observation], marks: Marks, upstream: Mapping[str, Observation]
) -> list[QuestionOutcome]:
    """The outcome of every question but the neutral ones.   upstream  name → what the upstream itself answers"""
    deaf = _deaf(asked, seen)
    found = []
    for question in asked:
        if question.kind == NEUTRAL:
            continue
        each = seen.get(question.at)
        if each is None:
            found.append(QuestionOutcome(question, Outcome.UNASKED, 0, "nothing"))
        elif question.way.channel in DNS_CHANNELS:
            found.append(_of_dns(question, each, marks, upstream.get(question.name)))
        else:
            found.append(_of_packets(question, each, is_deaf=question.way in deaf))
    return found


def needs_upstream(question: Question, seen: Observation, marks: Marks) -> bool:
    """Whether only the upstream's own answer tells who has blocked, if anyone has."""
    return seen.kind == ANSWER and not _is_page(seen, marks) and (_says_blocked(seen) or question.kind == ENTRY)


def state_of(found: Iterable[QuestionOutcome], *, excused: frozenset[str] = frozenset()) -> State:
    """The order in one word.   excused  neighbours that something else than this order blocks"""
    states = {State.VERIFIED}
    n_entries = 0
    for each in found:
        if each.question.kind == ENTRY:
            n_entries += 1
            states.add(_OF_ENTRY[each.outcome])
        elif each.outcome is Outcome.HERE and each.question.asks_for not in excused:
            states.add(State.TOO_WIDE)
    if not n_entries:
        return State.INCOMPLETE
    return next(state for state in State if state in states)


def told(found: Sequence[QuestionOutcome]) -> list[dict[str, Any]]:
    """By entry: what came of each way, and when the last was answered."""
    entries: dict[int, dict[str, Any]] = {}
    for each in found:
        if each.question.kind == ENTRY:
            entry = entries.setdefault(each.question.number, {"number": each.question.number, "ways": {}, "at_ms": 0})
            entry["ways"][str(each.question.way)] = each.outcome.value
            entry["at_ms"] = max(entry["at_ms"], each.at_ms)
    return list(entries.values())


def too_wide(found: Iterable[QuestionOutcome]) -> dict[str, Question]:
    """Neighbours that are blocked here, names or URLs → a question about each: one of packets, where there is one."""
    wide: dict[str, Question] = {}
    for each in found:
        asked = each.question
        if asked.kind != NEIGHBOUR or each.outcome is not Outcome.HERE:
            continue
        if asked.asks_for not in wide or asked.way.channel not in DNS_CHANNELS:
            wide[asked.asks_for] = asked
    return wide


_OF_ENTRY = {
    Outcome.HERE: State.VERIFIED,
    Outcome.UPSTREAM: State.OPEN,
    Outcome.OPEN: State.OPEN,
    Outcome.UNASKED: State.INCOMPLETE,
}


def _deaf(asked: Sequence[Question], seen: Mapping[int, Observation]) -> set[Way]:
    """Channels on which a neutral name has not arrived."""
    return {
        each.way for each in asked if each.kind == NEUTRAL and (each.at not in seen or seen[each.at].kind != ARRIVED)
    }


def _of_packets(question: Question, seen: Observation, *, is_deaf: bool) -> QuestionOutcome:
    if seen.kind == ARRIVED:
        outcome = Outcome.OPEN
    elif _is_our_page(seen) or (seen.kind in (RESET, PROHIBITED, SILENCE) and not is_deaf):
        outcome = Outcome.HERE
    else:
        outcome = Outcome.UNASKED
    return QuestionOutcome(question, outcome, seen.at_ms, _words(seen))


def _of_dns(question: Question, seen: Observation, marks: Marks, upstream: Observation | None) -> QuestionOutcome:
    if seen.kind != ANSWER:
        outcome = Outcome.UNASKED
    elif _is_page(seen, marks):
        outcome = Outcome.HERE
    elif upstream is not None and upstream.kind == ANSWER and _says_blocked(upstream):
        outcome = Outcome.UPSTREAM
    elif _says_blocked(seen):
        outcome = Outcome.HERE
    else:
        outcome = Outcome.OPEN if seen.rcode in (NOERROR, NXDOMAIN) else Outcome.UNASKED
    return QuestionOutcome(question, outcome, seen.at_ms, _words(seen))


def _is_our_page(seen: Observation) -> bool:
    return seen.kind == PAGE and seen.status == BLOCK_STATUS


def _is_page(seen: Observation, marks: Marks) -> bool:
    return not marks.pages.isdisjoint(seen.data)


def _says_blocked(seen: Observation) -> bool:
    return not BLOCKED_EDE.isdisjoint(seen.ede)


def _words(seen: Observation) -> str:
    more = f" {seen.status}" if seen.status else f" rcode {seen.rcode} ede {seen.ede}" if seen.kind == ANSWER else ""
    return f"{seen.kind}{more}" + (f": {seen.said}" if seen.said else "")
