import json
from typing import Any

import pytest
from support.packets.captures import captures

from filterd.cli import main
from rules.base.category import SERVICES
from rules.lists.catalogue import services

CAPTURES = [*captures(False), *captures(True)]


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_service_is_listed_with_its_names_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["services", "list", "--json"]) == 0

    found = {each["service"]: each for each in told(capsys)}
    assert list(found) == list(SERVICES)
    assert (found["jazzcash"]["en"], found["jazzcash"]["ur"]) == ("JazzCash", "جاز کیش")
    assert all(each["picture"] and each["category"] and each["domains"] for each in found.values())


def test_one_service_is_shown_with_its_domains(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["services", "show", "whatsapp"]) == 0

    assert capsys.readouterr().out.splitlines()[1:] == ["  whatsapp.com", "  whatsapp.net", "  wa.me"]


def test_an_unknown_service_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["services", "show", "tiktock"]) == 2

    assert "tiktock: no such service; nothing shown; write 'tiktok'" in capsys.readouterr().err


@pytest.mark.skipif(not CAPTURES, reason="the captures of real clients are not here")
def test_what_a_browser_asks_by_itself_is_in_no_service(capsys: pytest.CaptureFixture[str]) -> None:
    lists = [word for each in services().values() for word in ("--list", f"{each.path},service={each.name}")]
    names, closed = set(), set()
    for path in CAPTURES:
        main(["inspect", str(path), *lists, "--json"])
        for seen in told(capsys):
            if seen.get("name"):
                names.add(seen["name"])
                closed |= {match["rule"] for match in seen["decision"]["matches"]}

    assert {"allowed.test", "update.googleapis.com"} <= names
    assert closed == set()
