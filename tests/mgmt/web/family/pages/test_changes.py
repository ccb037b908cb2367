from sqlalchemy import Engine
from support.mgmt.desk import Clock
from support.mgmt.phone import Phone, add_caregiver, add_child

from mgmt.ledger.event import Actor
from mgmt.registers.households import note_choice
from parental.people.caregivers import remove_caregiver
from parental.people.children import change_child, children_of, remove_child
from parental.store.database import writing


async def test_every_caregiver_sees_what_was_done_by_whom_to_whom_and_when(phone: Phone, engine: Engine) -> None:
    child = add_child(engine)
    add_caregiver(engine)
    add_caregiver(engine, "helper", number="+923007654321", name="Zara")
    await phone.with_number()
    await phone.tap("pause", child)

    await phone.with_number("+923007654321")
    said = await phone.words("/changes")

    assert "Paused · Ayesha Sana · 9:00 pm" in said


async def test_one_who_was_removed_keeps_the_name_and_a_token_is_called_what_it_is(
    phone: Phone, engine: Engine, clock: Clock
) -> None:
    add_caregiver(engine)
    other = add_caregiver(engine, "parent", number="+923007654321", name="Zara")
    with writing(engine) as conn:
        note_choice(conn, 7, Actor("caregiver", str(other), "parent"), "resumed", {"line": 7}, clock())
        note_choice(conn, 7, Actor("token", "1", "parent"), "rules changed", {"line": 7}, clock())
        note_choice(conn, 7, Actor("token", "2", "engineer"), "pin removed", {}, clock())
        note_choice(conn, 7, Actor("person", "1", "support"), "something new", {"line": 99}, clock())
        remove_caregiver(conn, 7, other)
    clock.forward(days=1)
    await phone.with_number()

    said = await phone.words("/changes")

    assert "Resumed · Home 7 Zara · Monday, 3 August 2026 9:00 pm" in said
    assert "Rules changed · Home 7 family code" in said
    assert "PIN removed your internet provider" in said
    assert "something new your internet provider" in said


async def test_another_households_changes_are_not_seen_and_none_without_a_session(
    phone: Phone, engine: Engine, clock: Clock
) -> None:
    with writing(engine) as conn:
        note_choice(conn, 8, Actor("token", "1", "parent"), "paused", {"line": 8}, clock())
    assert "Your mobile number" in await phone.words("/changes")
    add_caregiver(engine)
    await phone.with_number()

    assert "Nothing was changed yet" in await phone.words("/changes")


async def test_older_changes_are_a_tap_away(phone: Phone, engine: Engine, clock: Clock) -> None:
    add_caregiver(engine)
    with writing(engine) as conn:
        for n in range(90):
            note_choice(conn, 7, Actor("token", "1", "parent"), f"change {n:02}", {}, clock())
    await phone.with_number()

    seen, query = [], "lang=en"
    while query:
        text = (await phone.get("/changes", query))[2]
        seen += [n for n in range(90) if f"change {n:02}" in text]
        _, _, rest = text.partition("&amp;before=")
        query = f"lang=en&before={rest.partition(chr(34))[0]}" if rest else ""
    assert sorted(seen) == list(range(90))


async def test_a_child_is_called_what_it_was_called_then_also_after_it_was_taken_out(
    parent: Phone, engine: Engine, clock: Clock
) -> None:
    add_child(engine, "Ali")
    with writing(engine) as conn:
        (child,) = children_of(conn, 7)
        for action, name in (("paused", "Zara"), ("resumed", "Noor")):
            note_choice(conn, 7, Actor("token", "1", "parent"), action, {"child": child.id}, clock())
            change_child(conn, 7, child.id, {"nickname": name})
        remove_child(conn, 7, child.id)

    said = await parent.words("/changes")

    assert "Paused · Ali family code" in said and "Resumed · Zara family code" in said
