"""Looking at a log: info, verify, tail, salvage, and a reactor's own events."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import logs
from logs import CONTRACT, DATABASE, REACTOR, TABLE, assert_one_sentence, fill, flip, segments
from p13n import LogCursor, LogError, Reactor, log_verify
from p13n.exit_codes import ExitCode
from serving import run_p13n

COMMANDS = {
    "info": ["log", "info"],
    "verify": ["log", "verify"],
    "tail": ["log", "tail"],
    "salvage": ["log", "salvage", "--to", "NEW"],
}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Two starts, 15 events, LSN 1 to 16."""
    fill(tmp_path / "data", 0, 10)
    fill(tmp_path / "data", 10, 5)
    return tmp_path / "data"


@pytest.fixture
def crashed(data_dir: Path, tmp_path: Path) -> Path:
    """A copy of a directory in use: as a kill would leave it, its last segment open."""
    with Reactor.open(CONTRACT, data_dir=data_dir) as reactor:
        reactor.personalize(DATABASE, TABLE, logs.event(15))
        shutil.copytree(data_dir, tmp_path / "crashed")
    return tmp_path / "crashed"


def tailed(*arguments: str | Path) -> list[dict[str, Any]]:
    """What `p13n log tail` prints."""
    shown = run_p13n("log", "tail", *arguments)
    assert shown.returncode == 0, shown.stderr
    return [json.loads(line) for line in shown.stdout.splitlines()]


# ------------------------------------------------------------------ every command, bad input


@pytest.mark.parametrize("name", COMMANDS)
def test_no_directory_an_empty_one_and_a_file_are_one_sentence(tmp_path: Path, name: str) -> None:
    file, empty, hollow = tmp_path / "file", tmp_path / "empty", tmp_path / "hollow"
    file.write_text("x")
    empty.mkdir()
    (hollow / REACTOR).mkdir(parents=True)
    for directory in (tmp_path / "none", empty, file, hollow):
        command = [part.replace("NEW", str(tmp_path / "new")) for part in COMMANDS[name]]
        refused = run_p13n(*command, "--data-dir", directory)
        assert (refused.returncode, refused.stdout) == (ExitCode.DIRECTORY, "")
        assert str(directory) in refused.stderr
        assert_one_sentence(refused.stderr)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_newer_format_is_refused_in_one_sentence(
    data_dir: Path, tmp_path: Path, name: str
) -> None:
    logs.make_newer(data_dir)
    command = [part.replace("NEW", str(tmp_path / "new")) for part in COMMANDS[name]]
    refused = run_p13n(*command, "--data-dir", data_dir)
    assert (refused.returncode, refused.stdout) == (ExitCode.LOG_DAMAGED, "")
    assert "newer release" in refused.stderr
    assert_one_sentence(refused.stderr)
    assert not (tmp_path / "new").exists()


# ------------------------------------------------------------------ verify


def test_a_whole_log_is_whole_also_beside_its_writer(data_dir: Path) -> None:
    with Reactor.open(CONTRACT, data_dir=data_dir):
        shown = run_p13n("log", "verify", "--data-dir", data_dir, "--json")
    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout)[REACTOR]
    assert (found["verdict"], found["records"], found["last_lsn"]) == ("whole", 16, 16)
    assert (found["damages"], found["unfinished"], found["unreadable"]) == ([], None, [])
    assert "whole; 16 records" in run_p13n("log", "verify", "--data-dir", data_dir).stdout


