"""The command line: every command's good case, and one sentence and a code for every bad one."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from p13n import Reactor, __version__
from p13n.exit_codes import ExitCode
from serving import create_key, run_p13n, serving

GOLDEN = Path(__file__).parent / "golden" / "http"
CONTRACT = GOLDEN / "contract.yaml"
TARGET = ["--to", "your_database.pageviews"]


def assert_one_sentence(stderr: str) -> None:
    """One line for a person, and no traceback."""
    assert "Traceback" not in stderr
    assert stderr.count("\n") == 1, stderr
    assert stderr.strip(), "something must be said"


# ------------------------------------------------------------------ help and version


def test_the_version_is_the_binarys() -> None:
    shown = run_p13n("--version")
    assert (shown.returncode, shown.stdout) == (0, f"p13n {__version__}\n")


@pytest.mark.parametrize(
    "command",
    [
        ["serve"],
        ["demo"],
        ["check"],
        ["eval"],
        ["ingest"],
        ["profile"],
        ["profile", "export"],
        ["profile", "erase"],
        ["profile", "anonymize"],
        ["profile", "prove"],
        ["key", "create"],
        ["key", "list"],
        ["key", "revoke"],
        ["log", "info"],
        ["log", "verify"],
        ["log", "tail"],
        ["log", "export"],
        ["log", "salvage"],
        ["sql"],
        ["backup"],
        ["restore"],
    ],
    ids=" ".join,
)
def test_the_help_of_every_command_shows_an_example(command: list[str]) -> None:
    shown = run_p13n(*command, "--help", env={"COLUMNS": "100"})
    assert shown.returncode == 0
    assert f"p13n {' '.join(command)}" in shown.stdout.split("Example", 1)[1]


def test_every_flag_of_serve_has_its_variable() -> None:
    shown = run_p13n("serve", "--help", env={"COLUMNS": "300"}).stdout
    flags = ["data-dir", "host", "port", "admin-host", "admin-port", "sync", "clock"]
    for flag in [*flags, "answer-bytes-max", "workers"]:
        assert f"--{flag}" in shown
        assert f"P13N_{flag.upper().replace('-', '_')}" in shown


# ------------------------------------------------------------------ a wrong command line


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (["--frobnicate"], "--frobnicate"),
        (["frob"], "frob"),
        (["serve", "--frob"], "--frob"),
        (["serve", CONTRACT], "--data-dir"),
        (["serve", CONTRACT, "--data-dir", "d", "--port", "abc"], "--port"),
        (["serve", CONTRACT, "--data-dir", "d", "--port", "99999"], "--port"),
        (["serve", CONTRACT, "--data-dir", ""], "--data-dir"),
        (["serve", CONTRACT, "--data-dir", "d", "--host", ""], "--host"),
        (["profile", CONTRACT, "a=b", "--data-dir", ""], "--data-dir"),
        (["check"], "FILE"),
        (["key", "create", "--data-dir", "d", "--account", "x"], "--account"),
        (["key", "frob"], "frob"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(map(str, value))[-30:],
)
def test_a_wrong_command_line_is_one_sentence(
    tmp_path: Path, command: list[str | Path], word: str
) -> None:
    refused = run_p13n(*command, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (ExitCode.USAGE, "")
    assert word in refused.stderr
    assert_one_sentence(refused.stderr)
    assert not list(tmp_path.iterdir()), "nothing was made"


def test_a_variable_of_nonsense_is_named(tmp_path: Path) -> None:
    refused = run_p13n("serve", CONTRACT, "--data-dir", tmp_path, env={"P13N_PORT": "abc"})
    assert refused.returncode == ExitCode.USAGE
    assert "P13N_PORT" in refused.stderr
    assert_one_sentence(refused.stderr)


@pytest.mark.parametrize(
    "command",
    [["check", CONTRACT], ["eval", "1 + 2"], ["--version"]],
    ids=lambda command: str(command[0]),
)
def test_a_result_that_cannot_be_written_is_one_sentence(command: list[str | Path]) -> None:
    with Path("/dev/full").open("w") as full:
        refused = subprocess.run(
            [sys.executable, "-m", "p13n", *map(str, command)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert refused.returncode == ExitCode.FAILED
    assert "No space left on device" in refused.stderr
    assert_one_sentence(refused.stderr)


@pytest.mark.parametrize("command", [[], ["key"], ["log"]], ids=str)
def test_no_arguments_show_the_help(command: list[str]) -> None:
    shown = run_p13n(*command)
    assert "Usage" in shown.stdout
    assert (shown.returncode, shown.stderr) == (ExitCode.USAGE, "")


# ------------------------------------------------------------------ serve


def test_what_is_not_built_is_refused_in_one_sentence(tmp_path: Path) -> None:
    refused = run_p13n("serve", CONTRACT, "--data-dir", tmp_path, "--workers", "2")
    assert refused.returncode == ExitCode.USAGE
    assert "not built in this version" in refused.stderr
    assert_one_sentence(refused.stderr)


def test_a_word_that_is_no_policy_or_clock_is_refused(tmp_path: Path) -> None:
    for flags in (["--sync", "sometimes"], ["--clock", "sundial"]):
        refused = run_p13n("serve", CONTRACT, "--data-dir", tmp_path, *flags)
        assert refused.returncode == ExitCode.USAGE
        assert_one_sentence(refused.stderr)


@pytest.mark.parametrize("flag", ["--port", "--admin-port"])
def test_a_port_that_is_taken_is_said_with_its_flag(tmp_path: Path, flag: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        other = "--admin-port" if flag == "--port" else "--port"
        port = str(taken.getsockname()[1])
        refused = run_p13n("serve", CONTRACT, "--data-dir", tmp_path, flag, port, other, "0")
    assert refused.returncode == ExitCode.LISTEN
    assert f"`{flag}`" in refused.stderr
    assert_one_sentence(refused.stderr)


def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = run_p13n("serve", CONTRACT, "--data-dir", tmp_path / "file" / "data", "--port", "0")
    assert refused.returncode == ExitCode.DIRECTORY
    assert_one_sentence(refused.stderr)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    refused = run_p13n("serve", CONTRACT, "--data-dir", tmp_path, "--port", "0")
    assert refused.returncode == ExitCode.DIRECTORY
    assert_one_sentence(refused.stderr)


def test_a_configuration_with_errors_starts_nothing(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(CONTRACT.read_text().replace("version: 1", "version: 1\nunknown_field: 1"))
    refused = run_p13n("serve", bad, "--data-dir", tmp_path / "data", "--port", "0")
    assert refused.returncode == ExitCode.CONFIGURATION
    assert "unknown_field" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "data").exists()


def test_a_configuration_that_is_missing_starts_nothing(tmp_path: Path) -> None:
    refused = run_p13n("serve", tmp_path / "none.yaml", "--data-dir", tmp_path, "--port", "0")
    assert refused.returncode == ExitCode.CONFIGURATION
    assert_one_sentence(refused.stderr)


def test_damaged_keys_start_nothing(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{")
    refused = run_p13n("serve", CONTRACT, "--data-dir", tmp_path, "--port", "0")
    assert refused.returncode == ExitCode.CONFIGURATION
    assert_one_sentence(refused.stderr)


def test_two_configurations_of_one_instance_are_refused_by_name(tmp_path: Path) -> None:
    flags = ["--port", "0", "--admin-port", "0"]
    refused = run_p13n("serve", CONTRACT, CONTRACT, "--data-dir", tmp_path, *flags)
    assert refused.returncode == ExitCode.CONFIGURATION
    assert "earlier configuration" in refused.stderr


def test_a_directory_in_use_is_refused_in_one_sentence_by_every_command(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text('{"td_client_id":"202"}\n')
    data_dir = tmp_path / "data"
    with serving(CONTRACT, data_dir=data_dir):
        directory: list[str | Path] = ["--data-dir", data_dir]
        commands: list[list[str | Path]] = [
            ["serve", CONTRACT, *directory, "--port", "0", "--admin-port", "0"],
            ["ingest", CONTRACT, events, *directory, *TARGET],
        ]
        for command in commands:
            refused = run_p13n(*command)
            assert refused.returncode == ExitCode.LOCKED, command
            last = refused.stderr.splitlines()[-1]
            assert "Another process is using" in last
            assert "Traceback" not in refused.stderr
        for looks in (["log", "info"], ["profile", "show", CONTRACT, "td_client_id=202"]):
            looked = run_p13n(*looks, *directory)
            assert looked.returncode != ExitCode.LOCKED, "reading needs no lock"


def test_a_server_without_a_key_says_how_to_make_one_for_its_account(tmp_path: Path) -> None:
    account_7 = tmp_path / "account-7.yaml"
    account_7.write_text(CONTRACT.read_text().replace("account: 1", "account: 7"))
    create_key(tmp_path / "data", 1)
    command = [sys.executable, "-m", "p13n", "serve", str(account_7), "--data-dir"]
    command += [str(tmp_path / "data"), "--port", "0", "--admin-port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as server:
        assert server.stderr is not None
        line = server.stderr.readline()
        server.terminate()
    assert "--account 7 --kind write" in line
    assert f"--data-dir {tmp_path / 'data'}" in line


def test_a_file_in_place_of_the_data_directory_is_said_to_be_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    commands: list[list[str | Path]] = [
        ["serve", CONTRACT, "--data-dir", file, "--port", "0", "--admin-port", "0"],
        ["key", "create", "--data-dir", file, "--account", "1"],
        ["ingest", CONTRACT, CONTRACT, "--data-dir", file, *TARGET],
    ]
    for command in commands:
        refused = run_p13n(*command)
        assert refused.returncode == ExitCode.DIRECTORY
        assert "Not a directory" in refused.stderr
        assert_one_sentence(refused.stderr)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_demo_that_is_ended_while_it_feeds_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "p13n", "demo", "--port", "0", "--admin-port", "0"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith("Feeding"), "it has made its directory"
        demo.send_signal(number)
        assert demo.wait(20) in (0, 130)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------ check


def test_check_counts_and_passes_a_good_file() -> None:
    checked = run_p13n("check", CONTRACT)
    assert (checked.returncode, checked.stdout) == (0, "1 file: 0 errors, 0 warnings\n")


def test_check_prints_every_problem_of_every_file(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    good = CONTRACT.read_text()
    first.write_text(good.replace("version: 1", "version: 1\nunknown_one: 1\nunknown_two: 2"))
    second.write_text(good.replace("PROFILE.preferences.length", "PROFILE.preference.length"))
    checked = run_p13n("check", first, second)
    assert checked.returncode == 1
    for word in ("unknown_one", "unknown_two", "first.yaml:", "second.yaml:", "preference"):
        assert word in checked.stdout
    assert "2 files: 3 errors" in checked.stdout


def test_check_of_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    checked = run_p13n("check", tmp_path / "none.yaml")
    assert checked.returncode == 1
    assert "none.yaml: No such file or directory." in checked.stderr
    assert_one_sentence(checked.stderr)


# ------------------------------------------------------------------ eval


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["1 + 2"], "3"),
        (["PROFILE.views > 3", "--profile", '{"views": 5}'], "true"),
        (["EVENT.list.map(x => x * 2)", "--event", '{"list": [1, 2.5]}'], "[2,5]"),
        (["EVENT.missing"], "undefined"),
        (["'a' + EVENT.n", "--event", '{"n": null}'], '"anull"'),
        (["new Date(0).getHours()", "--time-zone", "Europe/Berlin"], "1"),
        (["[Date.now(), new Date()]", "--now-ms", "5"], '[5,"1970-01-01T00:00:00.005Z"]'),
        (["Math.random()", "--seed", "7"], "0.2782924503170122"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_eval_prints_the_value_as_json(arguments: list[str], value: str) -> None:
    evaluated = run_p13n("eval", *arguments)
    assert (evaluated.returncode, evaluated.stdout, evaluated.stderr) == (0, value + "\n", "")


def test_eval_draws_the_same_from_the_same_seed_or_time_and_text() -> None:
    def drawn(*arguments: str) -> str:
        return run_p13n("eval", "Math.random()", *arguments).stdout

    assert drawn("--seed", "1") != drawn("--seed", "2")
    assert drawn("--now-ms", "1") == drawn("--now-ms", "1") != drawn("--now-ms", "2")


def test_eval_suggests_a_time_zone() -> None:
    evaluated = run_p13n("eval", "1", "--time-zone", "Berlin")
    assert evaluated.returncode == ExitCode.USAGE
    assert "did you mean `Europe/Berlin`?" in evaluated.stderr
    assert_one_sentence(evaluated.stderr)


@pytest.mark.parametrize("trace", [[], ["--trace"]])
@pytest.mark.parametrize(
    "arguments",
    [["--event", '{"a":' + "[" * 70 + "]" * 70 + "}"], ["--now-ms", "99999999999999999999"]],
)
def test_eval_refuses_what_it_cannot_take_in_a_sentence(
    arguments: list[str], trace: list[str]
) -> None:
    evaluated = run_p13n("eval", "EVENT.a", *arguments, *trace)
    assert evaluated.returncode == ExitCode.USAGE
    assert_one_sentence(evaluated.stderr)


def test_eval_reads_files(tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text('{"name": "a"}')
    evaluated = run_p13n("eval", "EVENT.name", "--event", f"@{tmp_path / 'event.json'}")
    assert evaluated.stdout == '"a"\n'
    missing = run_p13n("eval", "1", "--event", f"@{tmp_path / 'none.json'}")
    assert missing.returncode != 0
    assert_one_sentence(missing.stderr)


def test_eval_shows_where_an_expression_is_wrong() -> None:
    evaluated = run_p13n("eval", "1 + * 2")
    assert evaluated.returncode == 1
    lines = evaluated.stderr.splitlines()
    assert lines[1] == "  1 + * 2"
    assert lines[2].index("^") == lines[1].index("*")
    assert "Traceback" not in evaluated.stderr


def test_eval_shows_on_stderr_what_is_hardly_meant_and_prints_the_value() -> None:
    evaluated = run_p13n("eval", "[10, 9].sort()")
    assert (evaluated.returncode, evaluated.stdout) == (0, "[10,9]\n")
    lines = evaluated.stderr.splitlines()
    assert lines[0].startswith("warning W0218: ")
    assert lines[1:3] == ["  [10, 9].sort()", "         ^^^^^"]
    assert lines[3].startswith("help: ")


def test_eval_shows_where_an_expression_threw() -> None:
    evaluated = run_p13n("eval", "EVENT.a.b")
    assert evaluated.returncode == 1
    assert evaluated.stderr.startswith("TypeError: ")
    assert "^" in evaluated.stderr


@pytest.mark.parametrize("text", ["{", "[1]", "1"])
def test_eval_wants_objects(text: str) -> None:
    evaluated = run_p13n("eval", "1", "--profile", text)
    assert evaluated.returncode == ExitCode.USAGE
    assert_one_sentence(evaluated.stderr)


# ------------------------------------------------------------------ ingest, profile, log info


def events_file(path: Path, number: int) -> Path:
    """Events of one customer; the n-th has looked at category n."""
    lines = [json.dumps({"td_client_id": "7", "product_category": f"c{n}"}) for n in range(number)]
    path.write_text("\n".join(lines) + "\n")
    return path


def ingest(data_dir: Path, file: Path, *more: str | Path) -> tuple[int, dict[str, int], str]:
    """Exit code, counts, standard error."""
    done = run_p13n("ingest", CONTRACT, file, "--data-dir", data_dir, *TARGET, *more)
    pairs = [pair.split("=") for pair in done.stdout.split()]
    counts = {name: int(value) for name, value in pairs if name != "seconds"}
    return done.returncode, counts, done.stderr


def test_ingest_stores_a_file_and_a_rerun_adds_nothing(tmp_path: Path) -> None:
    file = events_file(tmp_path / "events.jsonl", 4_500)
    code, counts, stderr = ingest(tmp_path / "data", file)
    assert (code, stderr) == (0, "")
    assert counts == {"stored": 4_500, "duplicate": 0, "skipped": 0, "ignored": 0, "refused": 0}
    code, counts, _ = ingest(tmp_path / "data", file)
    assert (code, counts["stored"], counts["skipped"]) == (0, 0, 4_500)
    shown = run_p13n("profile", CONTRACT, "td_client_id=7", "--data-dir", tmp_path / "data")
    assert shown.returncode == 0
    values = [item["value"] for item in json.loads(shown.stdout)["attributes"]["preferences"]]
    assert values[-2:] == ["c4498", "c4499"]


def test_ingest_reads_gzip_and_refuses_a_cut_file(tmp_path: Path) -> None:
    whole = gzip.compress(events_file(tmp_path / "events.jsonl", 50).read_bytes())
    (tmp_path / "events.jsonl.gz").write_bytes(whole)
    assert ingest(tmp_path / "a", tmp_path / "events.jsonl.gz")[1]["stored"] == 50
    (tmp_path / "cut.jsonl.gz").write_bytes(whole[:-10])
    code, _, stderr = ingest(tmp_path / "b", tmp_path / "cut.jsonl.gz")
    assert code == 1
    assert "not a whole gzip file" in stderr
    assert_one_sentence(stderr)


def test_ingest_stops_at_a_bad_line_with_its_number(tmp_path: Path) -> None:
    file = events_file(tmp_path / "events.jsonl", 10)
    lines = file.read_text().splitlines()
    lines[6] = '{"td_client_id": "7", '
    file.write_text("\n".join(lines))
    code, counts, stderr = ingest(tmp_path / "data", file)
    assert code == 1
    assert "line 7:" in stderr
    assert_one_sentence(stderr)
    assert (counts["stored"], counts["refused"]) == (6, 1)


def test_ingest_sets_bad_lines_aside_when_told_to(tmp_path: Path) -> None:
    file = events_file(tmp_path / "events.jsonl", 10)
    lines = file.read_text().splitlines()
    lines[2], lines[6] = "no json", '{"nobody": 1}'
    file.write_text("\n".join(lines))
    rejects = tmp_path / "rejects.jsonl"
    for stored, refused in ((8, 2), (0, 0)):
        code, counts, _ = ingest(tmp_path / "data", file, "--rejects", rejects)
        assert (code, counts["stored"], counts["refused"]) == (0, stored, refused)
    rows = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(row["line"], row["text"]) for row in rows] == [(3, "no json"), (7, '{"nobody": 1}')]
    assert all(row["why"] for row in rows)


def test_the_same_events_in_another_file_are_other_lines(tmp_path: Path) -> None:
    first = events_file(tmp_path / "first.jsonl", 10)
    second = events_file(tmp_path / "second.jsonl", 11)
    assert ingest(tmp_path / "data", first)[1]["stored"] == 10
    assert ingest(tmp_path / "data", second)[1]["stored"] == 11


@pytest.mark.parametrize("target", ["pageviews", "a.b.c", "Your.Table", ".", "your_database."])
def test_ingest_wants_a_database_and_a_table(tmp_path: Path, target: str) -> None:
    file = events_file(tmp_path / "events.jsonl", 1)
    refused = run_p13n("ingest", CONTRACT, file, "--data-dir", tmp_path / "d", "--to", target)
    assert refused.returncode == ExitCode.USAGE
    assert_one_sentence(refused.stderr)


def test_ingest_of_a_missing_file_makes_no_data_directory(tmp_path: Path) -> None:
    code, _, stderr = ingest(tmp_path / "data", tmp_path / "none.jsonl")
    assert code == ExitCode.FAILED
    assert_one_sentence(stderr)
    assert not (tmp_path / "data").exists()


def test_an_ingest_that_is_interrupted_goes_on_with_the_same_command(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    line = '{"td_client_id":"7"}\n'
    file.write_text(line * 400_000)
    data_dir = tmp_path / "data"
    log = data_dir / "1-8" / "log"
    command = [sys.executable, "-m", "p13n", "ingest", str(CONTRACT), str(file), *TARGET]
    command += ["--data-dir", str(data_dir)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as ingesting:
        while not any(segment.stat().st_size > 1_000_000 for segment in log.glob("*.log")):
            assert ingesting.poll() is None
        ingesting.send_signal(signal.SIGINT)
        assert ingesting.stderr is not None
        said = ingesting.stderr.read()
    assert ingesting.returncode == 130
    assert "goes on" in said
    assert_one_sentence(said)
    code, counts, _ = ingest(data_dir, file)
    assert (code, counts["stored"] + counts["skipped"]) == (0, 400_000)
    assert counts["stored"] > 0, "it was in the middle"
    assert counts["skipped"] > 0, "it had stored something"


def test_ingest_knows_gzip_by_what_it_is_not_by_its_name(tmp_path: Path) -> None:
    plain = events_file(tmp_path / "events.jsonl", 50)
    (tmp_path / "packed.jsonl").write_bytes(gzip.compress(plain.read_bytes()))
    (tmp_path / "plain.jsonl.gz").write_bytes(plain.read_bytes())
    for name in ("packed.jsonl", "plain.jsonl.gz"):
        assert ingest(tmp_path / name.replace(".", "_"), tmp_path / name)[1]["stored"] == 50


def test_ingest_into_a_table_that_no_rule_sees_stores_nothing(tmp_path: Path) -> None:
    file = events_file(tmp_path / "events.jsonl", 3)
    target = ["--to", "your_database.pageveiws"]
    refused = run_p13n("ingest", CONTRACT, file, "--data-dir", tmp_path / "data", *target)
    assert refused.returncode == ExitCode.USAGE
    assert "your_database.pageviews" in refused.stderr, "the tables that there are"
    assert_one_sentence(refused.stderr)
    code, counts, _ = ingest(tmp_path / "data", file)
    assert (code, counts["stored"], counts["duplicate"]) == (0, 3, 0)


def test_ingest_wants_a_file_and_not_a_stream(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for stream in (tmp_path / "pipe", tmp_path):
        code, _, stderr = ingest(tmp_path / "data", stream)
        assert code == ExitCode.FAILED
        assert "not a file" in stderr
        assert_one_sentence(stderr)


@pytest.mark.parametrize("command", ["ingest", "profile"])
def test_a_configuration_that_is_missing_has_the_code_of_configurations(
    tmp_path: Path, command: str
) -> None:
    file = events_file(tmp_path / "events.jsonl", 1)
    (tmp_path / "data").mkdir()
    more = [file, *TARGET] if command == "ingest" else ["td_client_id=7"]
    missing = tmp_path / "none.yaml"
    refused = run_p13n(command, missing, *more, "--data-dir", tmp_path / "data")
    assert refused.returncode == ExitCode.CONFIGURATION
    assert_one_sentence(refused.stderr)


def test_profile_of_a_reactor_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with Reactor.open(CONTRACT, data_dir=tmp_path) as reactor:
        reactor.personalize("your_database", "pageviews", {"td_client_id": "7"})
    other = GOLDEN / "contract-other.yaml"
    asked = run_p13n("profile", other, "td_client_id=7", "--data-dir", tmp_path)
    assert asked.returncode == ExitCode.DIRECTORY
    assert "holds no reactor 1-9" in asked.stderr
    assert_one_sentence(asked.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["1-8"]


def test_profile_says_what_is_wrong_with_a_question(tmp_path: Path) -> None:
    with Reactor.open(CONTRACT, data_dir=tmp_path) as reactor:
        reactor.personalize("your_database", "pageviews", {"td_client_id": "7"})
    for question, code in (
        ("td_client_id=8", ExitCode.FAILED),
        ("customer=7", ExitCode.USAGE),
        ("td_client_id", ExitCode.USAGE),
        ("=7", ExitCode.USAGE),
    ):
        asked = run_p13n("profile", CONTRACT, question, "--data-dir", tmp_path)
        assert (asked.returncode, asked.stdout) == (code, ""), question
        assert_one_sentence(asked.stderr)
    missing = run_p13n("profile", CONTRACT, "td_client_id=7", "--data-dir", tmp_path / "none")
    assert missing.returncode == ExitCode.DIRECTORY
    assert not (tmp_path / "none").exists()


def test_log_info_shows_every_reactor(tmp_path: Path) -> None:
    for configuration in (CONTRACT, GOLDEN / "contract-other.yaml"):
        with Reactor.open(configuration, data_dir=tmp_path) as reactor:
            reactor.personalize("your_database", "pageviews", {"td_client_id": "7"})
    (tmp_path / "keys.json").write_text('{"version": 1, "keys": []}')
    shown = run_p13n("log", "info", "--data-dir", tmp_path)
    assert shown.returncode == 0
    assert [line.split(":")[0] for line in shown.stdout.splitlines() if line[0] == "r"] == [
        "reactor 1-8",
        "reactor 1-9",
    ]
    document = json.loads(run_p13n("log", "info", "--data-dir", tmp_path, "--json").stdout)
    assert all(log["records"] >= 2 for log in document.values())
