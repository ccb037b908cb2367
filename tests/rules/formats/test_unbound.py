import pytest
from support.dns.local_data import local_data
from support.lists.outcomes import actions, complaints, items, rules

from fastpath.images.verdict import Action, Mode
from rules.base.errors import BadList
from rules.base.local_data import APART, CNAME_WITH_OTHERS
from rules.formats import unbound
from rules.formats.unbound import EVERY_NAME, NO_RECORD, OTHER_OPTION, OTHER_TYPE, iter_rules


@pytest.mark.parametrize(
    ("zone_type", "action"),
    [
        ("always_nxdomain", Action.NXDOMAIN),
        ("static", Action.NXDOMAIN),
        ("refuse", Action.REFUSED),
        ("always_refuse", Action.REFUSED),
        ("always_nodata", Action.NODATA),
        ("deny", Action.DROP),
        ("always_deny", Action.DROP),
        ("inform_deny", Action.DROP),
        ("always_null", Action.NO_ACTION),
        ("transparent", Action.PASSTHRU),
        ("always_transparent", Action.PASSTHRU),
        ("typetransparent", Action.PASSTHRU),
        ("inform", Action.PASSTHRU),
        ("redirect", Action.NODATA),
    ],
)
def test_a_zone_means_itself_and_all_below_and_its_type_says_the_action(zone_type: str, action: Action) -> None:
    found = items(iter_rules, f'server:\n\tlocal-zone: "bad.example." {zone_type}\n', Mode.EXACT)

    assert actions(found) == [("bad.example", Mode.SUBTREE, action)]
    assert found[0].line == 2


@pytest.mark.parametrize(
    "line",
    [
        'local-zone: "bad.example" static',
        "local-zone: bad.example. static",
        "local-zone:\t'Bad.Example' static # why",
        'server: local-zone: "bad.example" "static"',
        'local-zone:"bad.example"  static\r',
    ],
)
def test_a_zone_is_read_in_every_spelling(line: str) -> None:
    assert actions(items(iter_rules, line)) == [("bad.example", Mode.SUBTREE, Action.NXDOMAIN)]


def test_data_of_a_redirect_zone_are_those_of_all_of_it() -> None:
    text = (
        'local-zone: "a.example" redirect\nlocal-data: "a.example 300 IN A 192.0.2.1"\n'
        'local-data: "a.example. AAAA ::2"\nlocal-zone: "b.example" redirect\n'
        "local-data: 'b.example TXT \"see here\"'\n"
    )

    found = items(iter_rules, text)

    assert local_data(found) == [
        ("a.example", Mode.SUBTREE, [(1, bytes([192, 0, 2, 1])), (28, bytes(15) + b"\2")]),
        ("b.example", Mode.SUBTREE, [(16, b"\x08see here")]),
    ]
    assert len(found) == 2


def test_data_may_come_behind_all_zones() -> None:
    zones = [f'local-zone: "{name}.example" redirect\n' for name in "abc"]
    text = "".join(zones) + "".join(f'local-data: "{name}.example A 192.0.2.1"\n' for name in "ca")

    found = items(iter_rules, text)

    assert [(name, action) for name, _, action in actions(found)] == [
        ("c.example", Action.LOCAL_DATA),
        ("a.example", Action.LOCAL_DATA),
        ("b.example", Action.NODATA),
    ]
    assert {mode for _, mode, _ in actions(found)} == {Mode.SUBTREE}


@pytest.mark.parametrize("address", ["A 0.0.0.0", "AAAA ::", "A 127.0.0.1"])
def test_data_that_lead_nowhere_are_a_block(address: str) -> None:
    text = f'local-zone: "a.example" redirect\nlocal-data: "a.example {address}"\nlocal-data: "b.example {address}"\n'

    assert actions(items(iter_rules, text)) == [
        ("a.example", Mode.SUBTREE, Action.NO_ACTION),
        ("b.example", Mode.EXACT, Action.NO_ACTION),
    ]


def test_data_of_another_zone_speak_of_their_name_alone() -> None:
    found = items(iter_rules, 'local-zone: "a.example" static\nlocal-data: "www.a.example A 192.0.2.1"\n')

    assert actions(found) == [
        ("a.example", Mode.SUBTREE, Action.NXDOMAIN),
        ("www.a.example", Mode.EXACT, Action.LOCAL_DATA),
    ]


def test_data_of_one_name_that_stand_apart_are_reported() -> None:
    text = (
        'local-zone: "a.example" redirect\nlocal-data: "a.example A 192.0.2.1"\nlocal-zone: "b.example" redirect\n'
        'local-data: "b.example A 192.0.2.1"\nlocal-data: "a.example A 192.0.2.2"\n'
    )

    assert complaints(items(iter_rules, text)) == [(5, 13, APART)]


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("  do-ip6: no", 3, OTHER_OPTION),
        ('local-data-ptr: "192.0.2.1 a.example"', 1, OTHER_OPTION),
        ("forward-zone:", 1, OTHER_OPTION),
        ("a.example", 1, OTHER_OPTION),
        ('local-zone: "a.example" block_a', 13, OTHER_TYPE),
        ('local-zone: "a.example"', 13, OTHER_TYPE),
        ('local-zone: "." static', 13, EVERY_NAME),
        ('local-data: "a.example A"', 13, NO_RECORD),
        ('local-data: "a.example TXT "b""', 13, NO_RECORD),
        ("local-data: ''", 13, NO_RECORD),
        ('local-zone: "a..example" static', 13, "has an empty label"),
        ('local-data: "a.example A 192.0.2"', 13, "the record's data cannot be read"),
    ],
)
def test_what_is_no_zone_of_ours_is_reported_where_it_stands(line: str, column: int, reason: str) -> None:
    found = items(iter_rules, f"local-zone: ok.example static\n{line}\n")

    assert rules(found) == [("ok.example", Mode.SUBTREE)]
    assert complaints(found) == [(2, column, reason)]


def test_a_cname_beside_other_data_is_reported() -> None:
    text = (
        'local-zone: a.example redirect\nlocal-data: "a.example CNAME b.example."\n'
        'local-data: "a.example A 192.0.2.1"\n'
    )

    assert complaints(items(iter_rules, text)) == [(3, 13, CNAME_WITH_OTHERS)]


def test_redirect_zones_without_data_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unbound, "MAX_WAITING", 2)

    with pytest.raises(BadList, match=r"line 3: more than 2 redirect zones without data; not read; "):
        items(iter_rules, "".join(f"local-zone: n{i}.example redirect\n" for i in range(3)))
