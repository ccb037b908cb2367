"""Sealed appeals reach the one who passes them on: once each, as they were sealed, and after the server was down."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.system.receivers import PASSWORD, USER, MailServer

from filterd.config import Config, load
from filterd.control.escalation.appeal_delivery import UndeliveredAppeals, claim_due, deliver_all, refuse_undelivered
from mgmt.registers.appeals.key_text import key_text
from mgmt.registers.appeals.sealed import MAGIC, SEALED_OCTETS
from mgmt.registers.appeals.store import put_appeal, shown
from parental.store.database import reading, writing

pytestmark = pytest.mark.services

SEALED = MAGIC.ljust(SEALED_OCTETS, b"\xfe")
SAID = """
state_dir: state
run_dir: run
dns: {{upstreams: ["192.0.2.53:53"]}}
splash: {{host: why.isp.example}}
orders:
  mail: {{server: "localhost:{port}", sender: f@isp.example, user: {user}, password: password, ca: "{ca}"}}
appeals: {{address: l@isp.example, key: "{key}"}}
"""


def config_of(place: Path, mails: MailServer) -> Config:
    (place / "password").write_text(PASSWORD)
    said = SAID.format(port=mails.port, user=USER, ca=mails.certificate, key=key_text(bytes(range(200, 232))))
    (place / "f.yaml").write_text(said)
    return load(place / "f.yaml")


def put(engine: Engine) -> None:
    with writing(engine) as conn:
        assert put_appeal(conn, SEALED, datetime.now(UTC))


def states(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return [each.state for each in shown(conn, 9)]


def test_one_that_waits_while_the_server_is_down_arrives_once_it_is_up(tmp_path: Path, engine: Engine) -> None:
    mails = MailServer(tmp_path)
    config = config_of(tmp_path, mails)
    put(engine)
    now = datetime.now(UTC)

    assert not deliver_all(config, engine, claim_due(engine, now))
    with pytest.raises(UndeliveredAppeals, match=r"refused; 1 wait and are tried again"):
        refuse_undelivered(engine)
    assert claim_due(engine, now) == []
    with mails.running():
        assert deliver_all(config, engine, claim_due(engine, now + timedelta(seconds=91)))
        assert deliver_all(config, engine, [1])

    (mail,) = mails.mails
    (attached,) = mail.iter_attachments()
    assert attached.get_payload(decode=True) == SEALED
    assert mail["To"] == "l@isp.example" and mail["Subject"].startswith("filterd: appeal ")
    assert states(engine) == ["sent"]
    refuse_undelivered(engine)


def test_without_an_address_it_waits_and_the_fault_says_so(tmp_path: Path, engine: Engine) -> None:
    config = config_of(tmp_path, MailServer(tmp_path))
    put(engine)

    assert not deliver_all(replace(config, appeals=replace(config.appeals, address=None)), engine, [1])
    with pytest.raises(UndeliveredAppeals, match="/appeals/address"):
        refuse_undelivered(engine)
    assert states(engine) == ["waiting"]
