import asyncio
import base64
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from support.lists.server import Answer, Authority, Shelved, authority, server_context, serving

from rules.lists.fetch import FetchFailure, Remote, VersionHeaders, fetch, is_loopback, shown
from rules.lists.versions import Shelf, Validators

Get = Callable[..., Awaitable[tuple[VersionHeaders | None, bytes]]]  # of a URL, validators and what else Remote holds
LIST = "a.test\nb.test\n"
pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca") / "lab")


@pytest.fixture(scope="module")
def tls(lab: Authority) -> ssl.SSLContext:
    return server_context(lab.issue("lists.test"))


@pytest.fixture
def get(tmp_path: Path, lab: Authority) -> Get:
    """Fetch a URL: what the server said, and what came."""

    async def get(url: str, known: Validators | None = None, **more: Any) -> tuple[VersionHeaders | None, bytes]:
        with Shelf(tmp_path / "pta").receiving() as part:
            fetched = await fetch(Remote(url, **{"ca": lab.certificate} | more), known, part)
            part.end()
            return fetched, part.path.read_bytes()

    return get


async def refusal(get: Get, url: str, **more: Any) -> str:
    with pytest.raises(FetchFailure) as caught:
        await get(url, **more)
    return str(caught.value)


def saying(text: str | None = LIST, **more: Any) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=text, **more)

    return answer


def raw(answer: bytes) -> contextlib.AbstractAsyncContextManager[str]:
    """A server that speaks octets: for what a well-behaved one never says."""

    @contextlib.asynccontextmanager
    async def serving_raw() -> AsyncIterator[str]:
        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(converse, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/list.txt"

    return serving_raw()


async def test_a_list_comes_octet_for_octet(get: Get, tls: ssl.SSLContext) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {"ETag": '"1"', "Last-Modified": "Mon, 03 Aug 2026 10:00:00 GMT"}
        return web.Response(body=b"a.test\r\n\xff\0", headers=headers)

    async with serving(answer, tls) as url:
        assert await get(url) == (VersionHeaders('"1"', "Mon, 03 Aug 2026 10:00:00 GMT"), b"a.test\r\n\xff\0")


async def test_what_has_not_changed_is_not_sent_again(get: Get, tls: ssl.SSLContext) -> None:
    server = Shelved(LIST)
    async with serving(server.answer, tls) as url:
        fetched, _ = await get(url)
        known = Validators(url, fetched.etag, None, "", "plain")
        assert (await get(url, known))[0] is None
        server.text = "c.test\n"
        assert (await get(url, known))[1] == b"c.test\n"

    assert server.asked == [200, 304, 200]


async def test_a_server_without_etag_is_asked_by_its_date(get: Get, tls: ssl.SSLContext) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=304 if request.headers.get("If-Modified-Since") == "yesterday" else 200)

    async with serving(answer, tls) as url:
        assert (await get(url, Validators(url, None, "yesterday", "", "plain")))[0] is None


async def test_unchanged_without_having_been_asked_is_refused(get: Get, tls: ssl.SSLContext) -> None:
    async with serving(saying(status=304, text=None), tls) as url:
        assert await refusal(get, url) == "status 304"


async def test_a_server_of_another_authority_is_refused(get: Get, tls: ssl.SSLContext, tmp_path: Path) -> None:
    other = authority(tmp_path / "other")
    async with serving(saying(), tls) as url:
        assert "not trusted" in await refusal(get, url, ca=other.certificate)
        assert "not trusted" in await refusal(get, url, ca=None)


async def test_a_server_of_another_name_is_refused(get: Get, lab: Authority) -> None:
    async with serving(saying(), server_context(lab.issue("another.test", also=""))) as url:
        assert "not trusted" in await refusal(get, url)


@pytest.mark.parametrize("has_certificate", [True, False])
async def test_a_server_that_asks_who_we_are_gives_its_list_only_to_our_certificate(
    get: Get, lab: Authority, has_certificate: bool
) -> None:
    ours = lab.issue("gateway.test")
    closed = server_context(lab.issue("closed.test"), clients=lab)
    async with serving(saying(), closed) as url:
        if has_certificate:
            assert (await get(url, client_certificate=ours[0], client_key=ours[1]))[1] == LIST.encode()
        else:
            assert await refusal(get, url)


@pytest.mark.parametrize("key", ["ca", "client_certificate"])
async def test_a_certificate_that_cannot_be_read_is_said(
    get: Get, tls: ssl.SSLContext, tmp_path: Path, key: str
) -> None:
    (tmp_path / "bad.pem").write_text("nonsense")
    async with serving(saying(), tls) as url:
        for path in (tmp_path / "bad.pem", tmp_path / "absent.pem"):
            assert str(path) in await refusal(get, url, **{key: path})


@pytest.mark.parametrize("is_chunked", [True, False])
async def test_more_octets_than_may_be_taken_are_refused(get: Get, tls: ssl.SSLContext, is_chunked: bool) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if is_chunked:
            response.enable_chunked_encoding()
        else:
            response.content_length = 2000
        await response.prepare(request)
        await response.write(b"x" * 2000)
        return response

    async with serving(answer, tls) as url:
        assert "max_octets" in await refusal(get, url, max_octets=1999)
        assert len((await get(url, max_octets=2000))[1]) == 2000


async def test_a_server_that_never_ends_is_left_at_the_time_limit(get: Get, tls: ssl.SSLContext) -> None:
    ended = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(b"a.test\n")
        await ended.wait()
        return response

    async with serving(answer, tls) as url:
        assert await refusal(get, url, timeout_s=0.2) == "not whole after 0.2 s"
        ended.set()


