"""Backup and restore: hot, incremental, to any moment, and never half."""

import json
import stat
import threading
from pathlib import Path

import pytest

import logs
from logs import CONTRACT, DATABASE, REACTOR, TABLE, assert_one_sentence, fill, flip, segments
from p13n import Reactor, log_backup, log_rehearse, log_restore
from p13n.exit_codes import ExitCode
from serving import create_key, run_p13n, serving

START_MS = 1_700_000_000_000


@pytest.fixture
def backed_up(tmp_path: Path) -> Path:
    """A data directory `data` of 20 events a millisecond apart, and its backup."""
    fill(tmp_path / "data", 0, 10, now_ms=START_MS)
    fill(tmp_path / "data", 10, 10, now_ms=START_MS)
    done = run_p13n("backup", tmp_path / "backup", "--data-dir", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    return tmp_path / "backup"


class Load(threading.Thread):
    """Sends events of a phase until told to end."""

    def __init__(self, reactor: Reactor, phase: int) -> None:
        super().__init__()
        self._reactor = reactor
        self._phase = phase
        self.enough = threading.Event()
        self.sent = 0

    def run(self) -> None:
        """Each at its own millisecond of the phase."""
        while not self.enough.is_set() or self.sent < 300:
            at = START_MS + self._phase * 1_000_000 + self.sent
            event = logs.event(self._phase * 7 + self.sent % 50)
            self._reactor.personalize(DATABASE, TABLE, event, now_ms=at)
            self.sent += 1


def test_a_backup_under_load_is_restored_to_three_moments(tmp_path: Path) -> None:
    hashes: list[str] = []
    backup, own = tmp_path / "backup" / REACTOR, tmp_path / "data" / REACTOR
    with Reactor.open(CONTRACT, data_dir=tmp_path / "data") as reactor:
        for phase in range(3):
            load = Load(reactor, phase)
            load.start()
            copied = [log_backup(own, backup) for _ in range(3)]
            load.enough.set()
            load.join()
            lsns = [each["last_lsn"] for each in copied]
            assert lsns == sorted(lsns), "a backup only grows"
            hashes.append(reactor.state_hash())
    log_backup(own, backup)
    for phase, expected in enumerate(hashes):
        target = tmp_path / f"restored-{phase}"
        log_restore(backup, target / REACTOR, START_MS + phase * 1_000_000 + 999_999)
        assert log_rehearse(target / REACTOR) == expected
        assert logs.hash_of(target) == expected
    log_restore(backup, tmp_path / "whole" / REACTOR)
    assert logs.hash_of(tmp_path / "whole") == hashes[-1]


def test_a_backup_beside_a_server_is_a_complete_data_directory(tmp_path: Path) -> None:
    data_dir, backup = tmp_path / "data", tmp_path / "backup"
    create_key(data_dir)
    with serving(CONTRACT, data_dir=data_dir) as server:
        done = run_p13n("backup", backup, "--data-dir", data_dir)
        assert done.returncode == 0, done.stderr
        assert "LSN 1," in done.stdout
        assert server.stop() == 0
    for name in (f"{REACTOR}/secret", "keys.json"):
        assert (backup / name).read_bytes() == (data_dir / name).read_bytes()
        assert stat.S_IMODE((backup / name).stat().st_mode) == 0o600
    with serving(CONTRACT, data_dir=backup) as server:
        assert server.stop() == 0


def test_only_what_is_new_is_copied(backed_up: Path, tmp_path: Path) -> None:
    again = run_p13n("backup", backed_up, "--data-dir", tmp_path / "data")
    assert "0 files (0 bytes) copied, 6 kept" in again.stdout, "segments, snapshots, identities"
    fill(tmp_path / "data", 20, 1)
    more = run_p13n("backup", backed_up, "--data-dir", tmp_path / "data")
    assert "3 files" in more.stdout, "a segment, a snapshot, identities"
    assert "6 kept" in more.stdout


def test_a_restore_ends_with_the_last_event_of_the_time(backed_up: Path, tmp_path: Path) -> None:
    for count, until in [
        (20, None),
        (6, str(START_MS + 5)),
        (13, "2023-11-14T22:13:20.012Z"),
        (13, "2023-11-14T23:13:20.012+01:00"),
        (20, "2023-11-14T22:13:21"),
    ]:
        target = tmp_path / f"new-{until}"
        flags = [] if until is None else ["--until", until]
        done = run_p13n("restore", backed_up, "--data-dir", target, *flags)
        assert done.returncode == 0, done.stderr
        with Reactor.open(CONTRACT, data_dir=target) as reactor:
            numbers = [json.loads(event["body"])["n"] for event in reactor.events()]
            assert numbers == list(range(count))
            reactor.personalize(DATABASE, TABLE, logs.event(99))
        assert run_p13n("log", "verify", "--data-dir", target).returncode == 0


def test_a_wrong_time_a_time_before_all_and_a_taken_target_are_refused(
    backed_up: Path, tmp_path: Path
) -> None:
    for word in ("yesterday", "", "2023-13-01", "-5"):
        refused = run_p13n("restore", backed_up, "--data-dir", tmp_path / "new", "--until", word)
        assert refused.returncode == ExitCode.USAGE, word
        assert_one_sentence(refused.stderr)
    early = run_p13n("restore", backed_up, "--data-dir", tmp_path / "new", "--until", "1000")
    assert early.returncode == ExitCode.FAILED
    assert_one_sentence(early.stderr)
    for target in (tmp_path / "data", backed_up / "keys.lock"):
        backed_up.joinpath("keys.lock").touch()
        taken = run_p13n("restore", backed_up, "--data-dir", target)
        assert taken.returncode == ExitCode.DIRECTORY
        assert_one_sentence(taken.stderr)
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".*.partial")), "nothing half is left"


