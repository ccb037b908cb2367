"""Whoever plays with what the gateway remembers, or forgets, gets no listed name either (docs/reference/evasions.md).

Each row is played without a gate first: there its listed name is served.
"""

from collections.abc import Iterator
from functools import partial

import pytest
from support.escapes.early_data import ask_early
from support.escapes.innocents import N_CONNECTIONS
from support.escapes.passage import WAYS, Passage, Played, passage
from support.escapes.pressure import N_CROWD
from support.escapes.settings import await_forgotten, delegated, forgetful, multipath, stateless, untracked
from support.evasion.campaign import ALLOWED, EARLY, EARLY_RETRY, FORBIDDEN, SERVED_EARLY, SIBLING, Field, cases_of
from support.evasion.rows import BY_NAME
from support.evasion.segments import Row
from support.gate.any_port import ask_tcp, start_servers
from support.gate.program import PYTHON, ROOT

pytestmark = pytest.mark.kernel

UNDER_EVERY_POLICY = (
    "E40 after a HelloRetryRequest",
    "E40 after a HelloRetryRequest, behind early data",
    "E40 after a HelloRetryRequest, both hellos long",
    "E13 decoys push the judged octets out of the window",
    "E59 Host behind a bare CR",
    "E60 a control octet in the target",
    "E60 a control octet in the target, second",
    "E63 behind the body of GET",
)

# What counts it where the policy is open and nothing tells a worker what another has read
# (docs/internals/gate-rules.md).
UNDECIDED = {"half a head": "gate_malformed", "half a hello": "gate_not_tls", "between two hellos": "gate_forgotten"}


@pytest.fixture(scope="module", params=WAYS)
def way(
    request: pytest.FixtureRequest, evasion_field: Field, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Passage]:
    with passage(evasion_field, request.param, tmp_path_factory.mktemp("way")) as made:
        yield made


def assert_stopped(way: Passage, played: list[Played]) -> None:
    """A listed name is served where there is no gate, and nowhere else."""
    assert [one for one in played if one.is_escape != way.is_bare] == []


def assert_answered(played: list[Played]) -> None:
    assert [one for one in played if one.outcome != "answered" or ALLOWED not in one.names] == []


# -- ports that are used again -----------------------------------------------------------------------------------------


def test_a_port_whose_connection_the_server_has_reset_is_judged_again(way: Passage) -> None:
    assert_stopped(way, way.play("reopened"))


def test_a_port_whose_connection_the_client_has_reset_is_judged_again(way: Passage) -> None:
    assert_stopped(way, way.play("stray"))


def test_a_port_that_was_answered_over_http_is_judged_again(way: Passage) -> None:
    assert_stopped(way, way.play("stray over HTTP"))


# -- what a client writes in its server's name -------------------------------------------------------------------------


def test_a_syn_ack_that_the_client_has_written_moves_no_stream(way: Passage) -> None:
    assert_stopped(way, way.play("synack"))


def test_words_that_the_client_has_written_for_its_server_free_no_connection(way: Passage) -> None:
    assert_stopped(way, way.play("spoken"))


def test_an_acknowledgement_that_the_client_has_written_frees_no_connection(way: Passage) -> None:
    assert_stopped(way, way.play("acknowledged"))


def test_a_syn_ack_and_words_that_the_client_has_written_free_no_connection(way: Passage) -> None:
    assert_stopped(way, way.play("spoofed"))


def test_a_hello_over_quic_is_judged_where_its_server_seems_to_have_spoken_first(way: Passage) -> None:
    assert_stopped(way, way.play("begun"))


def test_a_request_is_judged_where_a_probe_of_its_server_has_begun_the_entry_again(way: Passage) -> None:
    assert_stopped(way, way.play("reversed"))


# -- memory that runs out ----------------------------------------------------------------------------------------------


def test_a_request_of_which_half_was_evicted_is_not_served(way: Passage) -> None:
    assert_stopped(way, way.play("half a head, pressure"))


def test_a_request_whose_second_piece_comes_first_behind_an_eviction_is_not_served(way: Passage) -> None:
    assert_stopped(way, way.play("pressure, second piece first"))


def test_a_second_hello_is_judged_where_the_first_was_evicted(way: Passage) -> None:
    assert_stopped(way, way.play("pressure between two hellos"))


def test_a_second_hello_whose_second_piece_comes_first_behind_an_eviction_is_not_served(way: Passage) -> None:
    assert_stopped(way, way.play("pressure between two hellos, second piece first"))


