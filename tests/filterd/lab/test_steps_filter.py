"""The steps must fail where filterd does not filter, or filters too much."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from support.system.stage import dig_text, scripted_stage

from filterd.lab import steps_filter
from filterd.lab.clients import MARK
from filterd.lab.stage import Stage, StepFailure

SOA = "test. 30 IN SOA a.test. b.test. 1 2 3 4 5"
BLOCKED = {
    "A": dig_text("listed.test. 60 IN A 192.0.2.1", ede=(16, 4)),
    "AAAA": dig_text("listed.test. 60 IN AAAA 2001:db8::1", ede=(16, 4)),
}
NODATA = dig_text(ede=(16,), authority=(SOA,))
ORIGIN = dig_text("listed.test. 30 IN A 192.0.2.40")


def stage_of(folder: Path, **changed: str) -> Stage:
    """A stage where dig is answered as a filterd that works does, but for `changed` by qtype."""

    def answer(_: str, argv: Sequence[str], __: str | None) -> str:
        return (BLOCKED | changed).get(argv[-1], NODATA)

    stage = scripted_stage(folder, answer)
    stage.listed = ("listed.test",)
    return stage


def test_listed_names_that_are_blocked_pass_and_are_kept_for_the_audit(tmp_path: Path) -> None:
    stage = stage_of(tmp_path)

    steps_filter.dig_listed(stage)

    assert stage.seen == {("dns", "order", "listed.test")}


@pytest.mark.parametrize(
    ("qtype", "answer"),
    [
        ("A", ORIGIN),
        ("A", dig_text("listed.test. 60 IN A 192.0.2.1", ede=(16,))),
        ("A", dig_text("listed.test. 3600 IN A 192.0.2.1", ede=(16, 4))),
        ("A", ""),
        ("AAAA", dig_text("listed.test. 60 IN AAAA 2001:db8:f::40")),
        ("HTTPS", dig_text("listed.test. 60 IN HTTPS 1 . alpn=h2")),
        ("MX", dig_text(ede=(16,))),
        ("TXT", dig_text(rcode="SERVFAIL")),
    ],
)
def test_a_listed_name_that_gets_through_fails_the_step(tmp_path: Path, qtype: str, answer: str) -> None:
    with pytest.raises(StepFailure):
        steps_filter.dig_listed(stage_of(tmp_path, **{qtype: answer}))


def test_an_allowed_name_that_is_blocked_fails_the_step(tmp_path: Path) -> None:
    with pytest.raises(StepFailure, match=r"expected 192\.0\.2\.40 over udp, IPv4"):
        steps_filter.dig_allowed(stage_of(tmp_path))


def curl_stage(folder: Path, exit_code: int, output: str, fault: str) -> Stage:
    stage = scripted_stage(folder, lambda *_: "", folder / "ca.pem")
    whole = stage.place.run

    def run(node: str, argv: Sequence[str], stdin: str | None = None, timeout_s: float = 30.0) -> object:
        done = whole(node, argv, stdin, timeout_s)
        done.returncode, done.stdout, done.stderr = exit_code, output, fault
        return done

    stage.place.run = run  # type: ignore[method-assign,assignment]
    return stage


def test_a_page_where_a_reset_must_be_fails_the_step(tmp_path: Path) -> None:
    stage = curl_stage(tmp_path, 0, f"HTTP/1.1 200 OK\n\norigin{MARK}200 0.01", "")

    with pytest.raises(StepFailure, match=r"a reset of https://listed\.test over IPv4"):
        steps_filter.reset_listed_sni(stage)


def test_a_silent_drop_is_no_reset(tmp_path: Path) -> None:
    stage = curl_stage(tmp_path, 28, f"{MARK}000 5.0", "curl: (28) Connection timed out")

    with pytest.raises(StepFailure):
        steps_filter.reset_listed_sni(stage)


def test_resets_are_kept_for_the_audit_by_the_rule_that_matched(tmp_path: Path) -> None:
    stage = curl_stage(tmp_path, 35, f"{MARK}000 0.01", "curl: (35) Recv failure: Connection reset by peer")

    steps_filter.reset_listed_sni(stage)

    assert stage.seen == {("sni", "order", "listed.test"), ("sni", "order", "blocked.test")}


def test_an_allowed_name_that_is_reset_fails_the_step(tmp_path: Path) -> None:
    stage = curl_stage(tmp_path, 35, f"{MARK}000 0.01", "curl: (35) Recv failure: Connection reset by peer")

    with pytest.raises(StepFailure, match=r"the page of https://allowed\.test"):
        steps_filter.pass_allowed_sni(stage)


@pytest.mark.parametrize("code", [200, 403])
def test_a_page_that_is_not_451_is_no_splash_of_an_order(tmp_path: Path, code: int) -> None:
    head = f'HTTP/1.1 {code} X\nLink: <https://isp.example>; rel="blocked-by"'
    page = f'{head}\n\nlisted.test lang="ur"{MARK}{code} 0.01'

    with pytest.raises(StepFailure, match="451 with the name"):
        steps_filter.show_splash(curl_stage(tmp_path, 0, page, ""))
