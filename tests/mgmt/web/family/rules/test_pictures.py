from mgmt.web.family.rules.pictures import OF_CATEGORIES, OF_PICTURES, picture_of
from rules.base.category import CATEGORIES, SERVICES
from rules.lists.catalogue import services


def test_every_kind_of_site_and_every_service_has_a_picture_and_no_picture_is_of_nothing() -> None:
    assert all(picture_of(name) for name in (*CATEGORIES, *SERVICES))
    assert OF_CATEGORIES.keys() == CATEGORIES.keys()
    assert OF_PICTURES.keys() == {each.picture for each in services().values()}
