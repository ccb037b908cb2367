from dataclasses import replace

from mgmt.registers.settings.page_settings import HELPLINES, Helpline, Settings
from mgmt.registers.settings.precedence import desk_over_file, values_of
from mgmt.registers.settings.shapes import NAMES, DeskSettings, Isp, Languages

OF_FILE = Settings(isp_name="File ISP", isp_contact="file@isp.example", first_language="ur")


def test_the_desk_s_word_stands_above_the_configuration_s_and_what_it_does_not_say_stays() -> None:
    own = (Helpline("15", "police", "پولیس"),)
    said = DeskSettings(helplines=own, languages=Languages(first="en"), isp=Isp(name="Desk ISP"), report_url=None)

    found = desk_over_file(OF_FILE, said)

    assert found == replace(OF_FILE, helplines=own, first_language="en", isp_name="Desk ISP", isp_contact=None)
    assert OF_FILE.helplines == HELPLINES


def test_where_the_desk_says_nothing_the_configuration_counts() -> None:
    assert desk_over_file(OF_FILE, DeskSettings()) == OF_FILE
    assert desk_over_file(OF_FILE, DeskSettings(helplines=None, isp=None, theme=None)) == OF_FILE


def test_every_name_that_the_desk_can_say_has_a_value() -> None:
    values = values_of(OF_FILE)

    assert set(values) == set(NAMES)
    assert desk_over_file(OF_FILE, DeskSettings(**values)) == OF_FILE
