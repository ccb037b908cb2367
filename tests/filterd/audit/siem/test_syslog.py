from filterd.audit.siem.syslog import framed, message


def test_a_frame_says_its_length_and_a_message_has_every_field_of_its_header() -> None:
    said = message("2026-11-28T09:30:00Z", "gw1", "block", b'{"a":1}')

    assert said == b'<110>1 2026-11-28T09:30:00Z gw1 filterd - block - {"a":1}'
    assert framed(said) == b"%d %b" % (len(said), said)
    assert framed("é\n".encode()) == b"3 \xc3\xa9\n"


def test_the_name_of_a_box_is_what_a_header_may_have() -> None:
    assert message("t", "gw 1\n<é>", "block", b"").split()[2] == b"gw1<>"
    assert message("t", "", "block", b"").split()[2] == b"-"
    assert len(message("t", 300 * "g", "block", b"").split()[2]) == 255
