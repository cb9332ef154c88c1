"""The two published calls, as printed and with their secrets replaced, and the demo's own calls.

A call is a line of shell with curl in it; it is read here with the shell's rules of quoting and
sent over a socket, so that the test needs neither a shell nor curl.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from serving import Answer, Server, create_key, serving, within

GOLDEN = Path(__file__).parents[1] / "golden" / "http"
QUICKSTART = Path(str(resources.files("p13n"))) / "examples" / "quickstart.yaml"
TOKEN = "e65d8a9df2094f02b84cd660efff6f27"


@dataclass(frozen=True)
class Call:
    """What a curl line asks for."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes

    @classmethod
    def of(cls, script: str) -> "Call":
        """Reads `export NAME="value"` lines and one curl command."""
        variables = dict(re.findall(r'^export (\w+)="([^"]*)"$', script, re.MULTILINE))
        command = script[script.index("curl ") :]
        for name, value in variables.items():
            command = command.replace("${" + name + "}", value)
        words = iter(shlex.split(command)[1:])
        method, url, headers, body = "GET", "", [], b""
        for word in words:
            match word:
                case "-X":
                    method = next(words)
                case "-H" | "--header":
                    name, _, value = next(words).partition(": ")
                    headers.append((name, value))
                case "-d" | "--data":
                    # curl leaves line ends out of files only; a literal body is sent as it stands
                    body = next(words).encode()
                case "-i" | "--location":
                    pass
                case _:
                    assert not word.startswith("-"), f"an option this reader does not know: {word}"
                    url = word
        return cls(method, url, headers, body)

    def send_to(self, server: Server) -> Answer:
        """The call with scheme and host replaced."""
        path = urlsplit(self.url).path
        return server.request(self.method, path, self.headers, self.body)


@dataclass(frozen=True)
class Quickstart:
    """The quickstart example being served, and a key for it."""

    server: Server
    key: str


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quickstart]:
    data_dir = tmp_path_factory.mktemp("quickstart")
    key = create_key(data_dir)
    with serving(QUICKSTART, data_dir=data_dir) as server:
        yield Quickstart(server, key)
        assert server.stop() == 0


def with_our_secrets(script: str, key: str) -> str:
    """The script with account, key, instance and token replaced."""
    for old, new in (
        ("1234/abcdefghijklmnopqrstuvwxyz", key),
        ("1/abcdef•••••••••••••••••••••••0123456789", key),
        ('ACCOUNT_ID="12345"', 'ACCOUNT_ID="1"'),
        ('INSTANCE_ID="67890"', 'INSTANCE_ID="8"'),
        ('TOKEN="abcdef123456"', f'TOKEN="{TOKEN}"'),
    ):
        script = script.replace(old, new)
    return script


@pytest.mark.parametrize("name", ["seed-quickstart.sh", "seed-about.sh"])
def test_a_published_call_succeeds_once_its_secrets_are_ours(
    quickstart: Quickstart, name: str
) -> None:
    script = with_our_secrets((GOLDEN / name).read_text(), quickstart.key)
    answer = Call.of(script).send_to(quickstart.server)
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"offers": {}}, "nothing is known of this customer yet"


@pytest.mark.parametrize("name", ["seed-quickstart.sh", "seed-about.sh"])
def test_a_published_call_as_printed_is_unauthorized(quickstart: Quickstart, name: str) -> None:
    answer = Call.of((GOLDEN / name).read_text()).send_to(quickstart.server)
    assert (answer.status, answer.json()["code"]) == (401, 4001)
    assert answer.headers["www-authenticate"] == "TD1"


def test_the_published_offer_is_given_once_preferences_are_known(quickstart: Quickstart) -> None:
    script = with_our_secrets((GOLDEN / "seed-about.sh").read_text(), quickstart.key)
    script = script.replace('"some_key":"some other data"', '"product_category":"women"')
    offers = Call.of(script).send_to(quickstart.server).json()["offers"]
    assert offers["preferences_known"] == {
        "attributes": {"td_client_id": "202", "preferences": "women"}
    }


@pytest.mark.timeout(180)
def test_the_lines_that_the_demo_prints_work_when_pasted() -> None:
    command = [sys.executable, "-m", "p13n", "demo", "--port", "0", "--admin-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            lines: list[str] = []
            for line in demo.stdout:
                lines.append(line)
                if line.startswith("Ctrl-C"):
                    break
            text = "".join(lines)
            assert "so that they end now" in text
            server = Server(demo, next(line for line in lines if "data=http" in line))
            calls = ["curl " + call for call in text.split("\ncurl ")[1:]]
            calls = [call.split("\n\n")[0] for call in calls]
            answers = [Call.of(call).send_to(server) for call in calls]
            assert [answer.status for answer in answers] == [200, 200]
            assert "preferences_known" in answers[0].json()["offers"]
            assert answers[1].json()["offers"], "the retail customer has a history"
            demo.send_signal(signal.SIGINT)
            assert demo.wait(20) == 0
        finally:
            if demo.poll() is None:
                demo.kill()


def test_the_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "p13n", "demo", "--port", "0", "--admin-port", "0"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as demo:
        try:
            assert demo.stdout is not None
            assert any(line.startswith("Ctrl-C") for line in demo.stdout)
            assert list(tmp_path.iterdir())
            demo.send_signal(signal.SIGTERM)
            assert demo.wait(20) == 0
        finally:
            if demo.poll() is None:
                demo.kill()
    assert within(1, lambda: not list(tmp_path.iterdir()))


def test_the_answer_is_what_the_seed_shows(quickstart: Quickstart) -> None:
    event = {"td_client_id": "shape", "product_category": "kids"}
    call = Call.of(with_our_secrets((GOLDEN / "seed-about.sh").read_text(), quickstart.key))
    answer = quickstart.server.request(
        "POST", "/your_database/pageviews", call.headers, json.dumps(event).encode()
    ).json()
    assert list(answer) == ["offers"]
    for offer in answer["offers"].values():
        assert isinstance(offer["attributes"], dict)
