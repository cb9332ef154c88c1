"""API keys: what is stored, what is shown, and what survives."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from p13n import keys
from p13n.keys import KeyFileError, KeyKind, KeyRing
from serving import run_p13n


def test_a_key_is_an_account_and_forty_hex_digits(tmp_path: Path) -> None:
    assert re.fullmatch("12/[0-9a-f]{40}", keys.create(tmp_path, 12, KeyKind.WRITE))


def test_only_digests_are_stored_and_only_for_the_owner(tmp_path: Path) -> None:
    text = keys.create(tmp_path, 1, KeyKind.MASTER)
    file = tmp_path / "keys.json"
    assert text.split("/")[1] not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


def test_a_key_is_found_by_its_text_and_by_nothing_like_it(tmp_path: Path) -> None:
    text = keys.create(tmp_path, 1, KeyKind.WRITE).encode()
    ring = KeyRing(tmp_path)
    assert ring.find(text) is None, "nothing is known before the file is read"
    assert ring.refresh()
    found = ring.find(text)
    assert found is not None
    assert (found.account, found.kind) == (1, KeyKind.WRITE)
    for other in (b"", text[:-1], text + b"0", b"2" + text[1:], text.upper() + b"\n", b"1/"):
        assert ring.find(other) is None


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [("write", True), ("master", True), ("editor", False), ("viewer", False)],
)
def test_only_write_and_master_keys_may_call_the_data_plane(
    tmp_path: Path, kind: str, allowed: bool
) -> None:
    text = keys.create(tmp_path, 1, KeyKind(kind))
    ring = KeyRing(tmp_path)
    ring.refresh()
    found = ring.find(text.encode())
    assert found is not None
    assert found.may_call_data_plane() is allowed


def test_a_ring_reads_the_file_again_only_when_it_changed(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    assert ring.refresh(), "no file yet"
    assert not ring.refresh()
    text = keys.create(tmp_path, 1, KeyKind.WRITE)
    assert ring.refresh()
    assert not ring.refresh()
    (key,) = keys.load(tmp_path)
    keys.revoke(tmp_path, key.id)
    assert ring.refresh()
    assert ring.find(text.encode()) is None


def test_a_damaged_file_leaves_the_old_keys_in_force(tmp_path: Path) -> None:
    text = keys.create(tmp_path, 1, KeyKind.WRITE)
    ring = KeyRing(tmp_path)
    ring.refresh()
    (tmp_path / "keys.json").write_text('{"version": 1, "keys": [{"id": ')
    for _ in range(2):
        with pytest.raises(KeyFileError, match="damaged"):
            ring.refresh()
    assert ring.find(text.encode()) is not None


@pytest.mark.parametrize(
    "document",
    [
        "[]",
        '{"version": 1}',
        '{"version": 1, "keys": [{}]}',
        '{"version": 1, "keys": [{"id": "a", "account": 1, "kind": "god", "digest": "00",'
        ' "created_ms": 0}]}',
        '{"version": 1, "keys": [{"id": "a", "account": 1, "kind": "write", "digest": "00",'
        ' "created_ms": 0}]}',
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, document: str) -> None:
    (tmp_path / "keys.json").write_text(document)
    with pytest.raises(KeyFileError, match="damaged"):
        keys.load(tmp_path)


def test_a_file_of_a_newer_version_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text('{"version": 2, "keys": []}')
    with pytest.raises(KeyFileError, match="newer version"):
        keys.load(tmp_path)


def test_an_unknown_id_revokes_nothing(tmp_path: Path) -> None:
    keys.create(tmp_path, 1, KeyKind.WRITE)
    with pytest.raises(KeyFileError, match="No key has the id"):
        keys.revoke(tmp_path, "000000000000")
    assert len(keys.load(tmp_path)) == 1


def test_keys_created_by_many_processes_at_once_are_all_kept(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from p13n import keys\n"
        "for _ in range(10): keys.create(pathlib.Path(sys.argv[1]), 1, keys.KeyKind.WRITE)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    assert len({key.digest for key in keys.load(tmp_path)}) == 40
    assert {path.name for path in tmp_path.iterdir()} == {"keys.json", "keys.lock"}


def test_create_prints_the_key_alone_and_list_never_shows_it(tmp_path: Path) -> None:
    created = run_p13n("key", "create", "--data-dir", tmp_path, "--account", "7")
    assert created.returncode == 0
    assert re.fullmatch("7/[0-9a-f]{40}\n", created.stdout)
    assert created.stderr == ""
    listed = run_p13n("key", "list", "--data-dir", tmp_path)
    (entry,) = json.loads((tmp_path / "keys.json").read_text())["keys"]
    assert entry["id"] in listed.stdout
    assert "write" in listed.stdout
    assert created.stdout.strip().split("/")[1] not in listed.stdout
    revoked = run_p13n("key", "revoke", entry["id"], "--data-dir", tmp_path)
    assert (revoked.returncode, keys.load(tmp_path)) == (0, [])
    again = run_p13n("key", "revoke", entry["id"], "--data-dir", tmp_path)
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1
