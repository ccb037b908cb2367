"""An appeal's whole way: a page of a running box, its control, a mail server, the private key, the answer."""

import http.client
import json
import urllib.parse
from pathlib import Path

import pytest
from support.system.daemon import DEADLINE_S, Daemon, eventually
from support.system.receivers import PASSWORD, USER, MailServer

pytestmark = pytest.mark.services

ADDRESS = "http://qzmarker.example/page"


@pytest.fixture
def mails(tmp_path: Path) -> MailServer:
    return MailServer(tmp_path)


@pytest.fixture
def box(tmp_path: Path, mails: MailServer) -> Daemon:
    """One that takes appeals, not started."""
    (tmp_path / "box").mkdir()
    box = Daemon(tmp_path / "box")
    (box.folder / "password").write_text(PASSWORD)
    made = box.run("appeals", "key", str(tmp_path / "appeals.key"))
    said = json.loads(box.config.read_text())
    said["splash"]["host"] = "why.isp.example"
    server = {"server": f"localhost:{mails.port}", "sender": "f@isp.example", "user": USER}
    said["orders"] = {"mail": server | {"password": "password", "ca": str(mails.certificate)}}
    said["appeals"] = {"key": made.stdout.strip(), "address": "l@isp.example"}
    box.config.write_text(json.dumps(said))
    return box


def asked(box: Daemon, method: str, path: str, **fields: str) -> str:
    """A page of the splash, as of a listed name."""
    splash = http.client.HTTPConnection("127.0.0.1", box.splash, timeout=DEADLINE_S)
    form = {"Host": "listed.test", "Content-Type": "application/x-www-form-urlencoded"}
    splash.request(method, path, urllib.parse.urlencode(fields) if fields else None, form)
    page = splash.getresponse().read().decode()
    splash.close()
    return page


def test_what_a_visitor_writes_reaches_the_private_key_and_is_in_no_file_of_the_box(
    tmp_path: Path, box: Daemon, mails: MailServer
) -> None:
    box.start()
    try:
        with mails.running():
            # a page that control was too slow for has no form
            form = eventually(lambda: asked(box, "GET", "/").partition('action="/filterd/appeal"')[2], "the form")
            token = form.partition('name="token" value="')[2].partition('"')[0]
            page = asked(box, "POST", "/filterd/appeal", token=token, address=ADDRESS, contact="a@b.example")
            assert mails.has_some.wait(DEADLINE_S)
        (mail,) = mails.mails
        number = mail["Subject"].rpartition(" ")[2]
        assert number in page
        at = ("--config", str(box.config))
        eventually(lambda: '"state": "sent"' in box.run("appeals", "list", "--json", *at).stdout, "the note")
        assert box.run("appeals", "answer", number, "unchanged", *at).returncode == 0
        listed = json.loads(box.run("appeals", "list", "--json", *at).stdout)
    finally:
        box.stop()

    (tmp_path / "mail").write_bytes(mail.as_bytes())
    opened = box.run("appeals", "open", "--json", "--key", str(tmp_path / "appeals.key"), str(tmp_path / "mail"))
    told = json.loads(opened.stdout)
    assert (told["address"], told["contact"]) == (ADDRESS, "a@b.example")
    assert (listed["number"], listed["state"], listed["outcome"]) == (number, "answered", "unchanged")
    assert [path for path in box.folder.rglob("*") if path.is_file() and b"qzmarker" in path.read_bytes()] == []
