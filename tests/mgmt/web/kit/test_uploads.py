"""A form with a file is read as it stands, or refused."""

import random

from support.mgmt.desk import DeskOf


async def test_a_body_that_is_no_form_is_refused(desk: DeskOf) -> None:
    api = desk("regulator")
    for kind, body in (
        ("application/json", b"{}"),
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nhallo\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\ncut o"),
        ("multipart/form-data; boundary=x", random.Random(1).randbytes(4000)),
        ("", b""),
    ):
        status, _, _ = await api.raw("POST", "/v1/order-files", data=body, headers={"Content-Type": kind})
        assert status in {400, 422}, (kind, body)


async def test_a_form_of_too_many_parts_and_a_part_that_is_encoded_are_refused(desk: DeskOf) -> None:
    api, headers = desk("regulator"), {"Content-Type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    encoded = b'--x\r\nContent-Disposition: form-data; name="file"\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n'
    long = b'--x\r\nContent-Disposition: form-data; name="ref"\r\n\r\n' + b"1" * 5000 + b"\r\n"
    for body, said in ((part * 20, b"more than 16 parts"), (encoded, b"encoded"), (long, b"longer than 4096 octets")):
        status, _, answer = await api.raw("POST", "/v1/order-files", data=body + b"--x--\r\n", headers=headers)
        assert (status, said in answer) == (422, True), answer