def test_every_damage_is_told_with_file_offset_and_lsns(data_dir: Path) -> None:
    first, second = segments(data_dir)
    flip(first, first.stat().st_size // 2)
    flip(second, 70)
    before = logs.digest(data_dir)
    shown = run_p13n("log", "verify", "--data-dir", data_dir, "--json")
    assert shown.returncode == ExitCode.LOG_DAMAGED
    found = json.loads(shown.stdout)[REACTOR]
    assert found["verdict"] == "damaged"
    assert [damage["file"] for damage in found["damages"]] == [str(first), str(second)]
    lost = sum(damage["last_lsn"] - damage["first_lsn"] + 1 for damage in found["damages"])
    assert found["records"] + lost == 16
    assert logs.digest(data_dir) == before
    words = run_p13n("log", "verify", "--data-dir", data_dir)
    assert words.returncode == ExitCode.LOG_DAMAGED
    assert words.stdout.count("  damaged: ") == 2
    for damage in found["damages"]:
        assert f"{Path(damage['file']).name} at byte {damage['offset']}" in words.stdout


def test_an_unfinished_end_is_torn_or_being_written_and_no_damage(
    data_dir: Path, crashed: Path
) -> None:
    with segments(crashed)[-1].open("ab") as file:
        file.write(b"the beginning of a batch")
    shown = run_p13n("log", "verify", "--data-dir", crashed)
    assert shown.returncode == 0
    assert "torn tail" in shown.stdout
    with Reactor.open(CONTRACT, data_dir=data_dir):
        with segments(data_dir)[-1].open("ab") as file:
            file.write(b"the beginning of a batch")
        assert log_verify(data_dir / REACTOR)["verdict"] == "being written"


def test_a_lost_segment_and_a_lost_manifest_are_damage(data_dir: Path) -> None:
    segments(data_dir)[0].unlink()
    found = log_verify(data_dir / REACTOR)
    assert (found["verdict"], found["records"]) == ("damaged", 5)
    assert [damage["what"] for damage in found["damages"]] == ["the segment is missing"]
    (data_dir / REACTOR / "log" / "manifest").unlink()
    found = log_verify(data_dir / REACTOR)
    assert found["damages"][0]["what"] == "the manifest is missing beside segments"
    assert found["records"] == 5


def test_a_damaged_snapshot_is_told(data_dir: Path) -> None:
    snapshot = sorted((data_dir / REACTOR / "snapshots").glob("*.snapshot"))[0]
    flip(snapshot, snapshot.stat().st_size // 2)
    shown = run_p13n("log", "verify", "--data-dir", data_dir)
    assert shown.returncode == ExitCode.LOG_DAMAGED
    assert f"{snapshot} is damaged" in shown.stdout
    flip(snapshot, snapshot.stat().st_size // 2)
    assert run_p13n("log", "verify", "--data-dir", data_dir).returncode == 0
    flip(snapshot.with_name("manifest"), 20)
    assert log_verify(data_dir / REACTOR)["verdict"] == "damaged"


# ------------------------------------------------------------------ info


def test_info_tells_state_bytes_and_lsns(data_dir: Path) -> None:
    with Reactor.open(CONTRACT, data_dir=data_dir):
        document = json.loads(run_p13n("log", "info", "--data-dir", data_dir, "--json").stdout)
        words = run_p13n("log", "info", "--data-dir", data_dir).stdout
    found = document[REACTOR]
    assert [segment["state"] for segment in found["segments"]] == ["closed", "closed", "open"]
    assert (found["first_lsn"], found["last_lsn"], found["synced_lsn"]) == (1, 16, 16)
    assert "LSN 1 to 16, synced up to 16" in words


# ------------------------------------------------------------------ tail


def test_tail_prints_the_last_records_and_their_bodies_as_sent(data_dir: Path) -> None:
    records = tailed("--data-dir", data_dir, "-n", "3")
    assert [record["lsn"] for record in records] == [14, 15, 16]
    assert [record["body"] for record in records] == [logs.event(n) for n in (12, 13, 14)]
    first = records[0]
    assert (first["kind"], first["outcome"], first["database"]) == ("event", "new", DATABASE)
    assert first["rid"] == records[1]["rid"]
    assert len(first["uuid"]) == 36
    assert len(tailed("--data-dir", data_dir)) == 10
    assert tailed("--data-dir", data_dir, "-n", "0") == []


def test_tail_begins_where_it_is_told_and_shows_every_kind(data_dir: Path) -> None:
    records = tailed("--data-dir", data_dir, "--from-lsn", "1")
    assert [record["lsn"] for record in records] == list(range(1, 17))
    assert (records[0]["kind"], records[0]["number"]) == ("configuration", 1)
    some = tailed("--data-dir", data_dir, "--from-lsn", "4", "-n", "2")
    assert [record["lsn"] for record in some] == [4, 5]


def test_tail_chooses_by_database_and_table(data_dir: Path) -> None:
    with Reactor.open(CONTRACT, data_dir=data_dir) as reactor:
        reactor.personalize("other_database", "things", {"td_client_id": "x"})
    (only,) = tailed("--data-dir", data_dir, "--database", "other_database")
    assert (only["lsn"], only["outcome"], only["rid"]) == (17, "nobody", None)
    assert len(tailed("--data-dir", data_dir, "--table", TABLE, "-n", "100")) == 15
    assert tailed("--data-dir", data_dir, "--table", "nothing") == []


def test_tail_refuses_what_is_not_there(data_dir: Path) -> None:
    fill_other = CONTRACT.with_name("contract-other.yaml")
    beyond = run_p13n("log", "tail", "--data-dir", data_dir, "--from-lsn", "99")
    assert beyond.returncode == ExitCode.FAILED
    assert "ends at LSN 16" in beyond.stderr
    assert_one_sentence(beyond.stderr)
    for wrong in (["--from-lsn", "0"], ["-n", "-1"], ["--reactor", "7-7"]):
        refused = run_p13n("log", "tail", "--data-dir", data_dir, *wrong)
        assert refused.returncode == ExitCode.USAGE
        assert_one_sentence(refused.stderr)
    with Reactor.open(fill_other, data_dir=data_dir):
        pass
    several = run_p13n("log", "tail", "--data-dir", data_dir)
    assert several.returncode == ExitCode.USAGE
    assert "--reactor" in several.stderr
    assert len(tailed("--data-dir", data_dir, "--reactor", REACTOR)) == 10


def test_tail_of_a_damaged_log_tells_where(data_dir: Path) -> None:
    flip(segments(data_dir)[0], 200)
    refused = run_p13n("log", "tail", "--data-dir", data_dir, "--from-lsn", "1")
    assert refused.returncode == ExitCode.LOG_DAMAGED
    assert "damaged at byte" in refused.stderr
    assert_one_sentence(refused.stderr)


def following(data_dir: Path, *arguments: str) -> "subprocess.Popen[str]":
    """`p13n log tail --follow`, its output to be read line by line."""
    command = [sys.executable, "-m", "p13n", "log", "tail", "--follow", "--data-dir", str(data_dir)]
    return subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_followed_log_goes_on_across_restarts_and_ends_cleanly(data_dir: Path) -> None:
    with following(data_dir, "-n", "1") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["lsn"] == 16
        for start in range(3):
            fill(data_dir, 100 + start, 1)
            record = json.loads(process.stdout.readline())
            assert (record["lsn"], record["body"]["n"]) == (17 + start, 100 + start)
        process.send_signal(signal.SIGINT)
        assert (process.wait(20), process.stderr.read()) == (0, "")


def test_a_followed_log_ends_with_its_reader(data_dir: Path) -> None:
    with following(data_dir) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(20), process.stderr.read()) == (0, "")


def test_a_followed_log_ends_after_so_many_from_an_lsn(data_dir: Path) -> None:
    with following(data_dir, "--from-lsn", "15", "-n", "4") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        fill(data_dir, 50, 3)
        lines += process.stdout.read().splitlines()
        assert [json.loads(line)["lsn"] for line in lines] == [15, 16, 17, 18]
        assert process.wait(20) == 0


# ------------------------------------------------------------------ a reactor's own events


def test_a_reactor_gives_its_own_events(tmp_path: Path) -> None:
    with Reactor.open(CONTRACT, data_dir=tmp_path) as reactor:
        for number in range(3000):
            database = DATABASE if number % 2 else "other_database"
            reactor.personalize(database, TABLE, logs.event(number), now_ms=1_000_000 + number)
        events = list(reactor.events())
        assert [json.loads(found["body"])["n"] for found in events] == list(range(3000))
        assert list(events[0]) == ["lsn", "time", "uuid", "database", "table", "rid", "body"]
        assert (events[0]["rid"], events[0]["time"]) == (None, 1_000_000)
        assert events[1]["rid"] is not None
        assert len(list(reactor.events(DATABASE))) == 1500
        assert list(reactor.events(DATABASE, "nothing")) == []
        some = reactor.events(start=1_000_010, end=1_000_020)
        assert [found["time"] for found in some] == list(range(1_000_010, 1_000_020))
        assert list(reactor.events(start=2_000_000)) == []


def test_events_end_with_what_was_there_when_they_were_asked_for(tmp_path: Path) -> None:
    with Reactor.open(CONTRACT, data_dir=tmp_path) as reactor:
        reactor.personalize(DATABASE, TABLE, logs.event(0))
        events = reactor.events()
        reactor.personalize(DATABASE, TABLE, logs.event(1))
        assert len(list(events)) == 1
        assert len(list(reactor.events())) == 2


def test_a_reactor_in_memory_says_that_it_keeps_no_events() -> None:
    with Reactor.open(CONTRACT) as reactor, pytest.raises(ValueError, match="data_dir"):
        reactor.events()


def test_a_cursor_goes_on_where_it_was_and_bounds_what_it_takes(data_dir: Path) -> None:
    cursor = LogCursor(data_dir / REACTOR, after_lsn=3)
    end = cursor.synced_lsn()
    assert [row[0] for row in cursor.rows(end, 5, 1 << 20)] == [4, 5, 6, 7, 8]
    assert [row[0] for row in cursor.rows(10, 100, 1 << 20)] == [9, 10]
    assert len(cursor.rows(end, 100, 1)) == 1
    assert cursor.position == 11
    fill(data_dir, 90, 1)
    assert [record["lsn"] for record in cursor.records(100)] == [12, 13, 14, 15, 16, 17]
    assert cursor.records(100) == []
    with pytest.raises(OSError, match="No such file"):
        LogCursor(data_dir / "none")


# ------------------------------------------------------------------ salvage


def salvaged(data_dir: Path, to: Path) -> dict[str, Any]:
    """The report of `p13n log salvage`, which leaves its source alone."""
    before = logs.digest(data_dir)
    done = run_p13n("log", "salvage", "--data-dir", data_dir, "--to", to, "--json")
    assert done.returncode == 0, done.stderr
    assert logs.digest(data_dir) == before
    assert json.loads(done.stdout) == json.loads((to / "salvage.json").read_text())
    found: dict[str, Any] = json.loads(done.stdout)[REACTOR]
    return found


def test_a_whole_log_is_salvaged_to_the_same_state(data_dir: Path, tmp_path: Path) -> None:
    found = salvaged(data_dir, tmp_path / "new")
    assert (found["events"], found["configurations"], found["refused"]) == (15, 1, [])
    assert (found["damages"], found["reconfigured"], found["repeated"]) == ([], 0, 0)
    assert logs.hash_of(tmp_path / "new") == logs.hash_of(data_dir)


def test_what_lies_around_damage_is_salvaged_and_the_rest_is_told(
    data_dir: Path, tmp_path: Path
) -> None:
    first = segments(data_dir)[0]
    flip(first, first.stat().st_size // 2)
    logs.drop_snapshots(data_dir)
    with pytest.raises(LogError):
        logs.hash_of(data_dir)
    found = salvaged(data_dir, tmp_path / "new")
    (damage,) = found["damages"]
    lost = range(damage["first_lsn"], damage["last_lsn"] + 1)
    assert len(lost) >= 1
    assert found["events"] == 15 - len(lost)
    with Reactor.open(CONTRACT, data_dir=tmp_path / "new") as reactor:
        kept = [json.loads(event["body"])["n"] for event in reactor.events()]
        # Event n was LSN n + 2.
        assert kept == [n for n in range(15) if n + 2 not in lost]
        reactor.personalize(DATABASE, TABLE, logs.event(99))
    words = run_p13n("log", "salvage", "--data-dir", data_dir, "--to", tmp_path / "again")
    assert f"{len(lost)} lost" in words.stdout
    assert "damaged: " in words.stdout


def test_events_whose_configuration_is_lost_are_decided_by_the_nearest(
    data_dir: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.yaml"
    changed.write_text(CONTRACT.read_text().replace("name: contract", "name: changed"))
    with Reactor.open(changed, data_dir=data_dir) as reactor:
        reactor.personalize(DATABASE, TABLE, logs.event(20))
    flip(segments(data_dir)[0], 64 + 48 + 20)
    found = salvaged(data_dir, tmp_path / "with-snapshots")
    assert (found["configurations"], found["reconfigured"]) == (2, 0), "a snapshot has them all"
    logs.drop_snapshots(data_dir)
    found = salvaged(data_dir, tmp_path / "new")
    assert found["damages"][0]["first_lsn"] == 1
    assert (found["configurations"], found["reconfigured"]) == (1, found["events"] - 1)
    with Reactor.open(changed, data_dir=tmp_path / "new") as reactor:
        assert reactor.profile(td_client_id="client-4") is not None


def test_a_log_without_any_configuration_is_not_salvaged(data_dir: Path, tmp_path: Path) -> None:
    flip(segments(data_dir)[0], 64 + 48 + 20)
    logs.drop_snapshots(data_dir)
    refused = run_p13n("log", "salvage", "--data-dir", data_dir, "--to", tmp_path / "new")
    assert refused.returncode == ExitCode.LOG_DAMAGED
    assert "no configuration" in refused.stderr
    assert_one_sentence(refused.stderr)
    assert not (tmp_path / "new").exists()


def test_salvage_wants_a_new_directory(data_dir: Path, tmp_path: Path) -> None:
    for target in (data_dir, tmp_path):
        refused = run_p13n("log", "salvage", "--data-dir", data_dir, "--to", target)
        assert refused.returncode == ExitCode.DIRECTORY
        assert "not empty" in refused.stderr
        assert_one_sentence(refused.stderr)


def test_salvage_makes_do_without_the_manifest_and_the_secret(
    data_dir: Path, tmp_path: Path
) -> None:
    (data_dir / REACTOR / "log" / "manifest").unlink()
    (data_dir / REACTOR / "secret").unlink()
    found = salvaged(data_dir, tmp_path / "new")
    assert found["events"] == 15
    assert logs.hash_of(tmp_path / "new") != ""


def test_log_info_of_nothing_is_one_sentence(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "none"):
        shown = run_p13n("log", "info", "--data-dir", directory)
        assert shown.returncode == ExitCode.DIRECTORY
        assert_one_sentence(shown.stderr)
