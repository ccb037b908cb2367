from datetime import date, timedelta

import pytest

from mgmt.contract.errors import BadRequest
from mgmt.registers.settings.checks import DARK, LIGHT, check, is_dialled
from mgmt.registers.settings.page_settings import Complaint, Helpline, StopPage, Theme
from mgmt.registers.settings.shapes import DeskSettings, Isp
from mgmt.web.kit.environment import SHARED

TODAY = date(2026, 8, 3)
LATER = TODAY + timedelta(days=2)
LINE = Helpline("1121", "child helpline", "بچوں کی ہیلپ لائن")


@pytest.mark.parametrize(
    ("said", "where"),
    [
        (DeskSettings(helplines=(LINE, LINE)), "/helplines"),
        (DeskSettings(helplines=(Helpline("15", "a", "b", verified_on=LATER),)), "/helplines/0/verified_on"),
        (DeskSettings(complaints=(Complaint("nowhere"),)), "/complaints/0/to"),
        (DeskSettings(complaints=(Complaint("000 000"),)), "/complaints/0/to"),
        (DeskSettings(helplines=(LINE, Helpline("00", "a", "b"))), "/helplines/1/number"),
        (DeskSettings(complaints=(Complaint("a@b.example", LATER),)), "/complaints/0/verified_on"),
        (DeskSettings(report_url="nowhere"), "/report_url"),
        (DeskSettings(stop_page=StopPage(contact="nowhere")), "/stop_page/contact"),
        (DeskSettings(stop_page=StopPage(verified_on=LATER)), "/stop_page/verified_on"),
        (DeskSettings(isp=Isp(name="ISP", url="ftp://isp.example")), "/isp/url"),
        (DeskSettings(isp=Isp(name="ISP", url="http://[")), "/isp/url"),
        (DeskSettings(theme=Theme(accent="#eeeeee")), "/theme/accent"),
        (DeskSettings(theme=Theme(accent_dark="#222222")), "/theme/accent_dark"),
    ],
)
def test_what_no_page_can_show_is_refused_with_its_place(said: DeskSettings, where: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check(said, TODAY)

    assert refused.value.where == where
    assert refused.value.detail.startswith(where + ": ")


def test_what_a_page_can_show_passes() -> None:
    check(
        DeskSettings(
            isp=Isp(name="ISP", url="https://isp.example"),
            helplines=(LINE, Helpline("0800-12345", "a", "b", verified_on=TODAY + timedelta(days=1))),
            report_url=None,
            complaints=(Complaint("a@b.example"), Complaint("051-1111111")),
            stop_page=StopPage(),
            theme=Theme(accent="#0a4f86", accent_dark="#8cc8f5"),
        ),
        TODAY,
    )
    check(DeskSettings(), TODAY)


def test_colours_are_compared_with_those_of_the_style_sheet() -> None:
    style = (SHARED / "style.css").read_text()

    assert all(colour in style or colour == "#ffffff" for colour in (*LIGHT, *DARK))


@pytest.mark.parametrize(
    "number",
    [
        "15",
        "1099",
        "1121",
        "1799",
        "0800-39393",
        "051-1234567",
        "0300-1234567",
        "111-222-333",
        "021-111-222-333",
        "+92-51-1234567",
    ],
)
def test_what_a_telephone_reaches_passes(number: str) -> None:
    assert is_dialled(number)


@pytest.mark.parametrize(
    "number", ["00", "0", "1", "000", "0092-51-1234567", "0800-1", "123456", "+1121", "+0921234567"]
)
def test_what_no_telephone_reaches_is_no_number(number: str) -> None:
    assert not is_dialled(number)
