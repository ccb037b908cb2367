import argparse
import io
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from filterd.box.errors import ApiProblem, ApiRefusal, MissingPart, WrongUse
from filterd.client.api_client import (
    add_api_arguments,
    call,
    call_pages,
    copy_answer,
    iter_pages,
    read_answer,
    with_query,
)


class Desk(BaseHTTPRequestHandler):
    """Says back what it was asked; refuses /no."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = {"path": self.path, "token": self.headers["Authorization"], "body": json.loads(body)}
        answers = {
            "/no": (422, {"where": "/x", "detail": "unfit"}),
            "/twice": (422, {"where": "/x", "detail": "/x: unfit"}),
            "/who": (401, {"where": "authorization", "detail": "send Authorization: Bearer TOKEN"}),
            "/odd": (500, ["?"]),
        }
        status, answer = answers.get(self.path, (200, said))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        after = int(self.path.rpartition("after=")[2])
        self.wfile.write(json.dumps({"x": [after], "next": after + 1 if after < 2 else None}).encode())

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Desk)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def arguments(*said: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_api_arguments(parser)
    return parser.parse_args(said)


def test_a_request_carries_the_token_of_the_environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERD_TOKEN", "secret\n")

    found = call(arguments("--api", url + "/"), "POST", "/v1/x", {"a": 1})

    assert found == {"path": "/v1/x", "token": "Bearer secret", "body": {"a": 1}}


@pytest.mark.parametrize(
    "api", ["http://127.0.0.1:abc", "http://a b/", "http://[::1", f"http://{'a' * 64}.test", "http://", "http://a\x7f"]
)
def test_what_is_no_url_is_a_fault_of_the_argument(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERD_TOKEN", "secret")

    with pytest.raises(WrongUse, match="no URL of an API; nothing done"):
        call(arguments("--api", api), "GET", "/v1/x")


@pytest.mark.parametrize("octets", [b"\xff\xfe", b"one\ntwo\n", "س".encode()])
def test_a_file_that_holds_no_token_is_refused_in_words(octets: bytes, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(octets)

    with pytest.raises(WrongUse, match="not one token; nothing done"):
        call(arguments("--token-file", str(tmp_path / "token")), "GET", "/v1/x")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "its answer is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html>...", "its answer is no JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", "its answer was cut off"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 99\r\n\r\n{", "the API answered 500"),
    ],
)
def test_an_answer_that_is_none_of_the_apis_is_said_in_words(
    answer: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILTERD_TOKEN", "secret")

    with answering(answer) as api, pytest.raises((MissingPart, ApiRefusal), match=words):
        call(arguments("--api", api), "GET", "/v1/x")


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The address of a server that gives one answer, and ends the connection."""

    def serve(listener: socket.socket) -> None:
        with listener.accept()[0] as peer:
            peer.recv(65536)
            peer.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize("head", [b"Transfer-Encoding: chunked\r\n\r\n4\r\n", b"Content-Length: 99\r\n\r\n"])
def test_a_file_that_is_cut_off_is_said_in_words(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERD_TOKEN", "secret")
    cut = b"HTTP/1.1 200 OK\r\n" + head + b"part\r\n"

    with answering(cut) as api, pytest.raises(MissingPart, match="its answer was cut off"):
        read_answer(arguments("--api", api), "/v1/x")
    with answering(cut) as api, pytest.raises(MissingPart, match="what was written is a part of it"):
        copy_answer(arguments("--api", api), "/v1/x", io.BytesIO())


def test_a_list_is_read_to_its_last_page(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERD_TOKEN", "secret")
    args = arguments("--api", url)

    assert [page["x"] for page in iter_pages(args, "/v1/x", 1)] == [[1], [2]]
    assert [*map(str, call_pages(args, "x", {"of": "a b"}))] == ["0", "1", "2"]
    assert list(iter_pages(args, "/v1/x", None)) == []


def test_a_path_asks_for_what_is_said_and_for_nothing_else() -> None:
    assert with_query("/v1/x", {"a": "1 &", "b": None}) == "/v1/x?a=1+%26"
    assert with_query("/v1/x?c=2", {"a": 1}) == "/v1/x?c=2&a=1"
    assert with_query("/v1/x", {"b": None}) == "/v1/x"


def test_a_token_file_is_read(url: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_text("secret\n")

    found = call(arguments("--api", url, "--token-file", str(tmp_path / "t")), "POST", "/", {})

    assert found["token"] == "Bearer secret"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/no", r"^/x: unfit \(422\)$"),
        ("/twice", r"^/x: unfit \(422\)$"),
        ("/who", r"; set FILTERD_TOKEN or --token-file FILE to one that counts \(401\)$"),
        ("/odd", "^the API answered 500$"),
    ],
)
def test_a_refusal_is_told_in_the_apis_words(url: str, monkeypatch: pytest.MonkeyPatch, path: str, words: str) -> None:
    monkeypatch.setenv("FILTERD_TOKEN", "secret")

    with pytest.raises(ApiProblem, match=words) as problem:
        call(arguments("--api", url), "POST", path, {})

    assert f"{problem.value.status}" in words and problem.value.where in ("/x", "authorization", "")


def test_an_api_that_is_not_there_is_a_missing_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERD_TOKEN", "secret")

    with pytest.raises(MissingPart, match="start filterd run"):
        call(arguments("--api", "http://127.0.0.1:1"), "GET", "/")


def test_without_a_token_or_an_address_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FILTERD_TOKEN", raising=False)
    with pytest.raises(WrongUse, match="filterd token"):
        call(arguments(), "GET", "/")
    monkeypatch.setenv("FILTERD_TOKEN", " ")
    with pytest.raises(WrongUse, match="filterd token"):
        call(arguments(), "GET", "/")
    with pytest.raises(WrongUse, match="No such file"):
        call(arguments("--token-file", str(tmp_path / "absent")), "GET", "/")
    monkeypatch.setenv("FILTERD_TOKEN", "secret")
    with pytest.raises(WrongUse, match="write http"):
        call(arguments("--api", "file:///etc/passwd"), "GET", "/")


@pytest.mark.parametrize("content", [None, "junk"])
def test_a_certificate_that_cannot_be_shown_is_said(url: str, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "c.pem").write_text(content)
    (tmp_path / "token").write_text("t")
    asked = arguments("--api", url, "--token-file", str(tmp_path / "token"), "--certificate", str(tmp_path / "c.pem"))

    with pytest.raises(WrongUse, match=r"--certificate .*; nothing done; name a PEM file with both"):
        call(asked, "POST", "/v1/x", {})
