"""Any target, type and body make one query of 12 to 4096 octets that is no answer, or are refused with a 4xx.

Input: method and whether the body has our type, one octet; the target up to a NUL; the body.
"""

from dns.front.streams.doh import MAX_QUERY_OCTETS, MEDIA_TYPE, DohQuery, DohRefusal, Request, read_request, refusal


def check(data: bytes) -> None:
    choice, (target, _, body) = data[:1], data[1:].partition(b"\0")
    method = "GET" if choice < b"\x40" else "POST" if choice < b"\xf0" else "HEAD"
    media_type = MEDIA_TYPE if choice < b"\xc0" else body[:40].decode("latin-1")
    request = Request(method, target.decode("latin-1"), media_type)
    asked = _outcome(request, body)
    if isinstance(asked, DohQuery):
        assert 12 <= len(asked.query) <= MAX_QUERY_OCTETS and not asked.query[2] & 0x80
        assert method in ("GET", "POST") and (method == "GET" or asked.query == body)
        assert asked.token is None or (asked.token and f"/dns-query/{asked.token}" in request.target)


def _outcome(request: Request, body: bytes) -> DohQuery | None:
    try:
        return read_request(request, body)
    except DohRefusal as refused:
        headers, said = refusal(refused)
        assert 400 <= refused.status < 500 and "; not answered; " in str(refused) and said.isascii()
        assert dict(headers)["content-length"] == str(len(said))
        return None
