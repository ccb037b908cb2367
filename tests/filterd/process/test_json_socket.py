import asyncio
import errno
import json
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from filterd.process.codec import Message
from filterd.process.json_socket import LINE_OCTETS, NoAnswer, ask, ask_blocking, cure_of, serve
from filterd.process.messages import WORKER_REQUESTS, Status, Use


async def echo(request: Status | Use) -> dict[str, Any]:
    if isinstance(request, Use) and request.manifest == "fail.json":
        raise RuntimeError("on purpose")
    return {"got": type(request).__name__}


def converse(path: Path, *lines: bytes) -> list[dict[str, Any]]:
    """What a server answers to raw lines on one connection."""

    async def play() -> list[dict[str, Any]]:
        server = await serve(path, "worker", WORKER_REQUESTS, echo)
        try:
            reader, writer = await asyncio.open_unix_connection(str(path))
            replies = []
            for line in lines:
                writer.write(line)
                replies.append(json.loads(await reader.readline()))
            writer.close()
            return replies
        finally:
            server.close()

    return asyncio.run(asyncio.wait_for(play(), 60))


def test_a_request_gets_its_reply(tmp_path: Path) -> None:
    async def play() -> tuple[object, Message, Message]:
        server = await serve(tmp_path / "s", "worker", WORKER_REQUESTS, echo)
        reply = await ask(tmp_path / "s", "dns", Status(), Message)
        blocking = await asyncio.to_thread(ask_blocking, tmp_path / "s", "dns", Use("x.json"))
        plain = await asyncio.to_thread(ask_blocking, tmp_path / "s", "dns", {"op": "status"})
        server.close()
        return reply, blocking, plain

    assert asyncio.run(play()) == ({"got": "Status"}, {"ok": True, "got": "Use"}, {"ok": True, "got": "Status"})


@pytest.mark.parametrize(
    ("allowed", "replies"), [((), [False]), (("status",), [True, False])], ids=["nothing", "one request"]
)
def test_another_account_gets_what_the_table_allows_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: tuple[str, ...], replies: list[bool]
) -> None:
    monkeypatch.setattr("filterd.process.json_socket.may_ask", lambda door, request, uid: request in allowed)
    monkeypatch.setattr("filterd.process.json_socket.may_enter", lambda door, uid: bool(allowed))

    said = converse(tmp_path / "s", *(b'{"op":"status"}\n', b'{"op":"use"}\n')[: len(replies)])

    assert [reply["ok"] for reply in said] == replies
    assert "may not ask" in said[-1]["error"]


def test_an_account_that_has_taken_the_place_of_a_role_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.process.json_socket.trusted", lambda roles: frozenset({2**31 - 7}))
    monkeypatch.setattr("os.geteuid", lambda: 2**31 - 7)

    with socket.socket(socket.AF_UNIX) as squatter:
        squatter.bind(str(tmp_path / "s"))
        squatter.listen()
        for asked in (
            lambda: asyncio.run(ask(tmp_path / "s", "dns", Status(), Message)),
            lambda: ask_blocking(tmp_path / "s", "dns", {"op": "status"}),
        ):
            with pytest.raises(NoAnswer, match="listens there, not dns's"):
                asked()


def test_what_is_no_json_object_gets_a_reply_and_the_connection_goes_on(tmp_path: Path) -> None:
    replies = converse(tmp_path / "s", b"\xff\n", b"[1]\n", b"[" * 50_000 + b"\n", b'{"op":"status"}\n')

    assert [reply["ok"] for reply in replies] == [False, False, False, True]


def test_an_answer_that_raises_becomes_a_reply(tmp_path: Path) -> None:
    replies = converse(tmp_path / "s", b'{"op":"use","manifest":"fail.json"}\n', b'{"op":"status"}\n')

    assert replies[0] == {"ok": False, "error": "RuntimeError: on purpose"}
    assert replies[1]["ok"]


def test_a_line_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    assert "more than" in converse(tmp_path / "s", b"x" * (LINE_OCTETS + 10) + b"\n")[0]["error"]


def test_a_socket_that_a_dead_process_left_is_taken_over_and_is_not_for_everybody(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("")
    modes = []

    async def play() -> None:
        server = await serve(tmp_path / "s", "worker", WORKER_REQUESTS, echo)
        modes.append((tmp_path / "s").stat().st_mode)
        server.close()

    asyncio.run(play())

    assert [stat.S_ISSOCK(modes[0]), stat.S_IMODE(modes[0])] == [True, 0o660]


def test_a_socket_that_is_not_there_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer):
        asyncio.run(ask(tmp_path / "absent", "dns", Status(), Message))
    with pytest.raises(NoAnswer):
        ask_blocking(tmp_path / "absent", "dns", {})


def test_a_reply_that_does_not_come_is_no_answer(tmp_path: Path) -> None:
    async def never(_request: Status | Use) -> None:
        await asyncio.sleep(60)

    async def play() -> None:
        server = await serve(tmp_path / "s", "worker", WORKER_REQUESTS, never)
        try:
            await ask(tmp_path / "s", "dns", Status(), Message, timeout_s=0.05)
        finally:
            server.close()

    with pytest.raises(NoAnswer, match=r"no reply within 0\.05 s"):
        asyncio.run(play())


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"{\n", "the reply is not JSON"),
        (b"\xff\n", "the reply is not JSON"),
        (b"[" * 50_000 + b"\n", "the reply is not JSON"),
        (b"[1]\n", "the reply is not a JSON object"),
        (b'{"ok":true}', "the connection ended before a whole reply"),
        (b"", "the connection ended before a whole reply"),
    ],
)
def test_a_broken_reply_is_no_answer(tmp_path: Path, reply: bytes, said: str) -> None:
    async def answer_brokenly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(reply)
        writer.close()

    async def play() -> list[object]:
        server = await asyncio.start_unix_server(answer_brokenly, tmp_path / "s")
        asked = (
            ask(tmp_path / "s", "dns", Status(), Message),
            asyncio.to_thread(ask_blocking, tmp_path / "s", "dns", {}),
        )
        try:
            return list(await asyncio.gather(*asked, return_exceptions=True))
        finally:
            server.close()

    found = asyncio.run(play())

    assert [(type(each), str(each)) for each in found] == [(NoAnswer, f"{tmp_path / 's'}: {said}")] * 2


def test_who_may_not_ask_is_not_told_to_start_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoAnswer) as nobody:
        ask_blocking(tmp_path / "s", "control", {"op": "status"})

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(NoAnswer) as forbidden:
        ask_blocking(tmp_path / "s", "control", {"op": "status"})

    assert cure_of(nobody.value) == "start filterd run"
    assert cure_of(forbidden.value) == "run it as root, or as the account of control"
