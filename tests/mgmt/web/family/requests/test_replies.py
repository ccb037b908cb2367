import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.answering import SECRET, answer_of, code_of, mother, told, wish
from support.mgmt.desk import PlayedControl
from support.mgmt.phone import NUMBER, Phone, add_child

from mgmt.web.family.requests import replies
from mgmt.web.family.requests.replies import look
from mgmt.web.family.sign_in import DOOR
from parental.store.errors import DatabaseAway


async def post(phone: Phone, authorization: str | None = SECRET, **body: Any) -> int:
    headers = body.pop("headers", {}) | ({} if authorization is None else {"Authorization": authorization})
    async with phone.client.post("/family/replies", headers=headers, **body) as response:
        return response.status


def away(*_: Any) -> None:
    raise DatabaseAway("database: away; nothing done; see its log")


@pytest.fixture
def no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application that is made after this looks when a test has it look."""

    async def no(*_: Any) -> None: ...

    monkeypatch.setattr("mgmt.web.family.requests.replies._look_until", no)


@pytest.fixture
async def code(answering: Phone, engine: Engine) -> tuple[int, str]:
    """A child that waits, and the code of its mother."""
    mother(engine)
    child = add_child(engine)
    wish(engine, child)
    return child, code_of(await told(answering))


@pytest.mark.parametrize("form", ["data", "json"])
async def test_the_gateway_hands_an_answer_over(
    answering: Phone, engine: Engine, code: tuple[int, str], form: str
) -> None:
    said = {"msisdn": NUMBER.replace("+92", "0"), "body": f"1 {code[1]}"}

    body: dict[str, Any] = {form: said}
    assert await post(answering, **body) == 204
    assert answer_of(engine, code[0]) == "yes"


async def test_who_does_not_know_the_secret_answers_nothing(
    answering: Phone, engine: Engine, code: tuple[int, str]
) -> None:
    for shown in (None, "", "Bearer", SECRET[:-1], SECRET + "x", "\udcff"):
        assert await post(answering, shown, data={"msisdn": NUMBER, "body": f"1 {code[1]}"}) == 401
    assert answer_of(engine, code[0]) is None


async def test_what_is_no_answer_is_refused(answering: Phone) -> None:
    wrong: list[dict[str, Any]] = [{"json": []}, {"json": {"msisdn": 1, "body": "1"}}, {"data": b"\xff"}]
    wrong.append({"data": b"[" * 4000, "headers": {"Content-Type": "application/json"}})
    for body in (*wrong, {"data": {"msisdn": NUMBER}}, {"data": b"{", "headers": {"Content-Type": "application/json"}}):
        assert await post(answering, **body) == 400


async def test_an_answer_too_large_to_be_one_is_not_read(answering: Phone) -> None:
    assert await post(answering, data={"msisdn": NUMBER, "body": "1" * 10_000}) == 413


async def test_two_answers_at_once_open_once(answering: Phone, engine: Engine, code: tuple[int, str]) -> None:
    said = {"msisdn": NUMBER, "body": f"1 {code[1]}"}

    assert await asyncio.gather(*(post(answering, data=said) for _ in range(4))) == [204] * 4
    assert answer_of(engine, code[0]) == "yes"


async def test_a_folder_is_read_in_a_lab_and_what_is_no_answer_is_deleted(
    answering: Phone, engine: Engine, code: tuple[int, str], tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"from": 1}'), ("d", "\udcff"), ("d2", "[" * 4000)):
        (inbox / f"{name}.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    (inbox / "e.json").write_text(json.dumps({"from": NUMBER, "text": f"2 {code[1]}"}))

    async with asyncio.timeout(60):
        while answer_of(engine, code[0]) is None:
            await look(answering.app)

    assert answer_of(engine, code[0]) == "no" and list(inbox.iterdir()) == []


async def test_files_wait_while_the_database_is_away_and_one_that_cannot_be_read_keeps_none_back(
    no_look: None, answering: Phone, engine: Engine, code: tuple[int, str], tmp_path: Path
) -> None:
    del no_look
    (tmp_path / "inbox/a.json").mkdir()
    (tmp_path / "inbox/b.json").write_text(json.dumps({"from": NUMBER, "text": f"2 {code[1]}"}))

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr("mgmt.web.family.requests.messages.read_in", away)
        broken.setattr("mgmt.web.family.requests.messages.write_in", away)
        with pytest.raises(DatabaseAway):
            await look(answering.app)
    assert answer_of(engine, code[0]) is None

    await look(answering.app)
    assert answer_of(engine, code[0]) == "no"


@pytest.mark.parametrize("fault", [FileNotFoundError, PermissionError])
async def test_a_file_that_another_has_taken_or_that_cannot_be_deleted_is_not_answered(
    no_look: None, answering: Phone, engine: Engine, code: tuple[int, str], tmp_path: Path, fault: type[OSError]
) -> None:
    del no_look
    (tmp_path / "inbox/a.json").write_text(json.dumps({"from": NUMBER, "text": f"1 {code[1]}"}))

    def unlink(_: Path, missing_ok: bool = False) -> None:
        if not (missing_ok and fault is FileNotFoundError):
            raise fault

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(Path, "unlink", unlink)
        await look(answering.app)

    assert answer_of(engine, code[0]) is None


async def test_a_database_that_is_away_has_the_gateway_come_again(
    answering: Phone, code: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mgmt.web.family.requests.messages.write_in", away)

    assert await post(answering, data={"msisdn": NUMBER, "body": f"1 {code[1]}"}) == 503


async def test_a_box_without_a_way_back_has_no_such_page(phone: Phone, control: PlayedControl) -> None:
    assert await post(phone, data={"msisdn": NUMBER, "body": "1 0000"}) in (404, 405) and control.asked == []


async def test_the_look_sends_by_itself_what_a_child_asks(answering: Phone, engine: Engine) -> None:
    assert answering.app[DOOR].sender is not None
    mother(engine)
    wish(engine, add_child(engine))

    (message,) = await answering.arrived(set())
    assert "30 minute mazeed" in message


async def test_a_look_that_fails_as_no_one_foresaw_is_logged_and_the_next_one_comes_all_the_same(
    phone: Phone, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks, stopping = 0, asyncio.Event()

    async def looked(_: Any) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise ValueError("no one foresaw this")
        stopping.set()

    monkeypatch.setattr(replies, "look", looked)
    monkeypatch.setattr(replies, "LOOK_S", 0.0)
    await replies._look_until(phone.app, stopping)

    assert looks == 2 and "no one foresaw this" in caplog.text
