import pytest
from sqlalchemy import Engine, update
from support.mgmt.desk import NOW, PlayedControl
from support.mgmt.phone import Phone, add_caregiver, add_child

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.family.filter_state import look
from parental.calendar import plans, screen_time, weeks
from parental.calendar.card import Card, Kind
from parental.people.children import children_of
from parental.people.household import history
from parental.people.reports import Encounter, count, keep_for
from parental.policy import subscribers as store
from parental.policy.profile import Profile
from parental.policy.profiles import pause, put_profile
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import writing
from parental.store.schema.people import children

RULES = Profile(frozenset({"gambling", "tiktok", "quic"}), denied=frozenset({"own.example"}), safe_search="strict")


@pytest.fixture
def profile(engine: Engine) -> int:
    """A child's rules, which hold for the address that the tests come from."""
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(9, "Flat 4", (parse_prefix("127.0.0.1"),)))
    number = add_child(engine, account=9, prefix="127.0.0.1")
    with writing(engine) as conn:
        put_profile(conn, number, RULES)
        plans.put_card(conn, number, Card(Kind.SLEEP, 21 * 60 + 30, 9 * 60))
        weeks.renew(conn, [number], NOW)
    return number


async def test_a_child_reads_what_is_closed_when_and_who_decided_without_signing_in(phone: Phone, profile: int) -> None:
    status, headers, text = await phone.get("/mine")
    said = await phone.words("/mine")

    assert status == 200 and "Set-Cookie" not in headers
    assert "Your family decided this. You have not done anything wrong." in said
    for words in ("gambling", "TikTok", "some sites that your family chose", "searches or videos are filtered"):
        assert words in said
    assert "Sleep 9:30 pm to 6:30 am" in said and "QUIC" not in said
    assert "On the page that is closed, tap Ask." in said
    assert "They cannot see your messages" in said and 'href="tel:1121"' in text
    assert "یہ آپ کے گھر والوں کا فیصلہ ہے" in await phone.words("/mine", "lang=ur")


async def test_what_no_list_holds_is_not_called_closed(phone: Phone, profile: int, settings: Settings) -> None:
    settings.closable = frozenset({"adult", "tiktok"})

    said = await phone.words("/mine")

    assert "TikTok" in said and "gambling" not in said


async def test_what_no_list_in_force_holds_is_not_called_closed(
    phone: Phone, profile: int, control: PlayedControl
) -> None:
    control.kinds = ["adult", "tiktok"]
    await look(phone.app)

    said = await phone.words("/mine")

    assert "TikTok" in said and "gambling" not in said


async def test_a_pause_is_seen_at_once_and_no_name_of_a_person_line_or_site_is(
    phone: Phone, profile: int, engine: Engine
) -> None:
    add_caregiver(engine, account=9)
    with writing(engine) as conn:
        pause(conn, profile, None)

    said = await phone.words("/mine")

    assert "Paused" in said
    for name in ("Ayesha", "Sana", "Flat 4", "own.example", "127.0.0.1"):
        assert name not in said


async def test_a_child_reads_how_much_of_todays_screen_time_is_left(phone: Phone, profile: int, engine: Engine) -> None:
    with writing(engine) as conn:
        screen_time.put_quota(conn, profile, 20, NOW)
    assert "Screen time has not started: 20 minutes left" in await phone.words("/mine")

    with writing(engine) as conn:
        screen_time.start(conn, profile, NOW)
    assert "Screen time: 20 minutes left" in await phone.words("/mine")


async def test_reading_it_leaves_nothing_behind_and_gives_no_power(phone: Phone, profile: int, engine: Engine) -> None:
    await phone.get("/mine")

    with writing(engine) as conn:
        assert history(conn, 9) == [] and len(children_of(conn, 9)) == 1
    assert "csrf" not in (await phone.get("/mine"))[2]
    assert (await phone.send("resume", profile=str(profile)))[0] == 403


@pytest.mark.parametrize(("days", "born", "is_said"), [(30, 2015, True), (0, 2015, False), (30, NOW.year - 16, False)])
async def test_a_child_reads_that_parents_see_counts_where_they_do(
    phone: Phone, profile: int, engine: Engine, days: int, born: int, is_said: bool
) -> None:
    with writing(engine) as conn:
        keep_for(conn, 9, days, NOW.date())
        conn.execute(update(children).where(children.c.profile == profile).values(birth_year=born))

    said = await phone.words("/mine")

    assert ("They also see counts" in said) == is_said and "and what you ask for" in said


async def test_a_child_sees_the_report_that_its_parents_see(phone: Phone, profile: int, engine: Engine) -> None:
    with writing(engine) as conn:
        count(conn, [Encounter(profile, int(NOW.timestamp()), kind) for kind in ("games", "games", "bypass")])
    mine = await phone.words("/mine")
    add_caregiver(engine, account=9)
    await phone.with_number()

    report = await phone.words(f"/reports/{profile}")

    same = report[report.index("The last 7 days") : report.index("There are no addresses here")]
    assert "Closed 3 times" in same and "games 2" in same and same in mine
    assert len((await phone.get("/mine", "lang=ur"))[2].encode()) <= 20_000


async def test_at_a_school_it_says_that_the_school_decided(phone: Phone, profile: int, engine: Engine) -> None:
    add_caregiver(engine, "school", account=9)

    assert "Your school decided this." in await phone.words("/mine")


async def test_a_device_of_no_line_reads_that_nothing_is_known_of_it_and_where_help_is(phone: Phone) -> None:
    said = await phone.words("/mine")

    assert "This page knows no family's rules for this phone" in said and "1121" in said


async def test_the_page_to_sign_in_leads_a_child_to_it(phone: Phone) -> None:
    assert 'href="/family/mine?lang=en"' in (await phone.get())[2]


@pytest.fixture
def by_session(engine: Engine) -> int:
    """A line's rules; the line holds no address, as a NAS gives it one for a session."""
    with writing(engine) as conn:
        store.put_subscriber(conn, Subscriber(11, "Flat 6", (), RULES))
    return 11


async def test_a_phone_whose_address_a_nas_has_given_reads_the_rules_of_its_line(
    phone: Phone, by_session: int, control: PlayedControl
) -> None:
    control.decisions[None] = {"reason": "default", "subscriber": by_session}

    said = await phone.words("/mine")

    assert "TikTok" in said and "Flat 6" not in said
    assert control.asked[-1] == (None, "127.0.0.1", "dns")


async def test_control_is_not_asked_of_an_address_that_a_line_holds(
    phone: Phone, profile: int, control: PlayedControl
) -> None:
    control.fails = "control is away"

    assert "TikTok" in await phone.words("/mine") and control.asked == []


async def test_a_session_of_no_profile_that_there_is_reads_that_nothing_is_known(
    phone: Phone, by_session: int, control: PlayedControl
) -> None:
    for subscriber in (4_000_000_000, None, str(by_session)):
        control.decisions[None] = {"subscriber": subscriber}
        assert "This page knows no family's rules for this phone" in await phone.words("/mine")


async def test_where_control_fails_or_does_not_answer_the_page_comes_all_the_same(
    phone: Phone, control: PlayedControl
) -> None:
    control.fails = "control is away"
    assert "1121" in await phone.words("/mine")

    control.hangs = True
    assert "This page knows no family's rules for this phone" in await phone.words("/mine")
