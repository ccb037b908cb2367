import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.control.box import done, make, play, push, reason

from filterd.control.service import Control
from filterd.images.compile import CompileFailure
from filterd.process.codec import FailureReply
from filterd.process.control_messages import CONTROL_REQUESTS, SPLASH_REQUESTS
from filterd.process.json_socket import reply_to

pytestmark = pytest.mark.services


def test_at_the_start_lists_orders_and_people_are_in_force(place: Path, engine: Engine) -> None:
    push(engine, "ordered.test")

    async def work(control: Control) -> list[str]:
        return [reason(control, name) for name in ("listed.test", "ordered.test", "other.test")]

    assert play(place, engine, work) == ["order", "order", "default"]


def test_without_any_names_to_begin_with_the_start_fails_and_says_why(place: Path, engine: Engine) -> None:
    (place / "state/lists/pta").mkdir(parents=True)
    (place / "state/lists/pta/state.json").write_text("{")

    with pytest.raises(CompileFailure, match=r"state\.json"):
        asyncio.run(make(place, engine).start())


def test_a_list_that_is_not_there_at_the_start_is_told_and_stops_no_other(place: Path, engine: Engine) -> None:
    (place / "pta.txt").unlink()

    async def work(control: Control) -> tuple[dict[str, str], str]:
        return (await control.explainer.status()).faults, reason(control, "worse.test")

    faults, why = play(place, engine, work)

    assert "pta.txt is missing; nothing of it is in force" in faults["list pta"]
    assert why == "csam"


def test_status_names_the_kinds_of_the_lists_in_force_and_of_no_list_that_has_not_come(
    place: Path, engine: Engine
) -> None:
    kinds = "".join(
        f"{{id: {kind}, file: {kind}.txt, format: plain, tier: category, category: {kind}}}, "
        for kind in ("gambling", "adult")
    )
    said = (place / "f.yaml").read_text()
    (place / "f.yaml").write_text(said.replace("lists: [", f"lists: [{kinds}"))
    (place / "gambling.txt").write_text("casino.test\n")

    async def work(control: Control) -> tuple[list[str], list[str]]:
        first = (await control.explainer.status()).kinds
        (place / "adult.txt").write_text("adult.test\n")
        await control.reload()
        return first, (await control.explainer.status()).kinds

    assert play(place, engine, work) == (["gambling"], ["adult", "gambling"])


