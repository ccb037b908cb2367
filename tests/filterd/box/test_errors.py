import pytest

from filterd.box.errors import ApiProblem
from filterd.cli import main


def test_a_problem_of_the_api_says_its_message_and_keeps_status_and_place() -> None:
    problem = ApiProblem("Signature: expired; nothing done; sign it again (403)", 403, "Signature")

    assert str(problem) == "Signature: expired; nothing done; sign it again (403)"
    assert (problem.status, problem.where) == (403, "Signature")
    assert ApiProblem("the API answered 502", 502).where == ""


def test_a_command_that_meets_a_problem_of_the_api_shows_it_and_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_arguments: object) -> int:
        raise ApiProblem("no such order (404)", 404)

    monkeypatch.setattr("filterd.commands.canon.run", refuse)

    assert main(["canon"]) == 1
    assert capsys.readouterr().err == "filterd canon: no such order (404)\n"
