import asyncio
import json
import stat

import pytest

from filterd.process.json_socket import LINE_OCTETS, NoAnswer, ask, ask_blocking, serve


async def echo(request):
    if request.get("op") == "fail":
        raise RuntimeError("on purpose")
    return {"ok": True, "got": request}


def converse(path, *lines):
    """What a server answers to raw lines on one connection."""

    async def play():
        server = await serve(path, echo)
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

    return asyncio.run(asyncio.wait_for(play(), 10))


def test_a_request_gets_its_reply(tmp_path):
    async def play():
        server = await serve(tmp_path / "s", echo)
        reply = await ask(tmp_path / "s", {"op": "x"})
        blocking = await asyncio.to_thread(ask_blocking, tmp_path / "s", {"op": "y"})
        server.close()
        return reply, blocking

    assert asyncio.run(play()) == ({"ok": True, "got": {"op": "x"}}, {"ok": True, "got": {"op": "y"}})


def test_what_is_no_json_object_gets_a_reply_and_the_connection_goes_on(tmp_path):
    replies = converse(tmp_path / "s", b"\xff\n", b"[1]\n", b"[" * 50_000 + b"\n", b'{"op":"x"}\n')

    assert [reply["ok"] for reply in replies] == [False, False, False, True]


def test_an_answer_that_raises_becomes_a_reply(tmp_path):
    replies = converse(tmp_path / "s", b'{"op":"fail"}\n', b'{"op":"x"}\n')

    assert replies[0] == {"ok": False, "error": "RuntimeError: on purpose"}
    assert replies[1]["ok"]


def test_a_line_beyond_the_limit_is_refused(tmp_path):
    assert "more than" in converse(tmp_path / "s", b"x" * (LINE_OCTETS + 10) + b"\n")[0]["error"]


def test_a_socket_that_a_dead_process_left_is_taken_over_and_is_not_for_everybody(tmp_path):
    (tmp_path / "s").write_text("")
    modes = []

    async def play():
        server = await serve(tmp_path / "s", echo)
        modes.append((tmp_path / "s").stat().st_mode)
        server.close()

    asyncio.run(play())

    assert [stat.S_ISSOCK(modes[0]), stat.S_IMODE(modes[0])] == [True, 0o660]


def test_nobody_there_is_no_answer(tmp_path):
    with pytest.raises(NoAnswer):
        asyncio.run(ask(tmp_path / "absent", {}))
    with pytest.raises(NoAnswer):
        ask_blocking(tmp_path / "absent", {})


def test_a_reply_that_does_not_come_is_no_answer(tmp_path):
    async def never(request):
        await asyncio.sleep(60)

    async def play():
        server = await serve(tmp_path / "s", never)
        try:
            await ask(tmp_path / "s", {}, timeout_s=0.05)
        finally:
            server.close()

    with pytest.raises(NoAnswer, match=r"no reply within 0\.05 s"):
        asyncio.run(play())


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"{\n", "the reply is no JSON"),
        (b"\xff\n", "the reply is no JSON"),
        (b"[" * 50_000 + b"\n", "the reply is no JSON"),
        (b"[1]\n", "the reply is no JSON object"),
        (b'{"ok":true}', "the connection ended before a whole reply"),
        (b"", "the connection ended before a whole reply"),
    ],
)
def test_a_broken_reply_is_no_answer(tmp_path, reply, said):
    async def answer_brokenly(reader, writer):
        await reader.readline()
        writer.write(reply)
        writer.close()

    async def play():
        server = await asyncio.start_unix_server(answer_brokenly, tmp_path / "s")
        asked = ask(tmp_path / "s", {}), asyncio.to_thread(ask_blocking, tmp_path / "s", {})
        try:
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            server.close()

    found = asyncio.run(play())

    assert [(type(each), str(each)) for each in found] == [(NoAnswer, f"{tmp_path / 's'}: {said}")] * 2
