"""Export and SQL: every synced event exactly once, under columns that hold it, whatever happens.

`P13N_EXPORT_KILLS=50 pytest -k killed` kills an export fifty times instead of eight.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import logs
import retail_oracle as oracle
from logs import CONTRACT, DATABASE, REACTOR, TABLE, assert_one_sentence, fill
from p13n import Reactor
from p13n.exit_codes import ExitCode
from p13n.lake.columns import FIELDS_MAX, NAME_LENGTH_MAX
from serving import run_p13n

EXAMPLES = Path(str(resources.files("p13n"))) / "examples"
RETAIL = EXAMPLES / "retail.yaml"
SAMPLE = EXAMPLES / "retail-sample.jsonl.gz"
WHOLE_FILE = os.environ.get("P13N_RETAIL_FILE")
KILLS = int(os.environ.get("P13N_EXPORT_KILLS", "8"))
EVENTS = f"events/database={DATABASE}/table={TABLE}"


def export(data_dir: Path, to: Path, *flags: str) -> str:
    """What `p13n log export` prints."""
    done = run_p13n("log", "export", "--data-dir", data_dir, "--to", to, *flags, timeout_s=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(folder: Path) -> list[dict[str, Any]]:
    """All rows of all Parquet files below a folder, by LSN."""
    found = [
        row for path in folder.rglob("*.parquet") for row in pq.ParquetFile(path).read().to_pylist()
    ]
    return sorted(found, key=lambda row: row["lsn"])


def sql(data_dir: Path, query: str, *flags: str) -> list[dict[str, Any]]:
    """The rows of a query."""
    done = run_p13n("sql", query, "--data-dir", data_dir, "--json", *flags, timeout_s=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def store(data_dir: Path, *bodies: dict[str, Any] | bytes, table: str = TABLE) -> None:
    """Events of one client."""
    with Reactor.open(CONTRACT, data_dir=data_dir) as reactor:
        events = [
            body if isinstance(body, bytes) else {"td_client_id": "c", **body} for body in bodies
        ]
        assert reactor.ingest_many(DATABASE, table, events).refused == []


# ------------------------------------------------------------------ real events


def compare_with_totals(file: Path, tmp_path: Path) -> None:
    """Ingests a file, exports it, and compares what SQL adds up with plain Python."""
    events = oracle.read_events(file)
    data_dir = tmp_path / "data"
    done = run_p13n(
        *("ingest", RETAIL, file, "--data-dir", data_dir, "--clock", "event"),
        *("--to", "retail.order_lines"),
        timeout_s=300,
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(events)} events" in export(data_dir, tmp_path / "lake")
    flags = ("--to", str(tmp_path / "lake"))
    (totals,) = sql(
        data_dir,
        "select count(*) n, count(distinct lsn) lsns, count(distinct uuid) uuids, min(lsn) first, "
        "max(lsn) last, sum(quantity) quantity from retail.order_lines",
        *flags,
    )
    assert totals == {
        "n": len(events),
        "lsns": len(events),
        "uuids": len(events),
        "first": 2,
        "last": len(events) + 1,
        "quantity": sum(event["quantity"] for event in events),
    }
    spend: Counter[str] = Counter()
    for event in events:
        spend[event["country"]] += round(event["unit_price"] * 1000) * event["quantity"]
    found = sql(
        data_dir,
        "select country, sum(round(unit_price * 1000) * quantity)::BIGINT spend "
        "from events group by 1",
        *flags,
    )
    assert {row["country"]: row["spend"] for row in found} == spend
    hours = Counter(
        datetime.fromtimestamp(event["time"], UTC).strftime("%Y-%m-%d-%H") for event in events
    )
    found = sql(data_dir, "select hour, count(*) n from retail.order_lines group by 1", *flags)
    assert {row["hour"]: row["n"] for row in found} == hours
    offered = Counter(name for offers in oracle.Shop().feed_all(events) for name in offers)
    found = sql(data_dir, "select offer, count(*) n from offers group by 1", *flags)
    assert {row["offer"]: row["n"] for row in found} == offered


def test_the_sample_adds_up_as_in_plain_python(tmp_path: Path) -> None:
    compare_with_totals(SAMPLE, tmp_path)


@pytest.mark.timeout(900)
@pytest.mark.skipif(WHOLE_FILE is None, reason="the whole file is not bundled: P13N_RETAIL_FILE")
def test_the_whole_file_adds_up_as_in_plain_python(tmp_path: Path) -> None:
    assert WHOLE_FILE is not None
    compare_with_totals(Path(WHOLE_FILE), tmp_path)


# ------------------------------------------------------------------ columns


def test_a_rerun_adds_what_is_new_and_nothing_else(tmp_path: Path) -> None:
    data_dir, lake = tmp_path / "data", tmp_path / "lake"
    for turn in range(3):
        fill(data_dir, turn * 10, 10)
        assert "10 events" in export(data_dir, lake)
        assert "0 events and 0 offers" in export(data_dir, lake)
    assert [row["n"] for row in rows(lake / REACTOR / "events")] == list(range(30))
    assert not list((lake / REACTOR / "staging").iterdir())


def test_a_row_has_the_events_time_uuid_lsn_and_fields(tmp_path: Path) -> None:
    data_dir, lake = tmp_path / "data", tmp_path / "lake"
    uuid = "e65d8a9d-f209-4f02-b84c-d660efff6f27"
    with Reactor.open(CONTRACT, data_dir=data_dir) as reactor:
        body = {"td_client_id": "c", "uuid": uuid, "time": 1_700_000_000, "ok": True, "x": None}
        reactor.personalize(
            DATABASE, TABLE, {**body, "l": [1, {"a": "b"}]}, now_ms=1_700_000_123_456
        )
    export(data_dir, lake)
    (file,) = (lake / REACTOR / "events").rglob("*.parquet")
    place = "hour=2023-11-14-22/00000000000000000001-00000000000000000002.parquet"
    assert file == lake / REACTOR / EVENTS / place
    (row,) = rows(lake / REACTOR / "events")
    assert row.pop("time").isoformat() == "2023-11-14T22:15:23.456000"
    assert row == {
        "uuid": uuid,
        "lsn": 2,
        "td_client_id": "c",
        "body_uuid": uuid,
        "body_time": 1_700_000_000,
        "ok": True,
        "l": '[1,{"a":"b"}]',
        "extra": '{"x":null}',
    }


def test_values_of_several_types_become_json_text_in_every_file(tmp_path: Path) -> None:
    data_dir, lake = tmp_path / "data", tmp_path / "lake"
    store(data_dir, {"a": 1, "b": 1, "c": "x", "d": True, "e": 2**60})
    export(data_dir, lake)
    store(data_dir, {"a": 2.5, "b": 7, "c": "y", "d": False, "e": 1})
    export(data_dir, lake)
    files = sorted((lake / REACTOR / EVENTS).rglob("*.parquet"))
    types = [{field.name: field.type for field in pq.read_schema(file)} for file in files]
    assert types[0] == types[1]
    assert types[0]["a"] == pa.float64(), "whole numbers and others are doubles"
    store(data_dir, {"a": "text", "b": [1], "c": 3, "d": "true", "e": 0.5})
    store(data_dir, {"b": {"x": 1}})
    export(data_dir, lake)
    found = rows(lake / REACTOR / "events")
    assert [row["a"] for row in found[:3]] == ["1.0", "2.5", '"text"']
    assert [row.get("b") for row in found] == ["1", "7", "[1]", '{"x":1}']
    assert [row["c"] for row in found[:3]] == ['"x"', '"y"', "3"]
    assert [row["d"] for row in found[:3]] == ["true", "false", '"true"']
    assert [row["e"] for row in found[:3]] == [str(2**60), "1", "0.5"], "nothing is rounded"
    (total,) = sql(
        data_dir,
        "select sum(b::INT) s from events where b::VARCHAR < '[' and lsn < 4",
        "--to",
        str(lake),
    )
    assert total == {"s": 8}


def test_the_most_frequent_fields_are_columns_and_the_rest_is_extra(tmp_path: Path) -> None:
    data_dir, lake = tmp_path / "data", tmp_path / "lake"
    names = [f"field_{number}" for number in range(FIELDS_MAX + 100)]
    # `td_client_id` is one of them; the first 101 fields come once, the others twice.
    halves = [
        dict.fromkeys(part, 1) for part in (names[:550], names[550:], names[101:600], names[600:])
    ]
    store(data_dir, *halves)
    export(data_dir, lake)
    files = (lake / REACTOR / "events").rglob("*.parquet")
    columns = {field.name for file in files for field in pq.read_schema(file)}
    assert columns == {"time", "uuid", "lsn", "extra", "td_client_id", *names[101:]}
    first = rows(lake / REACTOR / "events")[0]
    assert json.loads(first["extra"]) == dict.fromkeys(names[:101], 1)
    (row,) = sql(
        data_dir,
        "select extra->>'field_7' x from events where extra is not null",
        "--to",
        str(lake),
    )
    assert row == {"x": "1"}


def test_names_that_no_column_can_have_stay_in_extra(tmp_path: Path) -> None:
    data_dir, lake = tmp_path / "data", tmp_path / "lake"
    odd = {"": 1, "a\nb": 2, "n" * NAME_LENGTH_MAX: 3, "n" * (NAME_LENGTH_MAX + 1): 4}
    store(data_dir, {"Price": 5, 'quo"te': 6, "LSN": 7, **odd}, {"price": 8})
    export(data_dir, lake)
    first, second = rows(lake / REACTOR / "events")
    assert (first["Price"], first['quo"te'], first["body_LSN"]) == (5, 6, 7)
    assert first["n" * NAME_LENGTH_MAX] == 3
    assert json.loads(first["extra"]) == {"": 1, "a\nb": 2, "n" * (NAME_LENGTH_MAX + 1): 4}
    assert json.loads(second["extra"]) == {"price": 8}, "names differ by more than case"
    assert len(sql(data_dir, "select * from events", "--to", str(lake))) == 2


def test_tables_of_other_types_meet_in_one_view(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    store(data_dir, {"v": 1})
    store(data_dir, {"v": "one", "w": 2}, table="others")
    found = sql(data_dir, 'select "table", v, w from events order by lsn')
    assert found == [{"table": TABLE, "v": 1, "w": None}, {"table": "others", "v": "one", "w": 2}]
    assert sql(data_dir, f"select v from {DATABASE}.others") == [{"v": "one"}]
    assert (data_dir / "lake" / REACTOR / "state.json").exists()


# ------------------------------------------------------------------ exactly once

RUN = """
import sys
from pathlib import Path
from p13n.lake import export
export.CHUNK_EVENTS = 40
export.export(Path(sys.argv[1]), Path(sys.argv[2]), offers=True, advance=lambda done: None)
"""


@pytest.mark.timeout(60 + 10 * KILLS)
def test_an_export_that_is_killed_at_any_moment_neither_loses_nor_doubles(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    data_dir, lake = tmp_path / "data", tmp_path / "lake"
    stored = 0
    killed = 0
    took_s = 0.0
    for turn in range(KILLS + 1):
        # A field whose type changes makes the killed run rewrite files, too.
        value: list[Any] = [1, 2.5, "x", None][turn % 4 : turn % 4 + 1]
        with Reactor.open(CONTRACT, data_dir=data_dir) as reactor:
            for number in range(stored, stored + 400):
                at = 1_700_000_000_000 + number * 60_000
                event = {**logs.event(number), f"f{turn // 4}": value[0]}
                reactor.personalize(DATABASE, TABLE, event, now_ms=at)
        stored += 400
        command = [sys.executable, "-c", RUN, str(data_dir / REACTOR), str(lake)]
        # The first run says how long one takes; the others are killed somewhere within.
        patience_s = chance.uniform(0.2, 1.0) * took_s if turn else 60.0
        begun = time.monotonic()
        with subprocess.Popen(command) as process:
            try:
                assert process.wait(patience_s) == 0, f"seed {seed}"
                took_s = time.monotonic() - begun
            except subprocess.TimeoutExpired:
                process.kill()
                killed += 1
        numbers = Counter(row["n"] for row in rows(lake / REACTOR / "events"))
        assert set(numbers.values()) <= {1}, f"seed {seed}: a row is there twice"
    assert killed > 0, f"seed {seed}: nothing was killed"
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    found = [row["n"] for row in rows(lake / REACTOR / "events")]
    assert found == list(range(stored)), f"seed {seed}"
    offers = [row["lsn"] for row in rows(lake / REACTOR / "offers")]
    assert len(offers) == len(set(offers)) == stored, f"seed {seed}: each was offered one thing"
    export(data_dir, tmp_path / "whole")
    fresh = rows(tmp_path / "whole" / REACTOR / "events")
    for name in ("lsn", "uuid", "time", "td_client_id", "product_category"):
        kept = [row[name] for row in rows(lake / REACTOR / "events")]
        assert kept == [row[name] for row in fresh], f"seed {seed}: {name}"


def test_two_exports_at_once_are_refused(tmp_path: Path) -> None:
    from p13n.lake.state import locked

    fill(tmp_path / "data", 0, 3)
    with locked(tmp_path / "lake" / REACTOR):
        refused = run_p13n(
            "log", "export", "--data-dir", tmp_path / "data", "--to", tmp_path / "lake"
        )
    assert refused.returncode == ExitCode.FAILED
    assert "Another export" in refused.stderr
    assert_one_sentence(refused.stderr)


def test_an_export_goes_on_only_with_the_log_that_it_is_of(tmp_path: Path) -> None:
    data_dir, lake, past = tmp_path / "data", tmp_path / "lake", tmp_path / "past"
    fill(data_dir, 0, 30, now_ms=1_700_000_000_000)
    export(data_dir, lake)
    assert run_p13n("backup", tmp_path / "backup", "--data-dir", data_dir).returncode == 0
    until = ("--until", "1700000000010")
    assert run_p13n("restore", tmp_path / "backup", "--data-dir", past, *until).returncode == 0
    for count in (1, 100):
        fill(past, 500, count)
        refused = run_p13n("log", "export", "--data-dir", past, "--to", lake)
        assert refused.returncode == ExitCode.FAILED
        assert "another way" in refused.stderr
        assert_one_sentence(refused.stderr)
    fill(tmp_path / "other", 0, 3)
    refused = run_p13n("log", "export", "--data-dir", tmp_path / "other", "--to", lake)
    assert "another log" in refused.stderr
    assert_one_sentence(refused.stderr)
    assert len(rows(lake / REACTOR / "events")) == 30


def test_a_state_that_is_damaged_newer_or_gone_is_one_sentence(tmp_path: Path) -> None:
    data_dir, lake = tmp_path / "data", tmp_path / "lake"
    fill(data_dir, 0, 3)
    export(data_dir, lake)
    state = lake / REACTOR / "state.json"
    newer = json.dumps({**json.loads(state.read_text()), "version": 9})
    for content in ("{", newer, None):
        if content is None:
            state.unlink()
        else:
            state.write_text(content)
        refused = run_p13n("log", "export", "--data-dir", data_dir, "--to", lake)
        assert refused.returncode == ExitCode.FAILED
        assert_one_sentence(refused.stderr)


# ------------------------------------------------------------------ bad input

COMMANDS = {"export": ["log", "export", "--to", "LAKE"], "sql": ["sql", "select 1"]}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_directory_an_empty_one_and_a_damaged_log_are_one_sentence(
    tmp_path: Path, name: str
) -> None:
    command = [part.replace("LAKE", str(tmp_path / "lake")) for part in COMMANDS[name]]
    (tmp_path / "empty").mkdir()
    for directory in (tmp_path / "none", tmp_path / "empty"):
        refused = run_p13n(*command, "--data-dir", directory)
        assert (refused.returncode, refused.stdout) == (ExitCode.DIRECTORY, "")
        assert_one_sentence(refused.stderr)
    for damage in ("flip", "newer"):
        data_dir = tmp_path / damage
        fill(data_dir, 0, 20)
        if damage == "flip":
            logs.flip(logs.segments(data_dir)[0], 900)
        else:
            logs.make_newer(data_dir)
        refused = run_p13n(*command, "--data-dir", data_dir)
        assert (refused.returncode, refused.stdout) == (ExitCode.LOG_DAMAGED, "")
        assert_one_sentence(refused.stderr)
    target = tmp_path / "file"
    target.write_text("x")
    fill(tmp_path / "good", 0, 1)
    refused = run_p13n(*COMMANDS[name][:2], "--to", target, "--data-dir", tmp_path / "good")
    assert refused.returncode == ExitCode.DIRECTORY
    assert_one_sentence(refused.stderr)


@pytest.mark.parametrize("missing", ["duckdb", "pyarrow"])
def test_without_the_extra_its_installation_is_told(tmp_path: Path, missing: str) -> None:
    fill(tmp_path / "data", 0, 1)
    (tmp_path / f"{missing}.py").write_text("raise ImportError('No module named it')")
    env = {"PYTHONPATH": str(tmp_path)}
    for name in COMMANDS:
        command = [part.replace("LAKE", str(tmp_path / "lake")) for part in COMMANDS[name]]
        refused = run_p13n(*command, "--data-dir", tmp_path / "data", env=env)
        assert refused.returncode == ExitCode.FAILED
        assert "pip install 'p13n[lake]'" in refused.stderr
        assert_one_sentence(refused.stderr)
    shown = run_p13n("log", "tail", "--data-dir", tmp_path / "data", env=env)
    assert shown.returncode == 0, "nothing else needs it"


@pytest.mark.parametrize(
    "query", ["selec 1", "select * from nothing", "select 1 +", "select x from events"]
)
def test_a_wrong_query_is_one_sentence(tmp_path: Path, query: str) -> None:
    fill(tmp_path / "data", 0, 2)
    refused = run_p13n("sql", query, "--data-dir", tmp_path / "data")
    assert (refused.returncode, refused.stdout) == (ExitCode.FAILED, "")
    assert_one_sentence(refused.stderr)


def test_an_answer_is_a_table_csv_or_json(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    store(data_dir, {"v": 'a "quoted", text'}, {"v": None})
    query = "select lsn, v from events order by lsn"
    table = run_p13n("sql", query, "--data-dir", data_dir).stdout
    assert table == 'lsn  v\n---  ----------------\n2    a "quoted", text\n3    NULL\n'
    comma = run_p13n("sql", query, "--data-dir", data_dir, "--csv").stdout
    assert comma == 'lsn,v\n2,"a ""quoted"", text"\n3,\n'
    assert sql(data_dir, query) == [{"lsn": 2, "v": 'a "quoted", text'}, {"lsn": 3, "v": None}]
    both = run_p13n("sql", query, "--data-dir", data_dir, "--csv", "--json")
    assert both.returncode == ExitCode.USAGE
    assert_one_sentence(both.stderr)
    assert sql(data_dir, "select * from offers where false") == []
    long = run_p13n("sql", "select range r from range(1000)", "--data-dir", data_dir)
    assert len(long.stdout.splitlines()) == 202
    assert "first 200 rows" in long.stderr


def test_an_empty_log_has_the_views_all_the_same(tmp_path: Path) -> None:
    fill(tmp_path / "data", 0, 0)
    assert sql(tmp_path / "data", "select count(*) n from events") == [{"n": 0}]
    assert sql(tmp_path / "data", "select count(*) n from offers") == [{"n": 0}]


def test_files_are_found_where_a_path_looks_like_a_pattern(tmp_path: Path) -> None:
    fill(tmp_path / "data [1]*", 0, 3)
    shutil.copytree(tmp_path / "data [1]*", tmp_path / "data 1x")
    assert sql(tmp_path / "data [1]*", "select count(*) n from events") == [{"n": 3}]


def test_changes_of_identity_are_a_table_and_each_is_there_once(tmp_path: Path) -> None:
    data_dir, lake = tmp_path / "data", tmp_path / "lake"
    for _ in range(2):
        store(data_dir, {"v": 1})
        export(data_dir, lake)
    found = sql(
        data_dir,
        "select profile_change_type, event_type, key_values, merged_rids, reactor_instance_id, "
        "count(*) n from id_changes group by all",
        "--to",
        str(lake),
    )
    assert [row["profile_change_type"] for row in found] == ["profile_added"]
    assert (found[0]["event_type"], found[0]["key_values"], found[0]["merged_rids"]) == (
        "id",
        None,
        "[]",
    )
    assert found[0]["reactor_instance_id"] == REACTOR.partition("-")[2]
    distinct = sql(data_dir, "select count(distinct lsn) n from id_changes", "--to", str(lake))
    assert distinct == [{"n": found[0]["n"]}]
