from parental.store import errors


def test_what_is_described_wrongly_is_a_value_error_and_a_missing_subscriber_a_lookup_error() -> None:
    assert all(issubclass(kind, ValueError) for kind in (errors.BadSubscriber, errors.BadSchedule, errors.BadProfile))
    assert issubclass(errors.NoSubscriber, LookupError)
    assert not issubclass(errors.NoSubscriber, ValueError)
