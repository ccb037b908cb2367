import asyncio
import re
from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.answering import answer_of, code_of, mother, told, wish
from support.mgmt.desk import NOW, Clock, PlayedControl
from support.mgmt.phone import NUMBER, Phone, add_caregiver, add_child
from support.present import present

from mgmt.web.family.requests.messages import take, tell
from mgmt.web.family.sign_in import DOOR
from parental.calendar import exceptions
from parental.people.household import history
from parental.people.request_messages import due
from parental.people.requests import LIFE, ChildRequest, ask
from parental.policy.profiles import get_profile, pause, set_schedule
from parental.policy.schedule import Schedule
from parental.store.database import reading, writing
from parental.store.errors import DatabaseAway

FOREIGN = "+923339999999"


async def away(*_: Any) -> None:
    raise DatabaseAway("database: away; nothing done; see its log")


async def reply(phone: Phone, text: str, number: str = NUMBER) -> str:
    """What is answered; '' for nothing."""
    seen = phone.messages()
    await take(phone.app, number, text)
    return (await phone.arrived(set(seen)))[-1]


async def test_a_mother_answers_with_her_telephone_alone(
    answering: Phone, engine: Engine, control: PlayedControl
) -> None:
    mother(engine)
    child = add_child(engine)
    wish(engine, child)

    message = await told(answering)

    code = code_of(message)
    assert message == (
        f"Ayesha ne 30 minute mazeed maange hain (parhai). Ijazat: 1 {code} likhein. Nahin: 2 {code}. -Example ISP"
    )
    assert len(message) <= 160 and message.isascii()
    assert await reply(answering, f" 1 {code}") == "Theek hai. Ayesha ka internet 9:30 pm tak khula hai."
    assert answer_of(engine, child) == "yes" and control.asked == ["policy_changed"]
    with reading(engine) as conn:
        assert [row.kind for row in exceptions.held(conn, child, NOW)] == ["plus"]
        assert history(conn, 7)[0].action == "request answered yes by message"


@pytest.mark.parametrize("said", ["2 {}", "2{}", "Nahin 2, code {}", "٢ {}"])
async def test_a_no_opens_nothing(answering: Phone, engine: Engine, control: PlayedControl, said: str) -> None:
    mother(engine)
    child = add_child(engine)
    wish(engine, child)

    assert "abhi nahin" in await reply(answering, said.format(code_of(await told(answering))))
    assert answer_of(engine, child) == "no" and control.asked == []


async def test_a_page_is_opened_by_who_may_change_rules_and_not_sent_to_a_helper(
    answering: Phone, engine: Engine
) -> None:
    mother(engine)
    mother(engine, "helper", "+923017654321")
    child = add_child(engine)
    wish(engine, child, None, "page.example")

    message = await told(answering)  # one: the helper has none
    with reading(engine) as conn:
        assert due(conn, NOW) == []  # and is not looked at for ever

    assert "page.example kholne ki ijazat" in message
    assert "page.example khul gaya" in await reply(answering, f"1 {code_of(message)}")
    with reading(engine) as conn:
        assert get_profile(conn, child).allowed == frozenset({"page.example"})


async def test_a_message_opens_no_page_whose_name_has_too_many_parts(answering: Phone, engine: Engine) -> None:
    mother(engine)
    child = add_child(engine)
    wish(engine, child, None, "a." * 15 + "page.example")

    message = await told(answering)

    assert "Kuch nahin khula" in await reply(answering, f"1 {code_of(message)}")
    with reading(engine) as conn:
        assert get_profile(conn, child).allowed == frozenset()
    assert answer_of(engine, child) is None


async def test_an_answer_that_comes_again_opens_nothing_more(answering: Phone, engine: Engine) -> None:
    mother(engine)
    child = add_child(engine)
    wish(engine, child)
    code = code_of(await told(answering))

    await reply(answering, f"1 {code}")
    assert "Kuch nahin khula" in await reply(answering, f"1 {code}")
    with reading(engine) as conn:
        assert len(exceptions.held(conn, child, NOW)) == 1


async def test_a_code_from_a_foreign_number_does_nothing_and_is_not_answered(answering: Phone, engine: Engine) -> None:
    mother(engine)
    child = add_child(engine)
    wish(engine, child)
    code, before = code_of(await told(answering)), answering.messages()

    for number in (FOREIGN, "+449001234567", "", "x", "12", "+" * 500):
        await take(answering.app, number, f"1 {code}")

    assert answer_of(engine, child) is None and answering.messages() == before


@pytest.mark.parametrize("said", [("1", "yes", "", "1 1 {}"), ("{}", "4 {}", "1 {}9")])
async def test_what_is_no_answer_opens_nothing_and_says_how(
    answering: Phone, engine: Engine, said: tuple[str, ...]
) -> None:
    mother(engine)
    child = add_child(engine)
    wish(engine, child)
    message = await told(answering)

    for each in said:
        await take(answering.app, NUMBER, each.format(code_of(message)))

    assert "Samajh nahin aaya" in (await answering.arrived({message}))[0]
    assert answer_of(engine, child) is None


