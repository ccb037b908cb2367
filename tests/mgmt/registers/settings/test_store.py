import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import NOW
from support.mgmt.events import events_of

from mgmt.contract.errors import BadRequest
from mgmt.ledger.event import Actor
from mgmt.registers.settings.agreement import newest_changes
from mgmt.registers.settings.page_settings import Helpline, Settings, StopPage, Theme
from mgmt.registers.settings.shapes import DeskSettings, Languages
from mgmt.registers.settings.store import NotAlone, change, newest_number, said_by_desk
from mgmt.web.splash.canned import check_pages
from parental.store.database import reading, writing

AMNA = Actor("account", "amna")
OF_FILE = Settings()
THEME = Theme(accent="#0b5c7a")
LINES = (Helpline("15", "police", "پولیس"),)


def test_the_newest_value_of_each_name_counts(engine: Engine) -> None:
    with writing(engine) as conn:
        assert change(conn, OF_FILE, DeskSettings(theme=THEME, languages=Languages(first="en")), AMNA, NOW, check_pages)
        assert change(conn, OF_FILE, DeskSettings(languages=Languages(first="ur")), AMNA, NOW, check_pages) == [
            "languages"
        ]

    with reading(engine) as conn:
        assert said_by_desk(conn) == DeskSettings(theme=THEME, languages=Languages(first="ur"))
        assert newest_number(conn) == 3


def test_one_alone_changes_no_place_where_people_find_help_and_nothing_that_stands_with_it(engine: Engine) -> None:
    said = DeskSettings(
        helplines=LINES, stop_page=StopPage(report_to="help@isp.example"), languages=Languages(first="en")
    )

    with pytest.raises(NotAlone, match="two persons change this: helplines, stop_page"), writing(engine) as conn:
        change(conn, OF_FILE, said, AMNA, NOW, check_pages)

    with reading(engine) as conn:
        assert newest_number(conn) == 0 and events_of(conn, "settings") == []


def test_a_change_is_an_event_with_its_actor_and_what_pages_show_before_and_afterwards(engine: Engine) -> None:
    with writing(engine) as conn:
        change(conn, OF_FILE, DeskSettings(languages=Languages(first="en")), AMNA, NOW, check_pages)
        change(conn, OF_FILE, DeskSettings(languages=None), AMNA, NOW, check_pages)
        event, back = events_of(conn, "settings")
        row = newest_changes(conn)["languages"]

    assert (event["action"], event["about"]) == ("pages changed", {"setting": "languages"})
    assert event["actor"]["name"] == row.by_name == "amna"
    shown = {"before": '{"first":"ur"}', "after": '{"first":"en"}'}
    assert event["said"] == {"sha256": hashlib.sha256(b'{"first":"en"}').hexdigest(), **shown}
    assert back["said"] == {"sha256": None, "before": shown["after"], "after": shown["before"]}
    assert row.event == back["number"]


def test_the_same_said_again_is_no_change(engine: Engine) -> None:
    said = DeskSettings(languages=Languages(first="en"), helplines=None, theme=None)
    with writing(engine) as conn:
        assert change(conn, OF_FILE, said, AMNA, NOW, check_pages) == ["languages"]
        assert change(conn, OF_FILE, said, AMNA, NOW + timedelta(days=1), check_pages) == []
        assert len(events_of(conn, "settings")) == 1


def test_null_is_the_configuration_s_value_again(engine: Engine) -> None:
    with writing(engine) as conn:
        change(conn, OF_FILE, DeskSettings(theme=THEME), AMNA, NOW, check_pages)
        assert change(conn, OF_FILE, DeskSettings(theme=None), AMNA, NOW, check_pages) == ["theme"]

    with reading(engine) as conn:
        assert said_by_desk(conn) == DeskSettings()
        assert newest_changes(conn)["theme"].value is None


def test_what_would_make_a_page_too_long_for_the_gate_is_refused_and_not_stored(engine: Engine) -> None:
    long = "ہ" * 500
    said = DeskSettings(stop_page=StopPage(owner_ur=long, law_ur=long, report_way_ur=long, law=long, owner=long))

    with pytest.raises(BadRequest, match="more than 14000 octets"), writing(engine) as conn:
        change(conn, OF_FILE, said, AMNA, NOW, check_pages)

    with reading(engine) as conn:
        assert newest_number(conn) == 0 and events_of(conn, "settings") == []
