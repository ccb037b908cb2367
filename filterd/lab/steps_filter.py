"""The demo's steps about names: in DNS, in TLS, in HTTP."""

from itertools import product

from filterd.lab.clients import Transport, dig
from filterd.lab.stage import CENSORED, FILTERED, FORGED, Stage, must

TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp")
FAMILIES = (4, 6)
MOST_TTL_S = 60  # of a block answer


def dig_listed(stage: Stage) -> str:
    at, times = stage.place.addresses, []
    for name, transport, family in product(stage.listed, TRANSPORTS, FAMILIES):
        answer = stage.ask(name, "child", "A", transport, family)
        where = f"{name} over {transport}, IPv{family}"
        must(answer.data == (at.gateway4,), f"the splash address {at.gateway4} for {where}", answer)
        must({CENSORED, FORGED} <= set(answer.ede), f"EDE 16 and 4 for {where}", answer.ede)
        must(int(answer.records[0].split()[1]) <= MOST_TTL_S, f"a TTL of at most {MOST_TTL_S} s", answer.records)
        times.append(answer.time_us)
        stage.note("dns", "order", name)
    for qtype in ("AAAA", "HTTPS", "MX", "TXT"):
        answer = stage.ask("listed.test", qtype=qtype)
        wanted = (at.gateway6,) if qtype == "AAAA" else ()
        must(answer.rcode == "NOERROR" and answer.data == wanted, f"{wanted or 'no data'} for {qtype}", answer)
        must(bool(wanted) or " SOA " in " ".join(answer.authority), f"an SOA with no data for {qtype}", answer)
    return f"{len(times)} answers, {min(times)} to {max(times)} µs each"


def dig_allowed(stage: Stage) -> str:
    at, times = stage.place.addresses, []
    for transport, family in product(TRANSPORTS, FAMILIES):
        for qtype, wanted in (("A", at.web4), ("AAAA", at.web6)):
            answer = stage.ask("allowed.test", "child", qtype, transport, family)
            must(answer.data == (wanted,) and not answer.ede, f"{wanted} over {transport}, IPv{family}", answer)
            times.append(answer.time_us)
    nobody = stage.ask("nobody.test")
    must(nobody.rcode == "NXDOMAIN" and not nobody.ede, "the resolver's own NXDOMAIN for nobody.test", nobody)
    return f"{len(times)} answers through the real resolver, {min(times)} to {max(times)} µs each"


def dig_category(stage: Stage) -> str:
    is_closed = stage.is_blocked_in_dns("adult.test", FILTERED)
    must(is_closed, "adult.test blocked with EDE 17 for the child", stage.ask("adult.test"))
    stage.note("dns", "category", "adult.test")
    must(stage.is_open_in_dns("adult.test", "adult"), "adult.test open for the adult", stage.ask("adult.test", "adult"))
    malware = stage.ask("malware.test", "adult")
    must(
        malware.rcode == "NXDOMAIN" and 15 in malware.ede, "malware.test NXDOMAIN with EDE 15 for all clients", malware
    )
    stage.note("dns", "security", "malware.test")
    return ""


def redirect_foreign(stage: Stage) -> str:
    at = stage.place.addresses
    for server, transport in product((at.foreign4, at.foreign6), TRANSPORTS):
        blocked = dig(stage.place, "child", "listed.test", "A", transport, server)
        must(blocked.data == (at.gateway4,), f"the splash address from {server} over {transport}", blocked)
        who = dig(stage.place, "child", "whoami.test", "TXT", transport, server)
        must(who.data == ('"resolver"',), f"our own resolver's answer instead of that of {server}", who)
    return ""


def reset_listed_sni(stage: Stage) -> str:
    times = []
    for name, family in product(("listed.test", "www.blocked.test"), FAMILIES):
        seen = stage.fetch(name, "https", family)
        must(seen.was_reset, f"a reset of https://{name} over IPv{family}", seen)
        times.append(seen.time_s)
        stage.note("sni", "order", name.removeprefix("www."))
    return f"curl was reset after {min(times) * 1000:.1f} to {max(times) * 1000:.1f} ms"


def pass_allowed_sni(stage: Stage) -> str:
    times = []
    for name, family in product(("allowed.test", "cdn.allowed.test"), FAMILIES):
        seen = stage.fetch(name, "https", family)
        must(seen.code == 200 and f"sni={name} " in seen.body, f"the page of https://{name} over IPv{family}", seen)
        times.append(seen.time_s)
    return f"whole pages in {min(times) * 1000:.1f} to {max(times) * 1000:.1f} ms"


def show_splash(stage: Stage) -> str:
    """At the server's own address, so by the gate; and at the address that DNS gives, so by the splash server."""
    seen = stage.fetch("listed.test", "http")
    for family in FAMILIES:
        seen = stage.fetch("listed.test", "http", family)
        must(seen.code == 451 and "listed.test" in seen.body, f"451 with the name, over IPv{family}", seen)
        must('rel="blocked-by"' in seen.headers.get("link", ""), "a Link to who blocks (RFC 7725 §4)", seen.headers)
        must('lang="ur"' in seen.body, "the Urdu text", seen.body)
    stage.note("http", "order", "listed.test")
    allowed = stage.fetch("allowed.test", "http")
    must(allowed.code == 200 and "host=allowed.test" in allowed.body, "the page of http://allowed.test", allowed)
    return f"{len(seen.body)} characters in {seen.time_s * 1000:.1f} ms"


def open_splash_by_name(stage: Stage) -> str:
    at = stage.place.addresses
    shown = ["-o", "/dev/null", "-w", "%{http_code} %{remote_ip}"]
    seen = stage.place.run("child", ["curl", "-sS", "-m", "5", "--noproxy", "*", *shown, "http://blocked.test/"]).stdout
    must(seen in (f"451 {at.gateway4}", f"451 {at.gateway6}"), "451 from the splash address", seen)
    stage.note("dns", "order", "blocked.test")
    return seen
