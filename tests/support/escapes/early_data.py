"""Honest early data (RFC 8446 §2.3), by OpenSSL's client."""

from filterd.lab.topology import Lab

REQUEST = "GET / HTTP/1.1\r\nHost: www.allowed.test\r\n\r\n"
LAST = "GET / HTTP/1.1\r\nHost: www.allowed.test\r\nConnection: close\r\n\r\n"


def ask_early(lab: Lab, address: str) -> str:
    """Get a session, then ask again in early data, and once more behind it; what the client says of that."""
    session, early = lab.directory / "session", lab.directory / "early"
    early.write_bytes(REQUEST.encode())
    session.unlink(missing_ok=True)
    where = f"[{address}]:443" if ":" in address else f"{address}:443"
    argv = ["openssl", "s_client", "-connect", where, "-servername", "www.allowed.test", "-ign_eof"]
    lab.run("child", [*argv, "-sess_out", str(session)], LAST)
    return lab.run("child", [*argv, "-sess_in", str(session), "-early_data", str(early)], LAST).stdout
