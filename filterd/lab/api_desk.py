"""Requests to the API by curl, as operator, regulator, auditor and parent."""

import json
from dataclasses import dataclass, field
from typing import Any

from filterd.lab.processes import Place

MARK = "\x1e"
API_S = 20  # longer than mgmt.contract.control waits for the workers


class RequestRefusal(RuntimeError):
    """The API refused a request: status and body."""


@dataclass(slots=True)
class Desk:
    """A client of one API with one token."""

    place: Place
    token: str = field(repr=False)

    def is_up(self) -> bool:
        """Whether the API answers, and control behind it."""
        try:
            return bool(self.get("/v1/status")["control"]["ok"])
        except RequestRefusal:
            return False

    def get(self, path: str) -> Any:
        return json.loads(self.ask("GET", path))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return json.loads(self.ask("POST", path, json.dumps(body)))

    def put(self, path: str, body: dict[str, Any]) -> Any:
        return json.loads(self.ask("PUT", path, json.dumps(body)))

    def ask(self, method: str, path: str, body: str = "") -> str:
        """Send one request; returns the body of a 2xx.   Raises RequestRefusal."""
        url = self.place.addresses.api + path
        # The token comes in over stdin with the rest: a command line can be read by everyone on the box.
        options = [f'header = "Authorization: Bearer {self.token}"', f'url = "{url}"', f'request = "{method}"']
        if body:
            options += ['header = "Content-Type: application/json"', f"data-raw = {json.dumps(body)}"]
        argv = ["curl", "-sS", "-m", str(API_S), "--noproxy", "*", "-w", MARK + "%{http_code}", "--config", "-"]
        done = self.place.run("desk", argv, stdin="\n".join(options), timeout_s=API_S + 5)
        said, _, code = done.stdout.rpartition(MARK)
        if not code.startswith("2"):
            raise RequestRefusal(f"{method} {path}: {code or 'no answer'} {said.strip()} {done.stderr.strip()}")
        return said
