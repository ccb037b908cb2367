import subprocess
import sys

import pytest

from filterd.process.logs import decision_line


def test_a_decision_has_one_grammar() -> None:
    line = decision_line("sni", "example.test", "splash", "schedule", 7, "adult", (812, 40))

    assert line == "decision sni example.test action=splash reason=schedule subscriber=7 list=adult gen=812/40"


def test_what_a_decision_does_not_know_is_a_dash() -> None:
    line = decision_line("dns", None, "nxdomain", "pause", None, None, (1, 0))

    assert line == "decision dns - action=nxdomain reason=pause subscriber=- list=- gen=1/0"


def one_warning(environ: dict[str, str]) -> str:
    code = (
        "from filterd.process.logs import start_logging; import logging; "
        "start_logging('dns-0'); logging.warning('a thing')"
    )
    return subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True).stderr


@pytest.mark.services
def test_lines_go_to_stderr_with_their_role() -> None:
    assert one_warning({"PYTHONPATH": ":".join(sys.path)}).endswith(" dns-0 WARNING: a thing\n")


@pytest.mark.services
def test_the_journal_gets_a_priority_and_no_second_time() -> None:
    assert one_warning({"PYTHONPATH": ":".join(sys.path), "JOURNAL_STREAM": "1:2"}) == "<4>dns-0: a thing\n"