def test_a_list_that_changed_is_compiled_at_a_reload_and_one_that_did_not_is_not(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> tuple[int, int, str]:
        first = done(await control.reload()).generations["names"][0]
        with (place / "pta.txt").open("a") as file:
            file.write("late.test\n")
        second = done(await control.reload()).generations["names"][0]
        return first, second, reason(control, "late.test")

    first, second, why = play(place, engine, work)

    assert (first, why) == (1, "order")
    assert second > first


def test_a_reload_that_fails_leaves_what_is_in_force_and_is_told_until_it_is_mended(
    place: Path, engine: Engine
) -> None:
    async def faults_of(control: Control) -> dict[str, str]:
        return dict((await control.explainer.status()).faults)

    async def work(control: Control) -> None:
        before = (place / "f.yaml").read_text()
        (place / "f.yaml").write_text("nonsense: 1\n")
        refused = await control.reload()
        assert isinstance(refused, FailureReply) and "/nonsense" in refused.reason
        assert set(await faults_of(control)) == {"configuration"}

        (place / "f.yaml").write_text(before)
        (place / "pta.txt").write_text("<html>")
        lists = done(await control.reload())
        faults = await faults_of(control)
        assert lists.faults == faults and set(faults) == {"list pta"}
        assert "a web page" in faults["list pta"] and "stays" in faults["list pta"]
        assert reason(control, "listed.test") == "order"

        (place / "pta.txt").write_text("listed.test\n")
        await control.reload()
        assert await faults_of(control) == {}

    play(place, engine, work)


def test_keys_that_a_reload_has_put_in_force_are_said_beside_lists_that_cannot_be_compiled(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise CompileFailure("no room on the disk")

    async def work(control: Control) -> None:
        done(await control.reload())
        with (place / "f.yaml").open("a") as file:
            file.write("help_corridor: {names: [help.test]}\n")
        with monkeypatch.context() as broken:
            broken.setattr(control.lists, "compile_if_changed", fail)
            taken = done(await control.reload())
        assert (taken.live, taken.faults) == (["/help_corridor/names"], {"lists": "no room on the disk"})
        assert control.faults == {"lists": "no room on the disk"}

        assert done(await control.reload()).faults == control.faults == {}

    play(place, engine, work)


def asked(place: Path, engine: Engine, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    """What control.sock replies to JSON objects."""

    async def work(control: Control) -> list[dict[str, Any]]:
        lines = [json.dumps(request).encode() + b"\n" for request in requests]
        return [json.loads(await reply_to(line, CONTROL_REQUESTS, control.answer)) for line in lines]

    return play(place, engine, work)


RECEIPT = {"ok", "generation", "acks", "ms", "at", "connections_ended", "cut"}
IN_FORCE = {"ok", "generations", "faults"}
RELOADED = IN_FORCE | {"live", "restart"}
EXPLANATION = {
    *("ok", "action", "reason", "tier", "list", "shadow", "rule", "matches", "ede", "enforceability", "generations"),
    *("subscriber", "name", "category", "order", "until", "sentences"),
}
OF_AN_ORDER = {"issuer", "order_ref", "order_date", "ground"}
STATUS = {
    *("ok", "generations", "delta_names", "ages_s", "lists", "shadowed", "ways_around", "unjudged", "faults", "rpz"),
    *("workers", "cut", "connections_cut", "splash_probes", "notices", "roles", "confirmed_s", "records_late_since_s"),
    *("list_ages", "self_tests", "kinds", "legal_holds", "siem"),
    "levels",
    "failures",
}


def test_every_reply_has_the_keys_that_clients_know(place: Path, engine: Engine) -> None:
    push(engine, "ordered.test")
    ops = ("orders_changed", "policy_changed", "reload", "lists_refresh", "status")
    explain = [{"op": "explain", "name": name} for name in ("listed.test", "ordered.test")]

    replies = asked(place, engine, *({"op": op} for op in ops), *explain)

    expected = [RECEIPT, RECEIPT, RELOADED, IN_FORCE, STATUS, EXPLANATION, EXPLANATION | OF_AN_ORDER]
    assert [set(reply) for reply in replies] == expected
    assert all(reply["ok"] is True for reply in replies)
    assert set(replies[0]["acks"][0]) == {"worker", "generation", "ms", "refused"}
    assert set(replies[4]["lists"][0]) == {"id", "rules", "skipped"}
    assert set(replies[4]["workers"][0]) == {"name", "refused", "counters", "generations"}


def test_the_splash_can_ask_nothing_but_why_a_name_is_closed_and_orders_and_csam_are_one_reason(
    place: Path, engine: Engine
) -> None:
    push(engine, "ordered.test")
    names = ("listed.test", "ordered.test", "worse.test", "free.test", "192.0.2.1.")
    requests: list[dict[str, Any]] = [{"op": "why_closed", "name": name, "address": "192.0.2.7"} for name in names]
    requests += [{"op": "probed", "questions": 3}, {"op": "explain", "name": "a.test"}, {"op": "policy_changed"}]

    async def work(control: Control) -> tuple[list[dict[str, Any]], int]:
        lines = [json.dumps(request).encode() + b"\n" for request in requests]
        replies = [json.loads(await reply_to(line, SPLASH_REQUESTS, control.answer_splash)) for line in lines]
        return replies, (await control.explainer.status()).splash_probes

    replies, n_probes = play(place, engine, work)

    law = {"ok": True, "reason": "law", "category": None, "until": None, "asked": None, "left_s": None}
    assert replies[:3] == [law] * 3
    assert replies[3]["reason"] == "default"
    assert [reply["ok"] for reply in replies[4:]] == [False, True, False, False]
    assert n_probes == 3


def test_a_visitors_report_is_written_down_and_found_without_its_name_and_changes_nothing_in_force(
    place: Path, engine: Engine
) -> None:
    async def work(control: Control) -> tuple[list[dict[str, Any]], bool]:
        before = control.publisher.generations

        async def ask(**request: Any) -> dict[str, Any]:
            line = json.dumps(request).encode() + b"\n"
            said: dict[str, Any] = json.loads(await reply_to(line, SPLASH_REQUESTS, control.answer_splash))
            return said

        taken = await ask(op="report_mistake", reason="category", name="A.test")
        found = await ask(op="find_report", reference=taken["report"]["reference"])
        others = [
            await ask(op="report_mistake", reason="law", name="hidden.test"),
            await ask(op="report_mistake", reason="pause", name="a.test"),
            await ask(op="report_mistake", reason="category", name="a..b"),
            await ask(op="find_report", reference="NOSUCH22"),
        ]
        return [taken, found, *others], control.publisher.generations == before

    (taken, found, law, pause, no_name, unknown), is_unchanged = play(place, engine, work)

    assert taken["report"]["name"] == "a.test" and taken["report"]["outcome"] is None
    assert found["report"] == taken["report"] | {"name": None}
    assert law["report"]["name"] is None
    assert [pause["ok"], no_name["ok"]] == [False, False]
    assert unknown == {"ok": True, "report": None}
    assert is_unchanged


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"op": "dance"}, "op 'dance' is unknown; nothing done; send one of orders_changed, policy_changed, explain"),
        ({}, "op None is unknown; nothing done"),
        ({"op": "explain", "name": "192.0.2.1."}, ""),
        ({"op": "explain", "name": "a.test", "channel": "smoke"}, "channel 'smoke': unknown"),
        ({"op": "explain", "name": "a.test", "address": "nowhere"}, ""),
        ({"op": "explain", "name": ["a.test"]}, "request explain: Expected `str | null`, got `array` - at `$.name`;"),
        ({"op": "lists_refresh", "lists": "pta"}, "at `$.lists`; nothing done; correct it"),
        ({"op": "lists_approve"}, "missing required field `list`; nothing done"),
        ({"op": "lists_rollback", "list": ["pta"]}, "at `$.list`; nothing done"),
    ],
)
def test_a_request_that_cannot_be_answered_gets_its_reason(
    place: Path, engine: Engine, request_: dict[str, Any], error: str
) -> None:
    (reply,) = asked(place, engine, request_)

    assert set(reply) == {"ok", "error"} and reply["ok"] is False
    assert error in reply["error"] and reply["error"]