def test_a_hello_over_quic_of_which_half_was_evicted_is_not_served(way: Passage) -> None:
    assert_stopped(way, way.play("half a hello over QUIC, pressure"))


def test_a_request_behind_a_chunk_that_no_window_holds_is_judged(way: Passage) -> None:
    assert_stopped(way, way.play("behind a long chunk"))


def test_a_host_behind_more_lines_than_a_window_holds_is_not_served(way: Passage) -> None:
    assert_stopped(way, way.play("behind long fillers"))


# -- what the gateway does not know any more ---------------------------------------------------------------------------


def test_a_request_whose_other_half_comes_when_the_kernel_has_forgotten_it_is_judged(way: Passage) -> None:
    with forgetful(way.lab):
        assert_stopped(way, way.play("half a head", lambda: await_forgotten(way.lab)))


def test_a_hello_whose_other_half_comes_when_the_kernel_has_forgotten_it_is_judged(way: Passage) -> None:
    with forgetful(way.lab):
        assert_stopped(way, way.play("half a hello", lambda: await_forgotten(way.lab)))


def test_a_second_hello_is_judged_when_the_kernel_has_forgotten_the_first(way: Passage) -> None:
    with forgetful(way.lab):
        assert_stopped(way, way.play("between two hellos", lambda: await_forgotten(way.lab)))


def test_a_request_whose_other_half_comes_to_another_gate_is_not_served(way: Passage) -> None:
    assert_stopped(way, way.play("half a head", way.restart))


def test_a_hello_whose_other_half_comes_to_another_gate_is_not_served(way: Passage) -> None:
    assert_stopped(way, way.play("half a hello", way.restart))


def test_a_second_hello_is_judged_by_another_gate(way: Passage) -> None:
    assert_stopped(way, way.play("between two hellos", way.restart))


@pytest.mark.parametrize("row", ["half a head", "half a hello", "between two hellos"])
def test_what_one_worker_has_begun_to_judge_and_another_goes_on_with_is_not_served_or_counted(
    way: Passage, row: str
) -> None:
    try:
        played = way.play(row, way.move, families=(False,))
        if way.way == "asymmetric open":
            assert way.second is not None and way.second.counted(UNDECIDED[row]) == 1
        else:
            assert_stopped(way, played)
    finally:
        way.stop()
        way.start()


@pytest.mark.parametrize("row", ["half a head", "half a hello", "between two hellos"])
def test_what_is_listed_by_the_time_it_is_whole_is_not_served(way: Passage, row: str) -> None:
    way.stop()
    way.start(is_late=True)
    try:
        assert_stopped(way, way.play(row, way.publish, families=(False,)))
    finally:
        way.stop()
        way.start()


# -- what the gateway does not see -------------------------------------------------------------------------------------


def test_a_hello_over_two_subflows_is_not_served(way: Passage) -> None:
    with multipath(way.lab):
        assert_stopped(way, way.play("two subflows"))


def test_the_second_of_two_options_of_multipath_tcp_spreads_no_hello(way: Passage) -> None:
    assert_stopped(way, way.play("multipath option twice"))


def test_an_option_of_multipath_tcp_behind_the_handshake_spreads_no_hello(way: Passage) -> None:
    with stateless(way.lab):
        assert_stopped(way, way.play("multipath option in the third packet", families=(False,)))


def test_a_hello_is_judged_where_a_server_that_keeps_nothing_of_a_syn_begins_at_the_first_of_two(way: Passage) -> None:
    with stateless(way.lab):
        assert_stopped(way, way.play("two SYNs"))


def test_a_hello_over_quic_in_one_piece_with_another_datagram_is_judged(way: Passage) -> None:
    assert_stopped(way, way.play("one piece"))


def test_a_hello_over_quic_whose_halves_come_from_two_ports_is_judged(way: Passage) -> None:
    assert_stopped(way, way.play("two ports"))


def test_a_hello_is_judged_where_an_operator_has_left_it_untracked(way: Passage) -> None:
    with untracked(way.lab):
        assert_stopped(way, way.play("listed"))


# -- rows of the grammar under every policy ----------------------------------------------------------------------------


@pytest.mark.parametrize("row", [pytest.param(BY_NAME[name], id=name) for name in UNDER_EVERY_POLICY])
def test_a_row_of_the_evasions_stops_under_every_policy(way: Passage, row: Row) -> None:
    if row.is_lost_unseen and way.way == "asymmetric open":
        pytest.skip("nothing proves what the server has received")
    played = way.field.play(cases_of([row]))
    escaped = [case for case, seen in played.items() if seen.names & FORBIDDEN]
    served = {case.name for case, seen in played.items() if case.name in seen.names}
    assert escaped if way.is_bare else escaped == []
    assert not row.passes or {SIBLING, ALLOWED} <= served


