"""README and docs/ as tests: what a reader would paste is run, what a page claims is compared.

A block's info string says what becomes of it: `yaml` is checked and has no diagnostics, `yaml
error` has an error, `yaml file=NAME` is also written where the `python file=NAME` blocks of its
page run, `python` and `console` are run in a folder with the examples, `sh serve` is
served while the next `sh` block runs against it. Tables of expressions and of limits are compared
with the engine and with the sources.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import p13n
from p13n import CompileError, EvaluationError, Expression

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROSE = [*PAGES, *ROOT.glob("*.md"), ROOT / "rust" / "README.md", ROOT / "examples" / "README.md"]

FRAME = {
    "version": "version: 1\naccount: 1\ninstance: 1\nname: page\ndatabase: your_database\n",
    "keys": "keys: [{name: td_client_id}]\n",
    "events": "events: [{name: pageview, table: pageviews}]\n",
    "attributes": "attributes: [{name: preferences, type: list, set: "
    '[{event: pageview, value: "${EVENT.product_category}"}]}]\n',
}


@dataclass(frozen=True)
class Block:
    """One fenced block: its info string, its text, and where it stands."""

    kind: str
    text: str
    page: str
    line: int

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(*kinds: str) -> list[Block]:
    """All blocks of these kinds."""
    fence = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [
        Block(match[1], match[2], page.name, text.count("\n", 0, match.start()) + 1)
        for page in PAGES
        for text in [page.read_text("utf-8")]
        for match in fence.finditer(text)
        if match[1] in kinds
    ]


def rows(page: str, *header: str) -> list[list[str]]:
    """The cells of every table with this header, `\\|` undone."""
    found: list[list[str]] = []
    inside = False
    for line in (ROOT / "docs" / page).read_text("utf-8").splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells == list(header):
            inside = True
        elif not cells:
            inside = False
        elif inside and set(cells[0]) != {"-"}:
            found.append(cells)
    return found


def code(cell: str) -> str:
    """A cell's code without its backticks, of which code with backticks inside has two."""
    if cell.startswith("`` "):
        return cell.removeprefix("`` ").removesuffix(" ``")
    return cell.removeprefix("`").removesuffix("`")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the examples in it, and `p13n` on the path."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ------------------------------------------------------------------ configurations


def diagnostics(text: str, folder: Path) -> list[p13n.Diagnostic]:
    """Checks a configuration; what the block leaves out is framed around it."""
    missing = [part for name, part in FRAME.items() if not re.search(rf"^{name}:", text, re.M)]
    file = folder / "page.yaml"
    file.write_text("".join(missing) + text)
    return p13n.check([str(file)])


@pytest.mark.parametrize("block", blocks("yaml", "yaml fragment", "yaml file=shop.yaml"), ids=str)
def test_a_configuration_on_a_page_has_no_diagnostics(block: Block, tmp_path: Path) -> None:
    assert [str(diagnostic) for diagnostic in diagnostics(block.text, tmp_path)] == []


@pytest.mark.parametrize("block", blocks("yaml error"), ids=str)
def test_a_wrong_configuration_on_a_page_has_an_error(block: Block, tmp_path: Path) -> None:
    assert "error" in [diagnostic.severity for diagnostic in diagnostics(block.text, tmp_path)]


def test_readme_quotes_the_quickstart() -> None:
    quickstart = (ROOT / "examples" / "quickstart.yaml").read_text("utf-8")
    quoted = blocks("yaml fragment")
    assert quoted
    assert all(block.text in quickstart for block in quoted)


# ------------------------------------------------------------------ expressions


@pytest.fixture(scope="module")
def values() -> dict[str, dict[str, Any]]:
    """The page's profile and event."""
    return {name: json.loads(blocks(f"json {name}")[0].text) for name in ("profile", "event")}


NOW_MS = 1_700_000_100_000


@pytest.mark.parametrize(
    ("source", "value", "time_zone"),
    [
        *([*row, None] for row in rows("expressions.md", "Expression", "Value")),
        *([*row[1:], None] for row in rows("expressions.md", "You want", "Expression", "Value")),
        *(
            [*row, "Europe/Berlin"]
            for row in rows("expressions.md", "Expression", "In Europe/Berlin")
        ),
    ],
    ids=lambda cell: cell and code(cell),
)
def test_an_expression_has_the_value_on_the_page(
    source: str, value: str, time_zone: str | None, values: dict[str, dict[str, Any]]
) -> None:
    profile, event = (json.dumps(values[name]).encode() for name in ("profile", "event"))
    given = Expression(code(source)).evaluate_json(
        profile, event, now_ms=NOW_MS, time_zone=time_zone
    )
    assert (b"undefined" if given is None else given).decode() == code(value)


