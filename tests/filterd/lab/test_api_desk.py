import json
from pathlib import Path

import pytest
from support.system.stage import ScriptedPlace

from filterd.lab.api_desk import MARK, Desk, RequestRefusal


def test_a_request_goes_from_the_desk_to_the_api_and_the_token_is_on_no_command_line(tmp_path: Path) -> None:
    place = ScriptedPlace(tmp_path, lambda *_: '{"id": 3}' + MARK + "201")

    assert Desk(place, "secret").post("/v1/orders", {"ref": 'a "b" \\ ك'}) == {"id": 3}

    [(node, argv, stdin)] = place.asked
    assert (node, "secret" in " ".join(argv)) == ("desk", False)
    assert 'header = "Authorization: Bearer secret"' in (stdin or "")
    assert 'url = "http://192.0.2.1:8080/v1/orders"' in (stdin or "")


def test_the_body_survives_the_quoting_of_curls_configuration(tmp_path: Path) -> None:
    said = {"ref": 'a "quoted" \\ back\nslash ك'}
    place = ScriptedPlace(tmp_path, lambda *_: "{}" + MARK + "200")
    Desk(place, "secret").post("/v1/orders", said)
    [(_, _, stdin)] = place.asked
    line = next(line for line in (stdin or "").splitlines() if line.startswith("data-raw"))

    # curl(1), --config: within quotes \\ and \" are the characters themselves
    sent = line.partition('"')[2].removesuffix('"').replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\")

    assert json.loads(sent) == said


@pytest.mark.parametrize("code", ["401", "422", "503", ""])
def test_anything_but_2xx_is_refused_with_what_was_said(tmp_path: Path, code: str) -> None:
    desk = Desk(ScriptedPlace(tmp_path, lambda *_: "the reason" + MARK + code), "secret")

    with pytest.raises(RequestRefusal, match=f"^GET /v1/status: {code or 'no answer'} the reason"):
        desk.get("/v1/status")


def test_a_token_does_not_show_in_a_traceback(tmp_path: Path) -> None:
    assert "secret" not in repr(Desk(ScriptedPlace(tmp_path, lambda *_: ""), "secret"))
