import asyncio

from filterd.config import read_config
from filterd.process.json_socket import serve
from filterd.process.worker_clients import ask_status, tell_all, workers_of


def play(tmp_path, workers, call):
    """workers: name → its reply to everything."""

    async def run():
        seen = []

        def answering(reply):
            async def answer(request):
                seen.append(request)
                return reply

            return answer

        servers = [await serve(tmp_path / f"worker-{name}.sock", answering(reply)) for name, reply in workers.items()]
        try:
            return await call(), seen
        finally:
            for server in servers:
                server.close()

    return asyncio.run(run())


def test_every_worker_is_told_and_says_yes_or_why_not(tmp_path):
    workers = {"dns-0": {"ok": True}, "gate-0": {"ok": False, "refused": "checksum differs"}}

    told, seen = play(tmp_path, workers, lambda: tell_all(tmp_path, tmp_path / "current.json", ()))

    assert told == {"dns-0": None, "gate-0": "checksum differs"}
    assert seen == [{"op": "use", "manifest": str(tmp_path / "current.json")}] * 2


def test_a_worker_that_is_gone_is_told_as_such_and_delays_nobody(tmp_path):
    (tmp_path / "worker-gate-0.sock").write_text("")

    told, _ = play(tmp_path, {"dns-0": {"ok": True}}, lambda: tell_all(tmp_path, tmp_path / "current.json", ()))

    assert told["dns-0"] is None
    assert "worker-gate-0.sock" in told["gate-0"]


def test_a_status_is_passed_on_and_a_silent_worker_has_one_too(tmp_path):
    (tmp_path / "worker-gate-0.sock").write_text("")
    status = {"ok": True, "name": "dns-0", "pid": 7}

    found, _ = play(tmp_path, {"dns-0": status}, lambda: ask_status(tmp_path, ()))

    assert found[0] == status
    assert found[1]["name"] == "gate-0"
    assert found[1]["refused"]


def test_where_nobody_is_nobody_is_told(tmp_path):
    assert asyncio.run(tell_all(tmp_path, tmp_path / "current.json", ())) == {}


def test_a_worker_that_the_configuration_asks_for_and_that_is_not_there_has_not_taken_anything(tmp_path):
    config = read_config(b"dns: {upstreams: ['192.0.2.53:53'], workers: 2}\ngate: {workers: 1}\n", "test", tmp_path)

    told, _ = play(tmp_path, {"dns-0": {"ok": True}}, lambda: tell_all(tmp_path, tmp_path / "m", workers_of(config)))

    assert sorted(told) == ["dns-0", "dns-1", "gate-0"]
    assert told["dns-0"] is None
    assert all(told[name] for name in ("dns-1", "gate-0"))