@pytest.mark.parametrize(
    ("source", "why"), rows("expressions.md", "Expression", "Refused"), ids=lambda cell: code(cell)
)
def test_an_expression_is_refused_as_the_page_says(source: str, why: str) -> None:
    with pytest.raises(CompileError) as caught:
        Expression(code(source))
    assert caught.value.message, why


@pytest.mark.parametrize(
    ("source", "kind"), rows("expressions.md", "Expression", "Throws"), ids=lambda cell: code(cell)
)
def test_an_expression_throws_what_the_page_says(
    source: str, kind: str, values: dict[str, dict[str, Any]]
) -> None:
    with pytest.raises(EvaluationError) as caught:
        Expression(code(source)).evaluate(values["profile"], values["event"])
    assert caught.value.kind == code(kind)


# ------------------------------------------------------------------ limits


def constant(file: Path, name: str) -> int:
    """A whole-number constant of a Rust or Python source, its arithmetic worked out."""
    text = file.read_text("utf-8")
    found = re.search(rf"\b{name}(?:: \w+)? = ([^;\n]+)", text)
    assert found is not None, f"{name} is not in {file}"
    arithmetic = re.sub(r"\b[A-Z]\w+\b", lambda other: str(constant(file, other[0])), found[1])
    assert re.fullmatch(r"[\d_ .*+<()\-]+", arithmetic), arithmetic
    return int(eval(arithmetic))


@pytest.mark.parametrize(
    ("limit", "value", "place"), rows("limits.md", "Limit", "Value", "Where"), ids=lambda cell: cell
)
def test_a_limit_on_the_page_is_the_one_in_the_sources(limit: str, value: str, place: str) -> None:
    file, name = re.findall(r"`([^`]+)`", place)
    assert int(value.split()[0].replace(",", "")) == constant(ROOT / file, name), limit


# ------------------------------------------------------------------ what a reader pastes


def written(block: Block, folder: Path) -> None:
    """Writes the file that a `python file=NAME` block reads."""
    _, _, name = block.kind.partition("file=")
    texts = [other.text for other in blocks(f"yaml file={name}") if other.page == block.page]
    assert len(texts) == 1, f"{block}: one block of {block.page} is {name}"
    (folder / name).write_text(texts[0])


@pytest.mark.parametrize("block", blocks("python", "python file=shop.yaml"), ids=str)
def test_python_on_a_page_runs(block: Block, folder: Path) -> None:
    if "file=" in block.kind:
        written(block, folder)
    subprocess.run([sys.executable, "-c", block.text], cwd=folder, check=True)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each `$ command`, its continuation lines included, with the output that follows it."""
    for chunk in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command = re.match(r"(?:[^\n]*\\\n)*[^\n]*\n", chunk)
        assert command is not None
        yield command[0], chunk[command.end() :]


@pytest.mark.parametrize("block", blocks("console"), ids=str)
def test_commands_on_a_page_print_what_it_shows(block: Block, folder: Path) -> None:
    for command, output in commands(block.text):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, output), f"{command}{done.stderr}"


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour is made of curl calls")
def test_the_tour_in_readme_is_answered_as_shown(folder: Path) -> None:
    (serve,), (call,), (answer,) = blocks("sh serve"), blocks("sh"), blocks("json answer")
    port = free_port()
    command = f"exec {serve.text.strip()} --port {port} --admin-port 0"
    with subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert f"data=http://127.0.0.1:{port} " in server.stdout.readline()
            script = call.text.replace("127.0.0.1:8080", f"127.0.0.1:{port}")
            script = script.replace("curl ", "curl --fail ")
            done = subprocess.run(
                ["bash", "-euc", script], capture_output=True, text=True, check=False
            )
        finally:
            server.terminate()
            assert server.wait(30) == 0
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(answer.text)


# ------------------------------------------------------------------ links and exit codes


@pytest.mark.parametrize("page", sorted(set(PROSE)), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_readme_opens_with_the_two_commands() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert [line.split("#")[0].strip() for line in lines[3:5]] == ["make run", "make test"]


def test_the_page_of_exit_codes_is_complete() -> None:
    from p13n.exit_codes import ExitCode

    listed = {int(row[0]) for row in rows("operations.md", "Code", "When")}
    assert listed == {int(code) for code in ExitCode}