def test_a_damaged_log_never_takes_the_place_of_its_backup(backed_up: Path, tmp_path: Path) -> None:
    files = {path: path.read_bytes() for path in backed_up.rglob("*") if path.is_file()}
    segment = segments(tmp_path / "data")[0]
    flip(segment, segment.stat().st_size // 2)
    done = run_p13n("backup", backed_up, "--data-dir", tmp_path / "data")
    assert done.returncode == ExitCode.LOG_DAMAGED
    assert_one_sentence(done.stderr)
    assert "Nothing was copied" in done.stderr
    assert segment.name in done.stderr
    assert {path: path.read_bytes() for path in backed_up.rglob("*") if path.is_file()} == files


def test_a_damaged_backup_is_not_restored(backed_up: Path, tmp_path: Path) -> None:
    flip(segments(backed_up)[0], 300)
    refused = run_p13n("restore", backed_up, "--data-dir", tmp_path / "new")
    assert refused.returncode == ExitCode.LOG_DAMAGED
    assert "damaged at byte" in refused.stderr
    assert_one_sentence(refused.stderr)
    assert not (tmp_path / "new").exists()
    healed = run_p13n("backup", backed_up, "--data-dir", tmp_path / "data")
    assert "1 files" in healed.stdout
    assert run_p13n("restore", backed_up, "--data-dir", tmp_path / "new").returncode == 0


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_what_is_no_data_directory_is_refused(tmp_path: Path, command: str) -> None:
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "none", tmp_path / "empty"):
        new = tmp_path / "new"
        place, data_dir = (new, source) if command == "backup" else (source, new)
        refused = run_p13n(command, place, "--data-dir", data_dir)
        assert refused.returncode == ExitCode.DIRECTORY
        assert_one_sentence(refused.stderr)
        assert not new.exists()


def test_a_backup_goes_nowhere_where_something_else_is(backed_up: Path, tmp_path: Path) -> None:
    same = run_p13n("backup", tmp_path / "data", "--data-dir", tmp_path / "data")
    assert same.returncode == ExitCode.USAGE
    assert_one_sentence(same.stderr)
    fill(tmp_path / "other", 0, 3)
    before = logs.digest(backed_up)
    other = run_p13n("backup", backed_up, "--data-dir", tmp_path / "other")
    assert other.returncode == ExitCode.DIRECTORY
    assert_one_sentence(other.stderr)
    assert logs.digest(backed_up) == before
    (tmp_path / "file").write_text("x")
    file = run_p13n("backup", tmp_path / "file", "--data-dir", tmp_path / "data")
    assert file.returncode == ExitCode.DIRECTORY
    assert_one_sentence(file.stderr)


def test_a_log_that_went_another_way_needs_a_new_backup(backed_up: Path, tmp_path: Path) -> None:
    past = tmp_path / "past"
    until = ["--until", str(START_MS + 5)]
    assert run_p13n("restore", backed_up, "--data-dir", past, *until).returncode == 0
    fill(past, 50, 40)
    refused = run_p13n("backup", backed_up, "--data-dir", past)
    assert refused.returncode == ExitCode.DIRECTORY
    assert "another way" in refused.stderr
    assert_one_sentence(refused.stderr)
