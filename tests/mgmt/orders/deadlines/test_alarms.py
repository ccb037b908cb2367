"""Alarms of orders in a real database: each is given once, and none of an order that has been confirmed."""

from datetime import timedelta
from threading import Barrier, Thread

import msgspec
from sqlalchemy import Connection, Engine, select, update
from support.mgmt.confirmed import SIGNER, verified
from support.mgmt.orders import NOW, publish, push, said

from mgmt.orders.base.deadline_rules import Deadline, Rules
from mgmt.orders.base.letters import keep_letters
from mgmt.orders.confirmation.replies import confirm, due
from mgmt.orders.deadlines.alarms import OrderAlarm, clocks_of, give_due
from mgmt.orders.deadlines.clock import Alarm
from mgmt.orders.deadlines.notices import Contact
from mgmt.orders.store import number_letter
from parental.store.database import writing
from parental.store.schema.deadlines import order_notices
from parental.store.schema.orders import orders

HOUR = timedelta(hours=1)
RULES = Rules((Deadline(10 * HOUR),))
CONTACTS = (Contact("mail desk@isp.example", Alarm.HALF), Contact("webhook https://h.example/", Alarm.NEARLY))


def given(conn: Connection, hours: float) -> list[tuple[int, str]]:
    found = give_due(conn, RULES, CONTACTS, NOW + hours * HOUR, "https://desk.isp.example")
    return [(each.order, each.alarm.value) for each in found]


def notices(conn: Connection) -> list[tuple[str, str]]:
    found = conn.execute(select(order_notices).order_by(order_notices.c.id)).all()
    return [(row.kind, row.receiver.partition(" ")[0]) for row in found]


def test_each_alarm_is_given_once_however_often_one_looks(conn: Connection) -> None:
    order = push(conn, "a.test")

    found = [given(conn, hours) for hours in (1, 5, 5.1, 7.5, 9, 9.5, 10, 11, 900)]

    alarms = [[], ["50"], [], ["75"], ["90"], [], ["overdue"], [], []]
    assert found == [[(order, alarm) for alarm in each] for each in alarms]
    both = ("mail", "webhook")
    assert notices(conn) == [
        *(("50", "mail"), ("75", "mail")),
        *((alarm, kind) for alarm in ("90", "overdue") for kind in both),
    ]


def test_an_order_that_was_confirmed_in_between_gives_none(conn: Connection) -> None:
    order = push(conn, "a.test")
    publish(conn)
    assert given(conn, 6) == [(order, "50")]
    verified(conn, order)
    (found,) = due(conn, 9)
    assert confirm(conn, found, SIGNER, NOW + 7 * HOUR)

    assert given(conn, 100) == []
    clock = clocks_of(conn, [order], RULES)[order]
    assert clock.stopped == NOW + 7 * HOUR and clock.is_met


def test_after_a_night_without_control_the_most_urgent_alarm_is_sent_and_the_others_are_not(conn: Connection) -> None:
    order = push(conn, "a.test")

    assert [given(conn, 9.1), given(conn, 9.2), given(conn, 11)] == [[(order, "90")], [], [(order, "overdue")]]


def test_an_alarm_is_an_event_and_says_nothing_that_is_not_for_a_letter(conn: Connection) -> None:
    push(conn, "secret.test", ref="SECRET/7", ground="PECA 37")
    given(conn, 6)

    (event,) = [each for each in said(conn) if each["action"] == "deadline alarm"]
    assert (event["said"]["alarm"], event["said"]["messages"]) == ("50", 1)
    (text,) = conn.execute(select(order_notices.c.text)).scalars()
    assert msgspec.json.decode(text) == {
        "order": 1,
        "ground": "PECA 37",
        "alarm": "50",
        "received": "2026-08-03T16:00:00Z",
        "due": "2026-08-04T02:00:00Z",
        "due_by": "setting",
        "link": "https://desk.isp.example/desk/orders/1",
    }


def test_the_ground_of_an_order_that_may_stand_nowhere_in_clear_is_left_out(conn: Connection) -> None:
    push(conn, "a.test", ground="child abuse material")
    given(conn, 6)

    (text,) = conn.execute(select(order_notices.c.text)).scalars()
    assert msgspec.json.decode(text)["ground"] is None


def test_a_letter_that_only_a_list_names_gives_no_alarm(conn: Connection) -> None:
    order = number_letter(conn, "PTA", "L-1", NOW)
    keep_letters(conn, {"pta": {str(order): {"enforced": 3}}}, 1, NOW)

    assert given(conn, 900) == []


def test_two_gateways_that_look_at_once_give_an_alarm_once(engine: Engine) -> None:
    with writing(engine) as conn:
        orders = [push(conn, f"{n}.test", ref=str(n)) for n in range(8)]
    found: list[OrderAlarm] = []
    together = Barrier(2)

    def gateway() -> None:
        together.wait()
        with writing(engine) as conn:
            found.extend(give_due(conn, RULES, CONTACTS, NOW + 6 * HOUR))

    threads = [Thread(target=gateway) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert sorted(each.order for each in found) == orders
    with writing(engine) as conn:
        assert len(notices(conn)) == len(orders)


def test_a_row_that_a_web_role_has_lied_into_the_database_keeps_no_alarm_from_the_other_orders(
    conn: Connection,
) -> None:
    liars = [push(conn, "a.test", ref=f"lie {column}") for column in ("deadline_s", "received_ms")]
    for liar, column in zip(liars, ("deadline_s", "received_ms"), strict=True):
        conn.execute(update(orders).where(orders.c.id == liar).values({column: 2**62}))
    honest = push(conn, "b.test", ref="honest")

    assert given(conn, 5) == [(liars[0], "50"), (honest, "50")]


def test_a_message_about_an_order_whose_reference_speaks_of_csam_has_no_ground(conn: Connection) -> None:
    push(conn, "a.test", ref="CSAM/7", ground="Section 37")
    given(conn, 5)

    assert msgspec.json.decode(conn.execute(select(order_notices.c.text)).scalar_one())["ground"] is None
