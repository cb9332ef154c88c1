"""Erasure through the command line: killed in the middle, proved, exported files, what is left.

`P13N_ERASURE_KILLS` says how often the command is killed; `make erasure` asks for 100.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from p13n import Reactor, log_rehearse, person_export

CONFIGURATION = """
version: 1
account: 1
instance: 5
name: erasure
database: shop_db
keys:
  - {name: email, normalize: [trim, lower], sensitive: true}
  - {name: td_client_id}
events: [{name: view, table: views}]
attributes:
  - name: last_path
    type: single
    sensitive: true
    set: [{event: view, value: "${EVENT.path}"}]
  - {name: seen, type: counter, total: true, set: [{event: view}]}
offers:
  - name: seen_often
    set: [{event: view, if: PROFILE.seen > 1, data: {times: "${PROFILE.seen}"}}]
"""
KILLS = int(os.environ.get("P13N_ERASURE_KILLS", "4"))
CANARIES = [f"canary{number}@example.com" for number in range(5)]
CONTROL = "email=other7@example.com"


def p13n(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    run = subprocess.run(
        [sys.executable, "-m", "p13n", *words], capture_output=True, text=True, check=False
    )
    assert not check or run.returncode == 0, run.stderr
    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with canaries among others; events, merges, snapshots, restarts."""
    configuration = tmp_path / "shop.yaml"
    configuration.write_text(CONFIGURATION)
    folder = tmp_path / "data"
    for life in range(3):
        with Reactor.open(configuration, data_dir=folder) as reactor:
            for number in range(120):
                who = CANARIES[number % 5] if number % 3 == 0 else f"other{number % 40}@example.com"
                device = f"device-{who.split('@')[0]}-{life}-{number % 2}"
                event = {"email": who.upper(), "td_client_id": device, "path": f"/{who}/{number}"}
                reactor.personalize("shop_db", "views", event)
                if number % 10 == 0:
                    reactor.personalize("shop_db", "elsewhere", event)
            reactor.snapshot()
    return folder


def erase_words(data: Path) -> list[str]:
    names = [f"email={name}" for name in CANARIES]
    return ["profile", "erase", *names, "--data-dir", str(data)]


def proof(data: Path) -> "subprocess.CompletedProcess[str]":
    names = [f"email={name}" for name in CANARIES]
    words = ["profile", "prove", *names, "--control", CONTROL, "--data-dir", str(data)]
    return p13n(*words, check=False)


def state_hash(data: Path) -> str:
    with Reactor.open(data.parent / "shop.yaml", data_dir=data) as reactor:
        return reactor.state_hash()


def test_a_proof_finds_people_who_are_there_and_fails_without_its_control(data: Path) -> None:
    found = proof(data)
    assert found.returncode == 1
    assert "places hold somebody who must not be found" in found.stderr
    names = [f"email={name}" for name in CANARIES]
    words = ["profile", "prove", *names, "--data-dir", str(data)]
    unsound = p13n(*words, "--control", "email=nobody@example.org", check=False)
    assert unsound.returncode == 1
    assert "the control was not found" in unsound.stderr


