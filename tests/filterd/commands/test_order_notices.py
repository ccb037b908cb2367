"""`filterd orders deliver`: what of messages it tries, what it leaves, and the key that webhooks check."""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from support.mgmt.orders import NOW, push
from support.system.receivers import Box, box_with_receivers

from filterd.commands.order_notices import deliver, deliver_all, run_deliver
from filterd.config.orders import Contact as OrderContact
from mgmt.orders.deadlines.clock import Alarm
from mgmt.orders.deadlines.notices import Contact, failing, put_notices
from parental.store.database import reading, writing
from parental.store.engines import Where
from parental.store.schema.deadlines import order_notices

pytestmark = pytest.mark.services

TEXT = '{"order":1,"ground":null,"alarm":"50","received":"","due":"","due_by":"letter","link":null}'


@pytest.fixture
def box(tmp_path: Path, database: Where) -> Iterator[Box]:
    with box_with_receivers(tmp_path, database) as made:
        yield made


@pytest.fixture
def notice(box: Box) -> int:
    with writing(box.engine) as conn:
        put_notices(conn, push(conn, "a.test"), Alarm.HALF, [Contact("mail desk@isp.example", Alarm.HALF)], TEXT, NOW)
    return 1


def state(box: Box) -> str:
    with reading(box.engine) as conn:
        return str(conn.execute(select(order_notices.c.state)).scalar_one())


def test_a_message_is_delivered_once_and_one_that_is_not_there_is_no_fault(box: Box, notice: int) -> None:
    assert [deliver(box.config, box.engine, number) for number in (notice, notice, 99)] == [True, True, True]

    (mail,) = box.mails.mails
    assert "ground    see the desk" in mail.get_content()
    assert state(box) == "sent"


def test_a_message_to_a_contact_that_is_no_more_is_dropped(box: Box, notice: int) -> None:
    without = replace(box.config, orders=replace(box.config.orders, contacts=()))

    assert deliver(without, box.engine, notice)
    assert (state(box), box.mails.mails) == ("dropped", [])


def test_the_public_key_is_that_of_the_signatures(
    box: Box, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("filterd.commands.order_notices.loaded", lambda _: box.config)
    with writing(box.engine) as conn:
        contact = Contact(f"webhook {box.hook.url}", Alarm.HALF)
        put_notices(conn, push(conn, "a.test"), Alarm.HALF, [contact], TEXT, NOW)

    assert run_deliver(argparse.Namespace(config=box.file, public_key=True, notice=[])) == 0
    assert deliver(box.config, box.engine, 1)

    ((headers, _),) = box.hook.taken
    assert f'keyid="{capsys.readouterr().out.strip()}"' in headers["Signature-Input"]


def test_a_receiver_that_does_not_answer_holds_up_no_other(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filterd.control.escalation.webhook.TIMEOUT_S", 120)
    box.hook.before_answer = lambda: box.mails.has_some.wait(60)
    with writing(box.engine) as conn:
        chosen = [Contact(f"webhook {box.hook.url}", Alarm.HALF), Contact("mail desk@isp.example", Alarm.HALF)]
        put_notices(conn, push(conn, "a.test"), Alarm.HALF, chosen, TEXT, NOW)

    assert deliver_all(box.config, box.engine, [1, 2])
    assert box.mails.has_some.is_set()


def test_what_no_one_has_thought_of_is_said_of_its_message_and_the_next_one_is_tried(box: Box, notice: int) -> None:
    contact = Contact("mail noc@isp.example", Alarm.HALF)
    with writing(box.engine) as conn:
        put_notices(conn, push(conn, "b.test", ref="2"), Alarm.HALF, [contact], "no JSON", NOW)
        contacts = (*box.config.orders.contacts, OrderContact(role="engineer", mail="noc@isp.example"))
    config = replace(box.config, orders=replace(box.config.orders, contacts=contacts))

    assert not deliver_all(config, box.engine, [2, notice])

    with reading(box.engine) as conn:
        assert [each.fault for each in failing(conn)] == ["DecodeError"]
    assert len(box.mails.mails) == 1
