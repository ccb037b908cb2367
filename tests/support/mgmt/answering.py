"""Caregivers who answer requests by message, as tests play them."""

import re

from sqlalchemy import Engine
from support.mgmt.desk import NOW
from support.mgmt.phone import NUMBER, Phone, add_caregiver
from support.present import present

from mgmt.web.family.requests.messages import tell
from parental.people.request_messages import choose
from parental.people.requests import ChildRequest, ask, newest
from parental.policy.profiles import set_schedule
from parental.policy.schedule import Schedule, parse_interval
from parental.store.database import reading, writing

SECRET = "Bearer of-the-gateway"
SLEEP = Schedule((parse_interval("mon", "20:00", "06:30"),))  # NOW is Monday, 21:00:03


def mother(engine: Engine, role: str = "owner", number: str = NUMBER) -> int:
    """A caregiver who has chosen it; its number."""
    who = add_caregiver(engine, role, number=number)
    with writing(engine) as conn:
        assert choose(conn, 7, who, True)
    return who


def wish(engine: Engine, child: int, minutes: int | None = 30, name: str | None = None) -> None:
    """A child asks, in its closed hours."""
    with writing(engine) as conn:
        set_schedule(conn, child, SLEEP)
        ask(conn, 7, child, ChildRequest(minutes, name, "homework"), NOW)


def answer_of(engine: Engine, child: int) -> str | None:
    """Of the last request of a child; None: it waits."""
    with reading(engine) as conn:
        return present(newest(conn, child)).answer


async def told(phone: Phone) -> str:
    """The message that a request leads to."""
    seen = set(phone.messages())
    await tell(phone.app)
    (message,) = await phone.arrived(seen)
    return message


def code_of(message: str) -> str:
    """What a yes has after its 1."""
    return present(re.search(r"1 (\d{4}) ", message + " "))[1]
