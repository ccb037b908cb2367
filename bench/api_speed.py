"""The desk's API: list pages a second of one core.

    api_pages_per_s         pages of orders, reports, profiles and lines in turn, by the CPU time of the process that
                            serves them: what one core gives, on a machine with other work, too.   Goal: ≥ 300

Each request has a token, is counted, and is answered from the database; connections stay open.
"""

import asyncio
import http.client
import json
import multiprocessing
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from aiohttp import web
from support.mgmt.desk import PlayedControl
from support.mgmt.life import fill
from support.system.ports import free_port

from mgmt.ledger.event import CONTROL
from mgmt.registers.settings.page_settings import Settings
from mgmt.staff.tokens import create_token
from mgmt.web.desk.app import create_app
from mgmt.web.kit.doors import Door
from parental.store.database import open_database, writing

PAGES = ("/v1/orders", "/v1/reports", "/v1/profiles", "/v1/subscribers")
N_PAGES = 400
N_WARM = 20


def api_figures() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(target=serve, args=(Path(folder), theirs), daemon=True)
        server.start()
        try:
            port, token = ours.recv()
            return {"api_pages_per_s": pages_per_s(ours, port, token)}
        finally:
            server.terminate()
            server.join()


def serve(folder: Path, asked: Connection) -> None:
    """Serve a database of life; tell the CPU time of this process whenever it is asked."""
    engine = open_database(folder / "filterd.db")
    fill(engine)
    with writing(engine) as conn:
        token = create_token(conn, "operator", None, CONTROL)
    port = free_port()

    async def tell(_: web.Application) -> None:

        def answer() -> None:
            asked.recv()
            asked.send(time.process_time())

        asyncio.get_running_loop().add_reader(asked.fileno(), answer)
        asked.send((port, token))

    app = create_app(Settings(), engine, PlayedControl(), door=Door.DESK)
    app.on_startup.append(tell)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


def pages_per_s(server: Connection, port: int, token: str) -> float:
    time.sleep(0.5)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began_s = 0.0
    for number in range(-N_WARM, N_PAGES):
        if number == 0:
            began_s = cpu_s(server)
        connection.request("GET", PAGES[number % len(PAGES)], headers={"Authorization": f"Bearer {token}"})
        with connection.getresponse() as answer:
            assert answer.status == 200, answer.read()
            json.loads(answer.read())
    return N_PAGES / (cpu_s(server) - began_s)


def cpu_s(server: Connection) -> float:
    server.send(None)
    found = server.recv()
    assert isinstance(found, float)
    return found
