import pytest

from parental.people.household_names import ALLOWED, DENIED, household_names
from parental.policy.profile import Profile
from parental.store.errors import BadProfile


def test_names_are_kept_as_they_are_compared() -> None:
    said = ["WWW.Example.com.", "münchen.example", "example.com:443"]

    assert household_names(DENIED, said) == {"www.example.com", "xn--mnchen-3ya.example", "example.com"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("not a name", "not accepted; write one as example.com"),
        ("192.0.2.1", "is an address"),
        ("com.pk", "all of com.pk would be meant"),
        ("localhost", "all of localhost would be meant"),
        (".".join(["a"] * 15 + ["example", "com"]), "has too many parts; not accepted; at most 16"),
    ],
)
def test_what_is_no_name_of_one_site_is_refused(name: str, why: str) -> None:
    with pytest.raises(BadProfile, match=why):
        household_names(DENIED, [name])
    with pytest.raises(BadProfile, match=why):
        household_names(ALLOWED, [name])


def test_a_name_is_not_allowed_and_denied_at_once_and_there_are_not_too_many() -> None:
    with pytest.raises(BadProfile, match="is allowed, too; not accepted"):
        Profile(allowed=frozenset({"a.example"}), denied=frozenset({"a.example"}))
    with pytest.raises(BadProfile, match="allowed and denied: 201 names; not accepted; write at most 200"):
        Profile(denied=frozenset(f"n{i}.example" for i in range(201)))
