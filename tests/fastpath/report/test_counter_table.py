"""The table of counters: the order that files depend on, and texts that an operator can use."""

import re

import pytest

from fastpath.report.counter import Counter
from fastpath.report.counter_table import COUNTERS, HELP, NAMES

# The words of a counters file, which outlives an upgrade: append new ones here, never change the order.
WORDS = """
    dns_queries dns_blocked dns_forwarded dns_answered dns_malformed dns_not_a_query dns_upstream_late
    dns_upstream_lost dns_send_failed dns_tcp_queries gate_packets gate_hellos gate_requests gate_blocked
    gate_released gate_not_tls gate_no_name gate_malformed gate_too_big gate_overlap gate_flows_evicted
    gate_rst_sent gate_pages_sent gate_queue_overrun gate_verdict_failed no_tables events events_lost
    dns_coalesced dns_retried dns_probes dns_cache_hits dns_cache_misses dns_stale dns_prefetched dns_inspected
    dns_given_up dns_tls_queries dns_https_queries dns_streams_refused dns_handshakes_failed dns_proxy_refused
    dns_tokens_unknown dns_https_refused dns_not_ours dns_over_limit dns_slipped dns_special dns_unreadable
    dns_forgotten dns_tcp_fallbacks dns_tcp_failed gate_ignored gate_over_budget gate_h2c gate_initials
    gate_unreadable gate_beyond_share gate_forgotten gate_unknown_quic gate_address_blocked gate_quic_refused
    gate_bypass_seen gate_bypass_blocked gate_shadowed tap_frames tap_lost tap_unreadable dns_streams_not_ours
    dns_streams_evicted dns_streams_flooded dns_streams_hung
    dns_meta_refused dns_other_case dns_forgery_suspected dns_no_upstream dns_rebinding_refused gate_unproven
    gate_unfinished_lost
    dns_rcode_noerror dns_rcode_formerr dns_rcode_servfail dns_rcode_nxdomain dns_rcode_notimp dns_rcode_refused
    dns_rcode_other dns_took_1ms dns_took_4ms dns_took_16ms dns_took_64ms dns_took_256ms dns_took_1s dns_took_longer
    dns_took_us gate_unlabelled
    radius_requests radius_answered radius_repeated radius_unknown_nas radius_bad_authenticator radius_malformed
    radius_stale radius_out_of_order radius_unidentified radius_taken_over radius_nas_restarts radius_refused
    radius_journal_cut
"""


def test_a_counter_keeps_its_word_in_the_file() -> None:
    assert list(NAMES) == WORDS.split()


@pytest.mark.parametrize("counter", COUNTERS, ids=lambda counter: counter.name)
def test_help_is_whole_sentences_of_at_most_25_words(counter: Counter) -> None:
    assert HELP[counter.name] == counter.counts
    for text in (counter.counts, counter.rise):
        assert text.endswith(".")
        assert max(len(sentence.split()) for sentence in re.split(r"[.:] ", text)) <= 25


@pytest.mark.parametrize("counter", COUNTERS, ids=lambda counter: counter.name)
def test_a_counter_that_is_named_in_a_text_exists(counter: Counter) -> None:
    named = re.findall(r"\b(?:dns|gate|tap)_[a-z0-9_]+", counter.counts + counter.rise)

    assert set(named) <= set(NAMES) - {counter.name}
