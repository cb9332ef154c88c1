"""A server on a disk that fills up, and on one that fails: what it answers, and how it ends.

The disk that fills is a small file system of its own, mounted for the test; the one that fails is
the real one, with the system call's answer replaced by strace. Both need rights or tools that not
every machine has: there the test is skipped and says why.
"""

import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import p13n
from p13n.exit_codes import ExitCode
from serving import Server, create_key, event_headers, serving, within

CONTRACT = Path(__file__).parents[1] / "golden" / "http" / "contract.yaml"
TOKEN = "1/8/e65d8a9df2094f02b84cd660efff6f27"
# Room for the open segment (64 MiB) and not for the next one beside the ballast.
DISK_BYTES = 200 << 20
BALLAST_BYTES = 100 << 20
LARGE_EVENT_BYTES = 900_000
RESUME_S = 5.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(mount)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("NOT RUN: the drill on a full disk needs root, to mount a small one")
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"NOT RUN: this machine mounts nothing: {mounted.stderr.strip()}")
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=False)


def _send(server: Server, key: str, name: str, padding_bytes: int = 0) -> int:
    event = {"uuid": name, "td_client_id": "202", "padding": "x" * padding_bytes}
    answer = server.request(headers=event_headers(key, TOKEN), body=json.dumps(event).encode())
    if answer.status != 200:
        assert (answer.status, answer.json()["code"]) == (503, 5007), answer.body
    return answer.status


@pytest.mark.timeout(300)
def test_a_full_disk_refuses_events_goes_on_reading_and_resumes_by_itself(
    small_disk: Path,
) -> None:
    data_dir = small_disk / "data"
    data_dir.mkdir()
    key = create_key(data_dir)
    ballast = small_disk / "ballast"
    answered: list[str] = []
    with serving(CONTRACT, data_dir=data_dir) as server:
        first = str(uuid.uuid4())
        assert _send(server, key, first) == 200
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)
        answered.append(first)
        for _ in range(DISK_BYTES // LARGE_EVENT_BYTES):
            name = str(uuid.uuid4())
            if _send(server, key, name, LARGE_EVENT_BYTES) != 200:
                break
            answered.append(name)
        else:
            pytest.fail("the disk never filled up")
        # Full: nothing new is taken, a repeat is answered, the process says what ails it.
        assert _send(server, key, str(uuid.uuid4())) == 503
        assert _send(server, key, first) == 200
        probe = server.request("GET", "/readyz", port=server.admin_port)
        assert probe.status == 503
        assert any("full" in reason for reason in probe.json()["reasons"])
        assert server.process.poll() is None

        ballast.unlink()
        freed = time.monotonic()
        name = str(uuid.uuid4())
        assert within(RESUME_S, lambda: _send(server, key, name) == 200)
        assert time.monotonic() - freed < RESUME_S
        answered.append(name)
        assert server.request("GET", "/readyz", port=server.admin_port).status == 200
        assert server.stop() == 0
    logged = [entry["uuid"] for entry in p13n.log_events(str(data_dir / "1-8"))]
    assert logged == answered


@pytest.mark.timeout(120)
@pytest.mark.parametrize("call", [3, 6, 9])
def test_a_failed_sync_ends_the_process_at_once_and_nothing_answered_is_lost(
    tmp_path: Path, call: int
) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("NOT RUN: failing a sync of the real process needs strace")
    key = create_key(tmp_path)
    # The first few syncs belong to recovery; what is counted begins with the first event.
    with serving(CONTRACT, data_dir=tmp_path) as server:
        assert server.stop() == 0
    trace = tmp_path.with_suffix(".trace")
    under: list[str | Path] = [strace, "-f", "-qq", "-o", trace, "-e", "trace=fdatasync"]
    under += ["-e", f"inject=fdatasync:error=EIO:when={call}+"]
    answered: list[str] = []
    try:
        with serving(CONTRACT, data_dir=tmp_path, under=under) as server:
            refused = None
            for _ in range(20):
                name = str(uuid.uuid4())
                if _send(server, key, name) != 200:
                    refused = time.monotonic()
                    break
                answered.append(name)
            assert refused is not None, "no sync failed"
            assert server.process.wait(5) == ExitCode.LOG_FAILED
            assert time.monotonic() - refused < 2  # one second, and strace's own share
    except AssertionError as error:
        if "did not start" not in str(error):
            raise
    assert "EIO" in trace.read_text(), "the fault landed"
    with serving(CONTRACT, data_dir=tmp_path) as server:
        assert server.stop() == 0
    logged = [entry["uuid"] for entry in p13n.log_events(str(tmp_path / "1-8"))]
    assert set(answered) <= set(logged)
    assert len(logged) == len(set(logged))
