import pytest

from mgmt.text.links import dial, link, target_of


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("help@isp.example", "mailto:help@isp.example"),
        ("0800-39393", "tel:080039393"),
        ("+92 51 111 22 33", "tel:+92511112233"),
        ("1121", "tel:1121"),
        ("complaint.isp.example", "https://complaint.isp.example"),
        ("takeitdown.example/ur", "https://takeitdown.example/ur"),
        ("http://why.isp.example/?ref=ABCD2345", "http://why.isp.example/?ref=ABCD2345"),
        ("https://portal.example:8443/a", "https://portal.example:8443/a"),
        ("Example ISP", None),
        ("javascript:alert(1)", None),
        ("ftp://a.example/", None),
        ("a b@isp.example", None),
        ("12", None),
        ("", None),
    ],
)
def test_an_address_leads_where_it_says(written: str, target: str | None) -> None:
    assert target_of(written) == target


def test_a_link_is_written_as_it_was_from_left_to_right() -> None:
    assert link("a@isp.example") == '<a href="mailto:a@isp.example"><bdi dir="ltr">a@isp.example</bdi></a>'


def test_what_is_no_address_stays_text_and_is_escaped() -> None:
    assert link('"><script>') == '&#34;&gt;&lt;<bdi dir="ltr">script</bdi>&gt;'
    assert link('https://a.example/"x').startswith('<a href="https://a.example/&#34;x">')


def test_a_number_is_dialled_without_its_spaces() -> None:
    assert dial("0800-39 393") == "tel:080039393"
