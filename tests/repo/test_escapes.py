"""Each way past the first gate, and each innocent that it hurt, is played with both routings under both policies."""

import ast
from pathlib import Path

import pytest
from support.escapes.passage import WAYS
from support.escapes.program import ROWS
from support.evasion.rows import BY_NAME

# By the name that it has where it was found: the row that plays it, in tests/kernel/test_escapes.py.
ESCAPES = {
    "reopened": "reopened",
    "stray": "stray",
    "stray80": "stray over HTTP",
    "synack": "synack",
    "spoofed": "spoofed",
    "spoken": "spoken",
    "begun": "begun",
    "reversed": "reversed",
    "mptcp": "two subflows",
    "notrack": "listed",
    "tls_early": "E40 after a HelloRetryRequest, behind early data",
    "tls_big2": "E40 after a HelloRetryRequest, both hellos long",
    "tls_evict": "pressure between two hellos",
    "http_evict": "half a head, pressure",
    "evicted_ooo": "pressure, second piece first",
    "evicted": "half a hello over QUIC, pressure",
    "http_toobig": "behind a long chunk",
    "http_head64": "behind long fillers",
    "http_getbody": "E63 behind the body of GET",
    "http_ctl": "E60 a control octet in the target",
    "http_ctl2": "E60 a control octet in the target, second",
    "http_cr": "E59 Host behind a bare CR",
    "slid": "E13 decoys push the judged octets out of the window",
    "split": "two ports",
}
INNOCENTS = {
    "crowd": "crowd",
    "five": "five",
    "keepalive80": "keep-alive before the answer",
    "keepalive443": "keep-alive behind a hello",
}


@pytest.fixture(scope="module")
def played(root: Path) -> set[str]:
    """The rows that tests play on every way: all that is written in one, and what several are made from."""
    written = ast.parse((root / "tests/kernel/test_escapes.py").read_text())
    tests = [
        each
        for each in written.body
        if isinstance(each, ast.FunctionDef) and "way" in {one.arg for one in each.args.args}
    ]
    named = [
        each
        for each in written.body
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name) and each.targets[0].id.isupper()
    ]
    return {
        each.value
        for part in (*tests, *named)
        for each in ast.walk(part)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


def test_the_ways_are_both_routings_under_both_policies_and_none() -> None:
    both = {f"{routing} {policy}" for routing in ("symmetric", "asymmetric") for policy in ("open", "closed")}
    assert set(WAYS) == {*both, "no gate"}


@pytest.mark.parametrize(("name", "row"), [*ESCAPES.items(), *INNOCENTS.items()])
def test_what_got_past_the_first_gate_or_was_hurt_by_it_is_played_on_every_way(
    played: set[str], name: str, row: str
) -> None:
    assert row in ROWS or row in BY_NAME, name
    assert row in played, name


def test_no_row_of_the_program_is_left_unplayed(played: set[str]) -> None:
    assert set(ROWS) - played == set()