async def test_an_answer_after_its_request_has_ended_opens_nothing(
    answering: Phone, engine: Engine, clock: Clock
) -> None:
    mother(engine)
    child = add_child(engine)
    wish(engine, child)
    code = code_of(await told(answering))
    clock.forward(hours=LIFE.total_seconds() / 3600)

    assert "Kuch nahin khula" in await reply(answering, f"1 {code}")
    assert answer_of(engine, child) is None


async def test_what_control_cannot_publish_is_stored_and_called_so_on_its_card(
    answering: Phone, engine: Engine, control: PlayedControl
) -> None:
    mother(engine)
    child = add_child(engine)
    wish(engine, child)
    code = code_of(await told(answering))
    control.fails = "control is away"

    said = await reply(answering, f"1 {code}")
    assert "mehfooz hai, magar abhi kuch nahin khula" in said and "khula hai" not in said
    assert answer_of(engine, child) == "yes"


async def test_a_database_that_goes_away_behind_an_answer_leaves_it_stored_and_said(
    answering: Phone, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    mother(engine)
    child = add_child(engine)
    wish(engine, child)
    code = code_of(await told(answering))
    monkeypatch.setattr("mgmt.web.family.in_force.read_in", away)

    assert "mehfooz hai, magar abhi kuch nahin khula" in await reply(answering, f"1 {code}")
    assert answer_of(engine, child) == "yes"


class Held:
    """A gateway that answers as soon as it may."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.may = asyncio.Event()

    async def send(self, number: str, text: str) -> None:
        del number
        self.texts.append(text)
        await self.may.wait()


async def test_requests_leave_room_for_codes_to_sign_in_and_wait_for_their_turn(
    phone: Phone, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, held = present(phone.app[DOOR].sender), Held()
    monkeypatch.setattr(sender, "_sms", held)
    monkeypatch.setattr("mgmt.web.family.sms.MOST_WAITING", 4)
    mother(engine)
    child = add_child(engine)
    for minutes, name in ((30, None), (10, None), (None, "page.example")):
        wish(engine, child, minutes, name)

    for _ in range(3):
        await tell(phone.app)
    for _ in range(2):
        sender.post(NUMBER, "a code")
    await asyncio.sleep(0)
    assert len(held.texts) == 4 and held.texts.count("a code") == 2

    held.may.set()
    async with asyncio.timeout(60):
        while len(held.texts) < 5:
            await tell(phone.app)
    assert "page.example" in held.texts[-1]


async def test_who_has_not_chosen_it_gets_no_message(answering: Phone, engine: Engine) -> None:
    add_caregiver(engine)
    wish(engine, add_child(engine))

    assert await tell(answering.app) == 0


async def test_of_a_paused_child_the_message_says_so_and_a_3_ends_the_pause_where_a_1_opens_nothing(
    answering: Phone, engine: Engine, control: PlayedControl
) -> None:
    mother(engine)
    child = add_child(engine)
    with writing(engine) as conn:
        pause(conn, child, None)
        ask(conn, 7, child, ChildRequest(30, None, "homework"), NOW)

    message = await told(answering)

    code = present(re.search(r"3 (\d{4}) likhein", message))[1]
    assert "Internet ruka hua hai. Kholne ke liye 3" in message and f"2 {code}" in message and len(message) <= 160
    assert "Kuch nahin khula" in await reply(answering, f"1 {code}")
    with reading(engine) as conn:
        assert get_profile(conn, child).paused_until_s > NOW.timestamp()
    assert await reply(answering, f"3 {code}") == "Theek hai. Ayesha ka internet ab ruka hua nahin."
    with reading(engine) as conn:
        assert get_profile(conn, child).paused_until_s == 0 and history(conn, 7)[0].action == "resumed by message"
    assert answer_of(engine, child) == "yes" and control.asked == ["policy_changed"]


async def test_a_1_of_before_another_caregiver_s_pause_says_that_a_3_ends_it(answering: Phone, engine: Engine) -> None:
    mother(engine)
    child = add_child(engine)
    wish(engine, child)
    code = code_of(await told(answering))
    with writing(engine) as conn:
        pause(conn, child, None)

    said = await reply(answering, f"1 {code}")

    assert said == "Kuch nahin khula: Ayesha ka internet ruka hua hai. Kholne ke liye 3 aur yehi code likhein."
    assert "ab ruka hua nahin" in await reply(answering, f"3 {code}")


@pytest.mark.parametrize(("is_bedtime", "words"), [(False, "khul gaya. Yeh"), (True, "khulne par hi nazar aaye ga")])
async def test_a_page_that_is_opened_while_all_is_closed_is_said_to_be_seen_later(
    answering: Phone, engine: Engine, is_bedtime: bool, words: str
) -> None:
    mother(engine)
    child = add_child(engine)
    wish(engine, child, None, "page.example")
    code = code_of(await told(answering))
    if not is_bedtime:
        with writing(engine) as conn:
            set_schedule(conn, child, Schedule())

    assert words in await reply(answering, f"1 {code}")


async def test_a_3_ends_no_pause_that_was_made_by_no_one_and_opens_no_closed_hours(
    answering: Phone, engine: Engine
) -> None:
    mother(engine)
    child = add_child(engine)
    wish(engine, child)

    assert "Kuch nahin khula" in await reply(answering, f"3 {code_of(await told(answering))}")
    assert answer_of(engine, child) is None
