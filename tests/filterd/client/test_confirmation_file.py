"""`filterd orders confirm --format`."""

import argparse
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from filterd.box.errors import ApiRefusal, WrongUse
from filterd.client.api_client import add_api_arguments
from filterd.client.confirmation_file import add_confirmation, take_confirmation


class Desk(BaseHTTPRequestHandler):
    """Gives back what it was asked for; /no is not confirmed."""

    def do_GET(self) -> None:
        self.send_response(409 if self.path.startswith("/no") else 200)
        self.end_headers()
        self.wfile.write(b'{"where":"order","detail":"not confirmed"}' if "/no" in self.path else self.path.encode())

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Desk)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def arguments(url: str, *said: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_api_arguments(parser)
    add_confirmation(parser)
    return parser.parse_args(["--api", url, *said])


def test_it_is_written_as_it_comes(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERD_TOKEN", "secret")
    file = tmp_path / "answer.csv"

    take_confirmation(arguments(url, "--format", "csv", "--output", str(file)), "/v1/x?issuer=PTA")

    assert file.read_text() == "/v1/x?issuer=PTA&format=csv"


def test_what_cannot_be_had_or_written_is_said(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILTERD_TOKEN", "secret")
    with pytest.raises(ApiRefusal, match="not confirmed"):
        take_confirmation(arguments(url, "--format", "pdf"), "/no")
    with pytest.raises(WrongUse, match="nothing written"):
        take_confirmation(arguments(url, "--format", "pdf", "--output", str(tmp_path / "none/a.pdf")), "/v1/x")
