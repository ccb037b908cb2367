"""An alarm as a mail, taken by a real server over STARTTLS; and what a server that does not take it is answered."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.mgmt.orders import NOW
from support.system.receivers import PASSWORD, USER, MailServer

from filterd.config.orders import MailServer as Said
from filterd.control.escalation.failed import DeliveryFailure
from filterd.control.escalation.mail import mail_of, passed, send
from mgmt.orders.deadlines.alarms import AlarmMessage as Alarm

pytestmark = pytest.mark.services

ALARM = Alarm(7, "PECA 37", "75", "2026-08-03T16:00:00Z", "2026-08-05T16:00:00Z", "setting", "https://d.example/desk")
MAIL = mail_of(ALARM, "desk@isp.example", "filterd@isp.example", "a1b2", NOW)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with MailServer(tmp_path).running() as server:
        yield server


@pytest.fixture
def said(server: MailServer, tmp_path: Path) -> Said:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    where = f"localhost:{server.port}"
    return Said(server=where, user=USER, password=tmp_path / "password", ca=server.certificate)


def test_a_mail_says_number_ground_clock_and_where_to_look(server: MailServer, said: Said) -> None:
    send(said, MAIL)

    (mail,) = server.mails
    assert mail["Subject"] == "filterd: order 7: 75 % of its time has passed, not confirmed"
    assert (mail["From"], mail["To"]) == ("filterd@isp.example", "desk@isp.example")
    assert mail["Message-ID"] == "<a1b2@isp.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] == "Mon, 03 Aug 2026 16:00:00 +0000"
    assert mail.get_content().splitlines() == [
        "Order 7: 75 % of its time has passed, not confirmed.",
        "",
        "ground    PECA 37",
        "received  2026-08-03T16:00:00Z",
        "due       2026-08-05T16:00:00Z, as the settings of this box say",
        "",
        "On the box: filterd orders show 7",
        "At the desk: https://d.example/desk",
    ]


def test_a_ground_with_a_line_break_makes_no_header(server: MailServer, said: Said) -> None:
    alarm = Alarm(7, "x\r\nBcc: all@isp.example\r\n\r\n.\r\nQUIT", "overdue", "", "", "letter", None)
    send(said, mail_of(alarm, "desk@isp.example", "filterd@isp.example", "k", NOW))

    (mail,) = server.mails
    assert mail["Bcc"] is None
    assert "QUIT" in mail.get_content()
    assert passed("overdue") in mail["Subject"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ca": None}, "certificate verify failed"),
        ({"security": "tls"}, ""),
        ({"security": "none"}, "AUTH extension not supported"),
    ],
)
def test_a_server_that_does_not_take_it_is_named_with_the_reason(
    server: MailServer, said: Said, change: dict[str, Any], why: str
) -> None:
    with pytest.raises(DeliveryFailure, match=rf"localhost:{server.port}: .*{why}"):
        send(replace(said, **change), MAIL)

    assert server.mails == []


def test_a_server_that_is_full_has_not_taken_it_and_the_reason_holds_no_address(server: MailServer, said: Said) -> None:
    server.answer = "452 no room for desk@isp.example"

    with pytest.raises(DeliveryFailure, match=r"it answered 452$"):
        send(said, MAIL)


def test_no_server_is_a_reason_too(said: Said) -> None:
    with pytest.raises(DeliveryFailure, match=r"127\.0\.0\.1:1: Connection refused"):
        send(replace(said, server="127.0.0.1:1"), MAIL)


def test_a_password_that_the_protocol_cannot_carry_is_said_and_not_shown(said: Said, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pässwort")

    with pytest.raises(DeliveryFailure, match=r"its user or password is not ASCII; write others$"):
        send(said, MAIL)
