import asyncio
import json
import os
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from support.control.box import done, play, reason
from support.lists.server import Shelved, serving

from filterd.control.service import Control
from filterd.process.codec import FailureReply
from filterd.process.control_messages import InForce, ListsApprove, ListsRefresh, ListsRollback
from parental.store.database import reading
from parental.store.schema.ledger import events

pytestmark = pytest.mark.services


def test_a_dropped_file_is_taken_once_it_has_settled(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> tuple[str, str]:
        (place / "pta.txt").write_text("listed.test\nlate.test\n")
        await control.lists.tend()
        first = reason(control, "late.test")
        os.utime(place / "pta.txt", (1, 1))
        await control.lists.tend()
        return first, reason(control, "late.test")

    assert play(place, engine, work) == ("default", "order")


def test_a_version_that_shrank_is_in_force_once_somebody_approves_it_and_gone_when_it_is_rolled_back(
    place: Path, engine: Engine
) -> None:
    (place / "pta.txt").write_text("".join(f"n{number}.test\n" for number in range(100)))

    def reasons(control: Control) -> list[str]:
        return [reason(control, name) for name in ("n1.test", "n99.test")]

    async def work(control: Control) -> None:
        (place / "pta.txt").write_text("".join(f"n{number}.test\n" for number in range(50)))
        held = done(await control.lists.change(ListsRefresh()))
        assert "it shrank" in held.faults["list pta"]
        assert reasons(control) == ["order", "order"]
        wrong = await control.lists.change(ListsApprove("pta", "0000"))
        assert isinstance(wrong, FailureReply) and "another version" in wrong.reason

        approved = done(await control.lists.change(ListsApprove("pta", by="a person")))
        assert (approved.list, approved.faults) == ("pta", {})
        assert reasons(control) == ["order", "default"]

        done(await control.lists.change(ListsRollback("pta", by="a person")))
        assert reasons(control) == ["order", "order"]
        again = done(await control.lists.change(ListsRefresh(["pta"])))
        assert "a person has rolled it back" in again.faults["list pta"]
        assert reasons(control) == ["order", "order"]

    play(place, engine, work)

    with reading(engine) as conn:
        said = [json.loads(text) for text in conn.execute(select(events.c.text)).scalars()]
    decided = [(each["action"], each["actor"]["name"], each["about"]["list"]) for each in said]
    assert decided == [("list approved", "a person", "pta"), ("list rolled back", "a person", "pta")]


@pytest.mark.parametrize(
    "request_",
    [
        ListsRefresh(["pta", "nonsense"]),
        ListsApprove("nonsense"),
        ListsApprove("pta"),
        ListsRollback("pta"),
    ],
)
def test_what_cannot_be_done_to_a_list_gets_its_reason(
    place: Path, engine: Engine, request_: ListsRefresh | ListsApprove | ListsRollback
) -> None:
    async def work(control: Control) -> InForce | FailureReply:
        return await control.lists.change(request_)

    reply = play(place, engine, work)

    assert isinstance(reply, FailureReply) and reply.reason.startswith("list ")


@pytest.mark.services
def test_a_list_is_pulled_when_it_is_due_and_in_force(place: Path, engine: Engine) -> None:
    server = Shelved("pulled.test\n")

    async def work(control: Control) -> None:
        async with serving(server.answer) as url:
            lists = f'lists: [{{id: far, url: "{url}", format: plain, tier: order}}]\n'
            kept = [line for line in (place / "f.yaml").read_text().splitlines() if not line.startswith("lists:")]
            (place / "f.yaml").write_text("\n".join([*kept, lists]))
            await control.reload()
            assert "not pulled yet" in (await control.lists.faults())["list far"]
            await control.lists.pull_due()
            await control.lists.pull_due()
            assert control.explainer.explain("pulled.test", None, "dns").list == "far"
            assert await control.lists.faults() == {}

    play(place, engine, work)

    assert server.asked == [200]


def test_versions_are_told_and_an_earlier_one_is_compared_by_a_job_one_at_a_time(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> None:
        (place / "pta.txt").write_text("listed.test\nwww.isp.example\n")
        done(await control.lists.change(ListsRefresh(["pta"])))
        pta, stop = control.lists.kept()
        earlier = pta["older"][0]["version"]
        assert (pta["good"]["rules"], stop["tier"], stop["older"]) == (2, "csam", [])

        at_once = await asyncio.gather(*(control.lists.diff("pta", earlier) for _ in range(2)))

        found = next(each for each in at_once if not isinstance(each, FailureReply))
        assert (found.head["removed"], [each["value"] for each in found.changes]) == (1, ["www.isp.example"])
        assert any(isinstance(each, FailureReply) and "another comparison goes on" in each.reason for each in at_once)
        for list_id, version, why in (
            ("nonsense", earlier, "not in the configuration"),
            ("pta", "--file=/etc/passwd", "or no version"),
            ("pta", "d" * 64, "no version dddd"),
        ):
            refused = await control.lists.diff(list_id, version)
            assert isinstance(refused, FailureReply) and why in refused.reason

    play(place, engine, work)


def test_a_list_whose_state_is_broken_hides_no_other(place: Path, engine: Engine) -> None:
    async def work(control: Control) -> None:
        (place / "state/lists/pta/state.json").write_text("{")

        pta, stop = control.lists.kept()

        assert "cannot be read" in pta["faults"][0] and stop["good"]["rules"] == 1

    play(place, engine, work)