def test_an_erasure_that_is_killed_again_and_again_ends_and_leaves_others_alone(
    data: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(data, whole)
    shutil.copy(data.parent / "shop.yaml", whole.parent / "shop.yaml")
    begun = time.monotonic()
    p13n(*erase_words(whole))
    took = time.monotonic() - begun
    expected = state_hash(whole)
    chance = random.Random(int(os.environ.get("SEED", "5")))
    killed = 0
    for _ in range(KILLS):
        run = subprocess.Popen(
            [sys.executable, "-m", "p13n", *erase_words(data)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            run.wait(chance.uniform(0.1, 1.0) * took)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
            killed += 1
    print(f"erasure: {killed} of {KILLS} runs were killed")
    p13n(*erase_words(data))
    assert killed > KILLS / 4
    proved = proof(data)
    assert proved.returncode == 0, proved.stdout + proved.stderr
    assert "proved: 0 places" in proved.stdout
    assert state_hash(data) == expected
    assert log_rehearse(data / "1-5") == expected


def test_erasing_with_a_proof_says_what_was_done_and_the_log_shows_it(data: Path) -> None:
    done = p13n(*erase_words(data), "--prove", "--control", CONTROL)
    assert "proved: 0 places" in done.stdout, done.stdout
    tail = p13n("log", "tail", "--data-dir", str(data), "--from-lsn", "1", "-n", "100000")
    kinds = [json.loads(line)["kind"] for line in tail.stdout.splitlines()]
    assert kinds.count("erasure") == 1
    assert kinds.count("erased") == 1
    assert kinds.count("tombstone") == 3 * (40 + 4)
    assert "canary" not in tail.stdout.lower()
    whole = p13n("log", "verify", "--data-dir", str(data))
    assert "whole" in whole.stdout


def test_an_export_is_one_document_of_one_person(data: Path) -> None:
    run = p13n("profile", "export", "email=canary2@example.com", "--data-dir", str(data))
    document = json.loads(run.stdout)
    assert document["profile"]["attributes"]["seen"] == 24
    bodies = [event["body"]["email"] for event in document["events"]]
    assert set(bodies) == {"CANARY2@EXAMPLE.COM"}
    assert len([event for event in document["events"] if event["table"] == "views"]) == 24
    assert document["events"][-1]["offers"] or document["events"][-2]["offers"]
    assert document["activations"] == []
    nobody = p13n("profile", "export", "email=no@b.de", "--data-dir", str(data), check=False)
    assert (nobody.returncode, nobody.stdout) == (1, "")


def test_anonymizing_keeps_counts_and_nothing_that_identifies(data: Path) -> None:
    assert person_export(data / "1-5", "email", CANARIES[0])["profile"] is not None
    words = erase_words(data)
    words[1] = "anonymize"
    p13n(*words)
    assert proof(data).returncode == 0, proof(data).stdout
    with Reactor.open(data.parent / "shop.yaml", data_dir=data) as reactor:
        assert reactor.profile(email=CANARIES[0]) is None
        hashed = reactor.state_hash()
    assert log_rehearse(data / "1-5") == hashed


def test_exported_files_lose_the_rows_of_the_erased(data: Path) -> None:
    pytest.importorskip("pyarrow")
    p13n("log", "export", "--data-dir", str(data), "--to", str(data / "lake"))
    count = "select count(*) n from events where lower(email) like 'canary%'"
    asked = p13n("sql", count, "--data-dir", str(data), "--csv")
    assert asked.stdout.splitlines()[1] == "132"
    done = p13n(*erase_words(data), "--prove", "--control", CONTROL)
    assert "parquet" in done.stdout
    asked = p13n("sql", count, "--data-dir", str(data), "--csv")
    assert asked.stdout.splitlines()[1] == "0"


def test_a_restored_backup_forgets_who_was_erased_later(data: Path, tmp_path: Path) -> None:
    backup, restored = tmp_path / "backup", tmp_path / "restored"
    p13n("backup", str(backup), "--data-dir", str(data))
    p13n(*erase_words(data))
    p13n("restore", str(backup), "--data-dir", str(restored), "--current", str(data))
    with Reactor.open(data.parent / "shop.yaml", data_dir=restored) as reactor:
        assert reactor.profile(email=CANARIES[0]) is None
        assert reactor.profile(email="other7@example.com") is not None
    # The command carries out what is pending, too.
    p13n(*erase_words(restored))
    assert proof(restored).returncode == 0, proof(restored).stdout


def test_an_embedded_reactor_erases_while_it_is_open(tmp_path: Path) -> None:
    configuration = tmp_path / "shop.yaml"
    configuration.write_text(CONFIGURATION)
    with Reactor.open(configuration, data_dir=tmp_path / "data") as reactor:
        event = {"email": "a@b.example", "td_client_id": "device-1", "path": "/"}
        reactor.personalize("shop_db", "views", event)
        done = reactor.erase({"td_client_id": "device-1"})
        assert (done["profiles"], done["tombstones"], done["identifiers"]) == (1, 1, 2)
        assert reactor.profile(email="a@b.example") is None
        assert list(reactor.events()) == []
        reactor.personalize("shop_db", "views", event)
        assert reactor.profile(email="a@b.example") is not None
        with pytest.raises(ValueError, match="not a key"):
            reactor.erase({"nothing": "x"})
        with pytest.raises(TypeError, match="people are a dict"):
            reactor.erase("a@b.example")  # type: ignore[arg-type]
