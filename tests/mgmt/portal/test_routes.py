from support.mgmt.phone import Phone

from mgmt.portal.taps import TAPS


async def test_no_tap_is_a_link_that_a_page_or_a_preview_could_open(phone: Phone) -> None:
    for did in (*TAPS, "everyone", "undo", "logout", "switch", "number", "login"):
        assert (await phone.get(f"/{did}"))[0] == 405, did
