import asyncio
import os
import ssl
from pathlib import Path

import pytest
from support.system.certificates import make_certificate

from dns.base.errors import BadCertificate
from filterd.commands.roles import api_certificate
from filterd.commands.roles.api_certificate import follow_certificate, names_of, tls_of
from filterd.config.schema import Api
from mgmt.web.kit.doors import Hosts


def test_without_a_certificate_there_is_no_tls() -> None:
    assert tls_of(Api()) is None


@pytest.mark.parametrize("key", ["junk", "absent", "another's"])
def test_a_pair_that_cannot_be_used_is_said_with_its_files(key: str, tmp_path: Path) -> None:
    certificate, own = make_certificate(tmp_path, "api.test")
    if key == "junk":
        own.write_text("junk")
    elif key == "absent":
        own.unlink()
    else:
        (tmp_path / "other").mkdir()
        own = make_certificate(tmp_path / "other", "other.test")[1]

    with pytest.raises(BadCertificate, match=f"api: {certificate} with {own}: .*; not used; put a PEM certificate"):
        tls_of(Api(certificate=certificate, key=own))


def test_new_files_are_shown_in_later_handshakes_and_bad_ones_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api_certificate, "LOOK_EVERY_S", 0.01)
    certificate, key = make_certificate(tmp_path, "api.test")
    api, hosts = Api(certificate=certificate, key=key), Hosts()

    async def play() -> list[bytes | None]:
        context = tls_of(api)
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        assert context is not None
        following = asyncio.ensure_future(follow_certificate(api, context, hosts))  # noqa: TID251
        port = server.sockets[0].getsockname()[1]
        shown = [await _shown(port)]
        for each in make_certificate(tmp_path, "api.test"):
            os.utime(each, (1, 1))  # a file system with a coarse clock might give them the time of the first ones
        while "in use from now on" not in caplog.text:  # noqa: ASYNC110  # a log cannot be awaited
            await asyncio.sleep(0.01)
        shown.append(await _shown(port))
        certificate.write_text("junk")
        while "stays in use" not in caplog.text:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.01)
        shown.append(await _shown(port))
        following.cancel()
        server.close()
        return shown

    caplog.set_level("INFO")
    first, second, third = asyncio.run(asyncio.wait_for(play(), 60))

    assert first != second
    assert second == third
    assert hosts.has("api.test") and not hosts.has("other.test")


def test_the_names_of_a_door_are_those_of_its_certificate(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "api.test")

    assert names_of(Api(certificate=certificate, key=key)) == ("api.test", "*.api.test")
    assert names_of(Api()) == ()


async def _shown(port: int) -> bytes | None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return shown


@pytest.mark.parametrize("content", [None, "", "junk"])
def test_authorities_that_cannot_be_read_are_said_before_a_connection_is_taken(
    tmp_path: Path, content: str | None
) -> None:
    certificate, key = make_certificate(tmp_path, "api.test")
    authorities = tmp_path / "clients.pem"
    if content is not None:
        authorities.write_text(content)

    with pytest.raises(BadCertificate, match=f"api: {authorities}: .*; not started; put the certificates"):
        tls_of(Api(certificate=certificate, key=key, client_ca=authorities))
