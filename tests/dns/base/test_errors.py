from dns.base.errors import UpstreamFailure, UpstreamIsOurselves


def test_a_failed_upstream_is_no_fault_of_the_program() -> None:
    assert not issubclass(UpstreamFailure, OSError | ValueError)
    assert str(UpstreamFailure("upstream 192.0.2.1:53: gone")) == "upstream 192.0.2.1:53: gone"


def test_an_upstream_that_is_ourselves_is_a_wrong_value() -> None:
    assert issubclass(UpstreamIsOurselves, ValueError)