# -- innocents ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ["reopened", "stray", "stray over HTTP"])
def test_a_port_that_is_used_again_for_another_name_is_served(way: Passage, row: str) -> None:
    assert_answered(way.play(row, name=ALLOWED))


def test_a_client_of_multipath_tcp_is_served(way: Passage) -> None:
    with multipath(way.lab):
        assert_answered(way.play("two subflows", name=ALLOWED))


def test_a_client_that_repeats_its_syn_to_a_server_that_keeps_nothing_of_it_is_served(way: Passage) -> None:
    with stateless(way.lab):
        assert_answered(way.play("the same SYN twice", name=ALLOWED))


@pytest.mark.parametrize("row", ["the same number again", "a number above", "a number below"])
def test_a_device_that_is_started_again_and_counts_from_about_the_same_number_is_served(way: Passage, row: str) -> None:
    if way.way.startswith("asymmetric") and row != "the same number again":
        pytest.skip(
            "what stands where an earlier stream did may be the rest of that one: docs/internals/gate-rules.md, limits"
        )
    played = way.play(row, name=ALLOWED)
    for _ in range(2):  # the server's reset of the connection before may come behind its answer to this one
        if all(one.outcome == "answered" for one in played):
            break
        assert [one for one in played if ALLOWED not in one.names] == [], "its server has not got the request"
        played = way.play(row, name=ALLOWED)
    assert_answered(played)


def test_datagrams_over_quic_in_one_piece_are_served(way: Passage) -> None:
    assert_answered(way.play("one piece", name=ALLOWED))


@pytest.mark.parametrize("server", ["of both versions", "of version 1 alone"])
@pytest.mark.parametrize("family", ["4", "6"])
def test_a_quic_client_that_begins_in_version_2_is_served_in_version_1(way: Passage, family: str, server: str) -> None:
    of_both = getattr(way.lab.addresses, f"foreign{family}")
    address = of_both if server == "of both versions" else EARLY[family == "6"]
    client = [*PYTHON, str(ROOT / "tests/support/evasion/quic_client.py")]

    assert way.lab.run("child", [*client, ALLOWED, address, "20", "2"]).stdout.strip() == "connected"


def test_a_client_whose_own_port_is_a_judged_one_is_served_at_another(way: Passage) -> None:
    at = way.lab.addresses
    servers = start_servers(way.lab)
    try:
        assert [ask_tcp(way.lab, "child", address, 443) for address in (at.foreign4, at.foreign6)] == ["here"] * 2
    finally:
        way.lab.stop(servers)


def test_another_name_is_served_where_an_operator_has_left_it_untracked(way: Passage) -> None:
    with untracked(way.lab):
        assert_answered(way.play("listed", name=ALLOWED))


def test_five_connections_over_quic_between_one_port_and_one_server_are_served(way: Passage) -> None:
    assert [one for one in way.play("five") if len(one.names) != N_CONNECTIONS] == []


def test_a_keep_alive_of_one_octet_before_the_first_answer_is_no_contradiction(way: Passage) -> None:
    assert_answered(way.play("keep-alive before the answer"))


def test_a_keep_alive_of_one_octet_within_a_hello_is_no_contradiction(way: Passage) -> None:
    assert_answered(way.play("keep-alive within a hello"))


def test_a_keep_alive_of_one_octet_behind_an_answered_hello_is_no_contradiction(way: Passage) -> None:
    assert_answered(way.play("keep-alive behind a hello"))


@pytest.mark.parametrize("address", EARLY)
def test_early_data_that_a_server_takes_passes(way: Passage, address: str) -> None:
    said = ask_early(way.lab, address)
    assert "Early data was accepted" in said
    assert said.count(SERVED_EARLY) == 2


@pytest.mark.parametrize("address", EARLY_RETRY)
def test_early_data_that_a_server_answers_with_a_hello_retry_request_passes(way: Passage, address: str) -> None:
    said = ask_early(way.lab, address)
    assert "Early data was rejected" in said
    assert said.count(SERVED_EARLY) == 1


def test_a_subscriber_with_many_half_hellos_blocks_none_of_another(way: Passage) -> None:
    with delegated(way.lab):
        crowd = partial(way.play, "crowd", n_ports=N_CROWD, families=(True,))
        assert way.patient(crowd) == "answered"
