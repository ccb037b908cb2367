import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mgmt.contract import shapes
from mgmt.web.kit import body
from mgmt.web.kit.body import MAX_FORM_OCTETS, read_body, read_form
from mgmt.web.kit.problems import problems

Raw = Callable[[bytes], Awaitable[bytes]]


@pytest.fixture
async def server() -> AsyncIterator[Any]:
    """Reads bodies of 1,000 octets within a tenth of a second, and forms."""

    async def take(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await read_body(request, 1000, 0.1))))

    async def form(request: web.Request) -> web.Response:
        return web.Response(text=str((await read_form(request)).get("token")))

    app = web.Application(middlewares=[problems])
    app.router.add_post("/take", take)
    app.router.add_post("/form", form)
    async with TestServer(app) as server:
        yield server


async def answered(server: Any, octets: bytes, *, leave: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(octets)
    await writer.drain()
    if leave:
        writer.transport.abort()
        return b""
    text = await asyncio.wait_for(reader.readuntil(b"\r\n"), 60)
    writer.close()
    return text


@pytest.mark.parametrize("framing", [b"Content-Length: 1001", b"Transfer-Encoding: chunked"])
async def test_a_body_beyond_the_size_of_its_route_is_refused(server: Any, framing: bytes) -> None:
    head = b"POST /take HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n"

    text = await answered(
        server, head + (b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n" if b"chunked" in framing else b"")
    )

    assert text.startswith(b"HTTP/1.1 413")


async def test_a_body_that_comes_too_slowly_is_refused(server: Any) -> None:
    text = await answered(server, b"POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nxx")

    assert text.startswith(b"HTTP/1.1 408")


async def test_a_form_has_four_kilobytes(server: Any) -> None:
    async with TestClient(server) as client:
        good = await client.post("/form", data={"token": "t"})
        assert await good.text() == "t"
        large = await client.post("/form", data={"token": "t" * MAX_FORM_OCTETS})
        assert large.status == 413


async def test_a_form_has_as_many_octets_as_its_page_says() -> None:
    async def form(request: web.Request) -> web.Response:
        return web.Response(text=str(len(str((await read_form(request, 100_000))["token"]))))

    app = web.Application(middlewares=[problems])
    app.router.add_post("/form", form)
    async with TestClient(TestServer(app)) as client:
        assert await (await client.post("/form", data={"token": "t" * 90_000})).text() == "90000"
        assert (await client.post("/form", data={"token": "t" * 110_000})).status == 413


async def test_a_form_that_is_none_is_refused(server: Any) -> None:
    head = {"Content-Type": "multipart/form-data; boundary=x"}
    async with TestClient(server) as client:
        answer = await client.post("/form", data=b"--x\r\nA: b\r\n\r\nc\r\n--x--\r\n", headers=head)
        assert answer.status == 400


PLAIN = "application/x-www-form-urlencoded; charset="
PART = b'--x\r\nContent-Disposition: form-data; name="token"\r\n%b\r\n\r\nabc\r\n--x--\r\n'


@pytest.mark.parametrize("charset", ["x", "hex", "idna", "raw_unicode_escape"])
async def test_a_form_in_a_charset_that_is_not_one_of_text_is_refused(
    server: Any, charset: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = b"token=" + (b"\\ud800" if charset.startswith("raw") else b"\xff..t")
    text = await answered(
        server,
        b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Type: "
        + (PLAIN + charset).encode()
        + b"\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body),
    )

    assert text.startswith(b"HTTP/1.1 400")
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: text/plain; charset=x",
        b"Content-Transfer-Encoding: x",
        b"Content-Transfer-Encoding: base64",
        b"Content-Type: multipart/mixed; boundary=y",
        b"\r\n".join([b"A: b"] * 200),
    ],
)
async def test_a_part_of_a_form_that_cannot_be_read_is_refused(
    server: Any, head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with TestClient(server) as client:
        answer = await client.post(
            "/form", data=PART % head, headers={"Content-Type": "multipart/form-data; boundary=x"}
        )

        assert answer.status == 400
    assert [record for record in caplog.records if record.exc_info] == []


async def test_an_upload_that_breaks_off_leaves_no_traceback(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    await answered(server, b"POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nxx", leave=True)
    await asyncio.sleep(0.05)

    assert [record for record in caplog.records if record.exc_info] == []


def test_only_an_order_may_be_large() -> None:
    sizes: list[Any] = [body.MAX_FORM_OCTETS, body.MAX_BODY_OCTETS, shapes.MAX_ORDER_OCTETS]

    assert sizes == [4 << 10, 64 << 10, 16 << 20]
