import re
from datetime import timedelta

from sqlalchemy import Engine
from support.mgmt.desk import NOW, Clock
from support.mgmt.phone import Phone, add_caregiver, add_child

from parental.people.requests import NO, YES, ChildRequest, answer, ask
from parental.policy.profiles import set_schedule
from parental.policy.schedule import Schedule, parse_interval
from parental.store.database import writing

SLEEP = Schedule((parse_interval("mon", "20:00", "06:30"),))  # NOW is Monday, 21:00:03


def asked(engine: Engine, child: int, name: str | None, said: str | None = None, account: int = 7) -> None:
    """A request of a child's, and its answer."""
    with writing(engine) as conn:
        set_schedule(conn, child, SLEEP)
        wanted = ChildRequest(30 if name is None else None, name, "homework")
        request, _ = ask(conn, account, child, wanted, NOW)
        if said is not None:
            answer(conn, request.id, said, NOW + timedelta(minutes=2))


async def test_what_waits_can_be_answered_and_what_was_answered_says_how_and_when(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    child = add_child(engine)
    asked(engine, child, "www.youtube.com", YES)
    asked(engine, child, "page.example", NO)
    clock.forward(minutes=3)
    asked(engine, child, None)

    said = await parent.words("/requests")

    assert "asks for 30 minutes" in said and "Yes, 30 min" in said and "Not now" in said
    assert "asks for the page www.youtube.com (YouTube) · Homework Yes, 9:02 pm" in said
    assert "asks for the page page.example · Homework Not now, 9:02 pm" in said
    assert 'href="/family/requests?lang=en"' in (await parent.get())[2]


async def test_what_had_no_answer_is_called_so_with_its_date(parent: Phone, engine: Engine, clock: Clock) -> None:
    asked(engine, add_child(engine), None)
    clock.forward(hours=44)

    said = await parent.words("/requests")

    assert "Nothing waits for an answer." in said and re.search("No answer, [^·]*4[^·]* 9:00 pm", said)


async def test_a_helper_reads_it_and_another_household_s_is_not_there(phone: Phone, engine: Engine) -> None:
    add_caregiver(engine, "helper")
    asked(engine, add_child(engine, "Other", account=8, prefix="192.0.2.8"), None, account=8)
    asked(engine, add_child(engine), "page.example")
    await phone.with_number()

    said = await phone.words("/requests")

    assert "page.example" in said and "Other" not in said and "Yes, always" not in said and "Not now" in said
