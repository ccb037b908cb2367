"""The answer table; the answer to each action is tested in test_query_path.py."""

from pathlib import Path

import pytest

from fastpath.dns.block_answers import AnswerSpec
from fastpath.dns.stream_resolver import StreamResolver
from fastpath.images.verdict import Action, Reason
from fastpath.report.spool import Reporter

SPEC = AnswerSpec(bytes([192, 0, 2, 80]), b"", 60, 16, Action.NO_ACTION)
SPECS = [SPEC] * len(Reason)


def opened(folder: Path, specs: list[AnswerSpec], cookie_master: bytes = b"", cache_octets: int = 0) -> StreamResolver:
    reporter = Reporter(folder / "counters", folder / "spool")
    return StreamResolver(reporter, specs, cache_octets, cookie_master=cookie_master)


@pytest.mark.parametrize(
    ("what", "specs"),
    [
        ("too few", SPECS[1:]),
        ("too many", [*SPECS, SPEC]),
        ("a short address", [SPEC._replace(splash4=b"123"), *SPECS[1:]]),
        ("a short IPv6 address", [SPEC._replace(splash6=bytes(4)), *SPECS[1:]]),
        ("a long text", [SPEC._replace(text=b"x" * 513), *SPECS[1:]]),
    ],
)
def test_impossible_answers_are_refused(tmp_path: Path, what: str, specs: list[AnswerSpec]) -> None:
    with pytest.raises(ValueError, match="not used"):
        opened(tmp_path, specs)


def test_a_cookie_key_has_sixteen_octets(tmp_path: Path) -> None:
    assert opened(tmp_path, SPECS, bytes(16)) is not None
    with pytest.raises(ValueError, match="15 octets"):
        opened(tmp_path, SPECS, bytes(15))


def test_a_cache_too_small_for_a_large_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1000 octets"):
        opened(tmp_path, SPECS, cache_octets=1000)