@pytest.mark.parametrize("kind", ["text/html", "application/xhtml+xml"])
async def test_a_web_page_is_refused(get: Get, tls: ssl.SSLContext, kind: str) -> None:
    async with serving(saying("<p>maintenance", content_type=kind), tls) as url:
        assert "web page" in await refusal(get, url)


@pytest.mark.parametrize("status", [204, 206, 401, 404, 500, 503])
async def test_any_status_but_200_is_refused(get: Get, tls: ssl.SSLContext, status: int) -> None:
    async with serving(saying(status=status), tls) as url:
        assert await refusal(get, url) == f"status {status}"


async def test_a_body_cut_short_of_its_length_is_refused(get: Get) -> None:
    async with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na.test\n") as url:
        assert "cut off" in await refusal(get, url)


async def test_a_body_cut_between_its_chunks_is_refused(get: Get) -> None:
    async with raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\na.test\n\r\n") as url:
        assert "cut off" in await refusal(get, url)


async def test_a_body_whose_end_nobody_can_tell_is_refused(get: Get) -> None:
    async with raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\na.test\n") as url:
        assert "no length" in await refusal(get, url)


async def test_a_compressed_body_is_refused_as_it_was_not_asked_for(get: Get) -> None:
    async with raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08") as url:
        assert "compressed" in await refusal(get, url)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
async def test_a_packed_file_is_taken_as_it_lies_there_though_its_server_names_the_packing(
    get: Get, encoding: str
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: 3\r\n\r\n".encode()
    async with raw(head + b"\x1f\x8b\x08") as url:
        assert (await get(url.replace("list.txt", "adult.tar.gz")))[1] == b"\x1f\x8b\x08"


@pytest.mark.parametrize("octets", [b"", b"\0\0\0", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"SSH-2.0-x\r\n"])
async def test_what_is_no_http_is_refused(get: Get, octets: bytes) -> None:
    async with raw(octets) as url:
        assert await refusal(get, url)


@pytest.mark.parametrize("is_right", [True, False])
async def test_a_digest_that_the_server_says_is_held_against_what_came(
    get: Get, tls: ssl.SSLContext, is_right: bool
) -> None:
    digest = base64.b64encode(hashlib.sha256(LIST.encode() if is_right else b"other").digest()).decode()
    async with serving(saying(headers={"Repr-Digest": f"sha-512=:AA==:, sha-256=:{digest}:"}), tls) as url:
        if is_right:
            assert (await get(url))[1] == LIST.encode()
        else:
            assert "digest" in await refusal(get, url)


def sending_to(target: str, text: str = LIST) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/there":
            return web.Response(text=text)
        return web.Response(status=302, headers={"Location": target})

    return answer


async def test_a_redirect_on_the_same_host_is_followed(get: Get, tls: ssl.SSLContext, lab: Authority) -> None:
    certificate, key = lab.issue("gateway.test")
    async with serving(sending_to("/there"), tls) as url:
        assert (await get(url))[1] == LIST.encode()
        assert (await get(url, client_certificate=certificate, client_key=key))[1] == LIST.encode()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("http://127.0.0.1/there", "not https"),
        ("https://elsewhere.example/there?key=secret", "another host"),
        ("ftp://127.0.0.1/there", "not https"),
        ("", "nowhere"),
        ("/again", "more than 3 redirects"),
    ],
)
async def test_a_redirect_to_anywhere_else_is_refused(get: Get, tls: ssl.SSLContext, target: str, said: str) -> None:
    async with serving(sending_to(target), tls) as url:
        refused = await refusal(get, url)

    assert said in refused
    assert "secret" not in refused


@pytest.mark.parametrize(
    ("before", "after", "is_followed"),
    [
        ("https://lists.isp.example/a", "https://cdn.isp.example/b", True),
        ("https://isp.example/a", "https://www.isp.example/b", True),
        ("https://a.com.pk/a", "https://b.com.pk/b", False),
        ("https://a.github.io/a", "https://b.github.io/b", False),
        ("https://192.0.2.1/a", "https://192.0.2.2/b", False),
        ("https://isp.example/a", "https://isp.example:8443/b", True),
    ],
)
def test_a_redirect_stays_with_the_owner_of_the_name(before: str, after: str, is_followed: bool) -> None:
    from rules.lists.fetch import _next_url

    if is_followed:
        assert _next_url(before, after, Remote(before)) == after
    else:
        with pytest.raises(FetchFailure, match="another host"):
            _next_url(before, after, Remote(before))


@pytest.mark.parametrize("after", ["https://cdn.isp.example/b", "https://isp.example:8443/b"])
def test_our_certificate_is_shown_to_no_other_host_and_port(after: str, tmp_path: Path) -> None:
    from rules.lists.fetch import _next_url

    remote = replace(Remote("https://isp.example/a"), client_certificate=tmp_path, client_key=tmp_path)

    with pytest.raises(FetchFailure, match="another host"):
        _next_url(remote.url, after, remote)


async def test_a_proxy_of_the_environment_is_not_asked(
    get: Get, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(saying(), tls) as url:
        assert (await get(url))[1] == LIST.encode()


async def test_a_server_that_is_not_there_is_said_without_the_secrets_of_the_url(get: Get) -> None:
    refused = await refusal(get, "https://127.0.0.1:9/list.txt?key=secret", timeout_s=10)

    assert "cannot be reached" in refused
    assert "secret" not in refused


def test_a_url_is_shown_without_its_query_and_its_password() -> None:
    assert shown("https://me:pw@a.test:8443/list?key=secret#x") == "https://a.test:8443/list"


@pytest.mark.parametrize(
    ("host", "is_here"),
    [("localhost", True), ("127.0.0.9", True), ("::1", True), ("192.0.2.1", False), ("localhost.example", False)],
)
def test_only_this_box_itself_is_loopback(host: str, is_here: bool) -> None:
    assert is_loopback(host) is is_here
