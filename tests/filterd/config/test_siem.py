from filterd.config.siem import Siem


def test_nothing_is_sent_unless_a_collector_is_written() -> None:
    assert Siem().server is None
    assert (Siem().send, Siem().body, Siem().begin) == (("blocks", "ledger"), "ocsf", "now")
