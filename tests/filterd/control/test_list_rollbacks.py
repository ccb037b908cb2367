"""Control takes a list back to an earlier version once two persons have signed, and not before, nor twice."""

import asyncio
import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from support.control.box import make, reason
from support.mgmt.signing import ORIGIN, PARTY, answer_of, keep_vouched, signer
from support.present import present

from filterd.control.service import Control
from filterd.images.lists.sources import reading_of, shelf_of
from mgmt.registers.lists.rollbacks import Rollback, propose_rollback
from mgmt.registers.two_persons import SUBJECTS
from mgmt.staff.approvals.signatures import sign
from parental.store.database import reading, writing
from parental.store.schema.ledger import events
from parental.store.schema.staff import staff
from rules.lists.versions import ListHistory, Version, accepted, approved

pytestmark = pytest.mark.services

VERSIONS = ("listed.test\n", "listed.test\nsecond.test\n", "listed.test\nsecond.test\nthird.test\n")


@pytest.fixture
def control(place: Path, engine: Engine) -> Control:
    """Of a box whose desk has passkeys, and whose list has three versions, each with one name more."""
    with (place / "f.yaml").open("a") as file:
        file.write(f"api: {{desk_origin: '{ORIGIN}', {keep_vouched(place)}}}\n")
    return make(place, engine)


def put_versions(control: Control, place: Path) -> tuple[str, str, str]:
    """Three good versions, as a job has taken them; their digests, the newest first."""
    entry = control.config.lists[0]
    for text in VERSIONS:
        with shelf_of(control.config, entry).receiving() as part:
            part.write(text.encode())
            version = Version(part.end(), part.octets, str(entry.file), reading_of(entry), 1.0, text.count("\n"))
            shelf_of(control.config, entry).take(part, version, partial(accepted, version=version, at_s=1.0))
    (place / "pta.txt").write_text(VERSIONS[-1])
    newest, earlier, oldest = (present(kept(control).good), *kept(control).older)
    return newest.sha256, earlier.sha256, oldest.sha256


def kept(control: Control) -> ListHistory:
    return shelf_of(control.config, control.config.lists[0]).kept()


def agree(engine: Engine, before: str, to: str, name: str = "pta", *, is_signed: bool = True) -> None:
    at = datetime.now(UTC)
    with writing(engine) as conn:
        n = conn.execute(select(func.count()).select_from(staff)).scalar_one()
        amna, bilal = signer(conn, f"amna{n}", "compliance"), signer(conn, f"bilal{n}", "approver")
        wanted = Rollback(name, before, to, "it is wrong", "T-1", "opens 2, closes 0")
        number = int(propose_rollback(conn, wanted, amna.person.mail, "desk", at).id)
        for each in (amna, bilal) if is_signed else (amna,):
            assert sign(conn, SUBJECTS, PARTY, number, answer_of(conn, number, each), at) is None


def actions(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        found = [json.loads(text) for text in conn.execute(select(events.c.text).order_by(events.c.number)).scalars()]
    return [each["action"] for each in found if each["kind"] == "settings"]


def test_a_list_goes_back_once_two_have_signed_and_is_in_force(control: Control, place: Path, engine: Engine) -> None:
    newest, _, oldest = put_versions(control, place)

    async def work() -> None:
        await control.start()
        agree(engine, newest, oldest, is_signed=False)
        await control.list_rollbacks.look()
        assert present(kept(control).good).sha256 == newest
        assert reason(control, "third.test") == "order"

        agree(engine, newest, oldest)
        await control.list_rollbacks.look()
        await control.lists.tend()

    asyncio.run(work())

    found = kept(control)
    assert (present(found.good).sha256, present(found.held).sha256, found.older) == (oldest, newest, ())
    assert "@isp.example and bilal" in present(found.good).by
    assert [reason(control, name) for name in ("listed.test", "third.test")] == ["order", "default"]
    assert actions(engine)[-2:] == ["approval given", "list rolled back"]


def test_what_was_done_is_not_done_again_when_a_person_on_the_box_accepts_the_newest(
    control: Control, place: Path, engine: Engine
) -> None:
    newest, earlier, _ = put_versions(control, place)
    agree(engine, newest, earlier)
    asyncio.run(control.list_rollbacks.look())
    shelf_of(control.config, control.config.lists[0]).change(lambda now: approved(now, "", 1.0, "root"))

    asyncio.run(control.list_rollbacks.look())

    assert present(kept(control).good).sha256 == newest
    assert actions(engine).count("list rolled back") == 1


def test_where_another_version_is_in_force_by_now_nothing_is_done_and_the_ledger_says_so(
    control: Control, place: Path, engine: Engine
) -> None:
    newest, earlier, oldest = put_versions(control, place)
    agree(engine, earlier, oldest)

    for _ in range(2):
        asyncio.run(control.list_rollbacks.look())

    assert present(kept(control).good).sha256 == newest
    assert actions(engine)[-1] == "list not rolled back"
    assert actions(engine).count("list not rolled back") == 1


def test_a_list_of_another_gateway_and_one_whose_state_is_broken_keep_no_other_from_going_back(
    control: Control, place: Path, engine: Engine
) -> None:
    newest, earlier, _ = put_versions(control, place)
    for name in ("far", "stop", "pta"):
        agree(engine, newest, earlier, name)
    (place / "state/lists/stop").mkdir()
    (place / "state/lists/stop/state.json").write_text("{")

    asyncio.run(control.list_rollbacks.look())

    assert present(kept(control).good).sha256 == earlier
    assert "cannot be read" in control.faults["list stop"]
