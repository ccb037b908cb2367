import time
from pathlib import Path

import pytest
from support.system.stage import dig_text, scripted_stage

from filterd.lab.stage import StepFailure, must, must_become


def test_a_subscriber_asks_from_its_own_address_over_either_family(tmp_path: Path) -> None:
    stage = scripted_stage(tmp_path, lambda *_: dig_text())

    stage.ask("a.test", "adult", family=4)
    stage.ask("a.test", "child", family=6)

    [(four_node, four, _), (six_node, six, _)] = stage.place.asked  # type: ignore[attr-defined]
    assert (four_node, four[four.index("-b") + 1], "@192.0.2.1" in four) == ("adult", "198.51.100.18", True)
    assert (six_node, six[six.index("-b") + 1], "@2001:db8::1" in six) == ("child", "2001:db8:1::2", True)


@pytest.mark.parametrize(
    ("answer", "is_blocked", "is_open"),
    [
        (dig_text("a.test. 60 IN A 192.0.2.1", ede=(16, 4)), True, False),
        (dig_text("a.test. 60 IN A 192.0.2.1", ede=(17, 4)), False, False),
        (dig_text("a.test. 60 IN A 192.0.2.40"), False, True),
        (dig_text(rcode="SERVFAIL"), False, False),
        ("", False, False),
    ],
)
def test_blocked_is_the_splash_with_its_reason_and_open_is_the_origin(
    tmp_path: Path, answer: str, is_blocked: bool, is_open: bool
) -> None:
    stage = scripted_stage(tmp_path, lambda *_: answer)

    assert (stage.is_blocked_in_dns("a.test"), stage.is_open_in_dns("a.test")) == (is_blocked, is_open)


def test_a_step_that_sees_something_else_has_failed() -> None:
    with pytest.raises(StepFailure, match="expected 451; saw 200"):
        must(False, "451", 200)
    must(True, "451", 200)


def test_what_never_comes_has_failed() -> None:
    with pytest.raises(StepFailure, match=r"expected a reset within 0\.05 s; saw not yet after"):
        must_become(lambda: False, "a reset", time.monotonic(), 0.05)


def test_what_comes_too_late_has_failed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1009.0)
    with pytest.raises(StepFailure, match="within 2 s; saw 9"):
        must_become(lambda: True, "a reset", 1000.0, 2.0)
