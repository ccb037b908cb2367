import asyncio
import logging
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.system.certificates import make_certificate

from dns.base.certificates import Certificates
from dns.base.errors import BadCertificate


@pytest.fixture
def files(certificate: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Copies of a certificate and its key, to be spoilt."""
    return Path(shutil.copy(certificate[0], tmp_path)), Path(shutil.copy(certificate[1], tmp_path))


@pytest.fixture
def another(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "another").mkdir()
    return make_certificate(tmp_path / "another", "dns.test")


@asynccontextmanager
async def serving(certificates: Certificates) -> AsyncIterator[int]:
    """Echoes lines, after the server name, with whatever certificate is shown at the moment."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.start_tls(certificates.dot())
        writer.write(f"{certificates.name_asked(writer.get_extra_info('ssl_object'))}\n".encode())
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def shown(port: int) -> str:
    """The certificate that a handshake shows."""
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=60)


@pytest.mark.parametrize(("name", "asked"), [("a.dns.test",) * 2, ("A.dns.test",) * 2, (None, "None")])
async def test_the_server_name_of_a_handshake_is_known_afterwards(
    files: tuple[Path, Path], name: str | None, asked: str
) -> None:
    context = ssl.create_default_context(cafile=files[0])
    context.check_hostname = False
    async with serving(Certificates(*files, lambda _: True)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name or "")
        assert await reader.readline() == f"{asked}\n".encode()
        writer.close()


async def test_a_name_that_is_not_taken_ends_the_handshake(files: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(cafile=files[0])
    async with serving(Certificates(*files, lambda name: name != "b.dns.test")) as port:
        with pytest.raises((OSError, EOFError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="b.dns.test")
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="c.dns.test")
        writer.close()


async def test_new_files_are_shown_and_open_connections_go_on(
    files: tuple[Path, Path], another: tuple[Path, Path]
) -> None:
    certificates = Certificates(*files, lambda _: True)
    context = ssl.create_default_context(cafile=files[0])
    async with serving(certificates) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="dns.test")
        before = await asyncio.to_thread(shown, port)
        shutil.copy(another[0], files[0])
        shutil.copy(another[1], files[1])
        assert certificates.reload() and not certificates.reload()
        after = await asyncio.to_thread(shown, port)
        writer.write(b"hello\n")
        await reader.readline()
        assert await reader.readline() == b"hello\n"
        writer.close()

    assert before.strip() != after.strip() == another[0].read_text().strip()


async def test_the_files_are_watched(files: tuple[Path, Path], another: tuple[Path, Path]) -> None:
    certificates = Certificates(*files, lambda _: True)
    before = certificates.dot()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(certificates.watch(0.01))
        another[1].replace(files[1])
        another[0].replace(files[0])
        async with asyncio.timeout(60):
            while certificates.dot() is before:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.01)
        watching.cancel()


def test_a_key_of_another_certificate_changes_nothing_and_is_told_once(
    files: tuple[Path, Path], another: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    certificates = Certificates(*files, lambda _: True)
    before = certificates.h2()
    shutil.copy(another[1], files[1])

    assert [certificates.reload() for _ in range(3)] == [False] * 3
    assert certificates.h2() is before
    [told] = caplog.messages
    assert "KEY_VALUES_MISMATCH; not used; put a PEM certificate" in told
    assert told.endswith("the previous certificate stays in use")
    with caplog.at_level(logging.INFO):
        shutil.copy(another[0], files[0])
        assert certificates.reload() and certificates.h2() is not before
        assert caplog.messages[-1] == f"dns tls: {files[0]} is in use from now on"


def test_files_that_have_gone_are_told_and_taken_again(
    files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    certificates = Certificates(*files, lambda _: True)
    kept = files[0].rename(files[0].with_suffix(".away"))
    assert not certificates.reload() and "No such file or directory; not used" in caplog.text
    kept.rename(files[0])

    assert certificates.reload()


@pytest.mark.parametrize(
    ("which", "content"),
    [(0, b""), (1, b""), (0, b"\0" * 100), (1, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")],
)
def test_files_that_hold_no_certificate_or_key_are_refused(
    files: tuple[Path, Path], which: int, content: bytes
) -> None:
    files[which].write_bytes(content)

    with pytest.raises(BadCertificate, match=r"^dns tls: .*dns\.pem with .*dns\.key: .+; not used; put a PEM"):
        Certificates(*files, lambda _: True)


@pytest.mark.services
def test_a_key_with_a_password_is_refused_without_asking_for_it(
    files: tuple[Path, Path], program: Callable[[str], str]
) -> None:
    subprocess.run(
        [program("openssl"), "ec", "-in", str(files[1]), "-aes256", "-passout", "pass:x", "-out", str(files[1])],
        check=True,
        capture_output=True,
    )

    with pytest.raises(BadCertificate, match="the key has a password, which cannot be entered here"):
        Certificates(*files, lambda _: True)


def test_nothing_older_than_tls_1_2_and_nothing_without_forward_secrecy(files: tuple[Path, Path]) -> None:
    certificates = Certificates(*files, lambda _: True)

    for context in (certificates.dot(), certificates.h2()):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        ciphers = [cipher for cipher in context.get_ciphers() if cipher["protocol"] == "TLSv1.2"]
        assert ciphers and all(cipher["kea"] == "kx-ecdhe" and cipher["aead"] for cipher in ciphers)


def test_a_connection_that_never_shook_hands_has_no_name(files: tuple[Path, Path]) -> None:
    assert Certificates(*files, lambda _: True).name_asked(None) is None
