"""The house's rules, checked from the sources: who may import whom, sizes, words, openings.

What a reviewer would have to look for by eye in every change is looked for here instead. The table
of imports is rust/README.md's; where building shows a better way, both are changed together.
"""

import re
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

import source_map

ROOT = Path(__file__).resolve().parent.parent
LINES_MAX = 600
COLUMNS_MAX = 100
RUST_COLUMNS_MAX = 120  # rustfmt holds code at 100; comments and literals it leaves alone

# Top-level module of the crate -> the others that it may name.
EVERYWHERE = {"mutant", "sync"}
CORE = {"value", "expr", "profile", "offer", "config"}
BELOW = {
    *CORE,
    *EVERYWHERE,
    "batch",
    "clock",
    "error",
    "event",
    "identity_log",
    "log",
    "record",
    "snapshot",
    "storage",
}
MAY_IMPORT: dict[str, set[str]] = {
    "mutant": set(),
    "sync": set(),
    "storage": {*EVERYWHERE},
    "value": set(),
    "log": {*EVERYWHERE, "storage"},
    "clock": {*EVERYWHERE},
    "expr": {"value"},
    "profile": {*EVERYWHERE, "value"},
    "snapshot": {*EVERYWHERE, "storage", "value", "profile", "record"},
    "record": {"value", "profile"},
    "identity_log": {*EVERYWHERE, "storage", "value", "profile", "record", "log"},
    "offer": {"value", "expr", "profile"},
    "config": {"value", "expr", "profile", "offer"},
    "batch": {*EVERYWHERE, "storage", "value", "profile"},
    "error": {"batch", "config", "log", "snapshot"},
    "event": {*CORE, "error"},
    "reactor": {*BELOW},
    "python": {*BELOW, "reactor"},
}


def tracked(*suffixes: str) -> list[Path]:
    """Files of the project with one of these suffixes, tracked or about to be."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    names = [name for name in listing.stdout.decode().split("\0") if name]
    files = [ROOT / name for name in names if not suffixes or name.endswith(suffixes)]
    return sorted(path for path in files if path.is_file() and not path.is_symlink())


def sources() -> list[Path]:
    """Everything written by hand in a programming language; golden cases are no sources."""
    languages = tracked(".rs", ".py", ".pyi", ".mjs", ".sh")
    return [path for path in languages if "golden" not in path.parts]


def name_of(path: Path) -> str:
    """A file's path inside the project."""
    return path.relative_to(ROOT).as_posix()


def found(pattern: str, paths: list[Path]) -> list[str]:
    """Every line that matches, as `file:line: text`."""
    compiled = re.compile(pattern)
    return [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if compiled.search(line)
    ]


# ------------------------------------------------------------------ who may import whom


def code_of(path: Path) -> str:
    """Rust source without its comments."""
    return re.sub(r"//[^\n]*", "", path.read_text("utf-8"))


def first_names(group: str) -> Iterator[str]:
    """The first name of each path in `{a::b, c}` (the text after the brace)."""
    depth, start = 0, True
    for word in re.finditer(r"[A-Za-z_]\w*|[{},:]", group):
        token = word.group()
        if token == "{":
            depth += 1
        elif token == "}":
            if depth == 0:
                return
            depth -= 1
        elif token == ",":
            start = start or depth == 0
            continue
        elif depth == 0 and start and token != ":":
            yield token
        start = False


def named_modules(path: Path) -> set[str]:
    """Top-level modules of the crate that a Rust file names through `crate::` or `super::`."""
    inside = path.relative_to(ROOT / "rust").with_suffix("").parts
    depth = len([part for part in inside if part not in ("mod", "lib")])
    names: set[str] = set()
    for use in re.finditer(r"\b(crate|(?:super::)*super)::(\{|\w+)", code_of(path)):
        way, name = use.group(1), use.group(2)
        if way != "crate" and way.count("super") < depth:
            continue
        names.update(first_names(code_of(path)[use.end() :]) if name == "{" else [name])
    return names


def rust_files() -> list[Path]:
    """The crate's modules."""
    return [path for path in tracked(".rs") if ROOT / "rust" in path.parents]


@pytest.mark.parametrize("path", rust_files(), ids=name_of)
def test_a_rust_module_imports_only_what_the_table_allows(path: Path) -> None:
    module = path.relative_to(ROOT / "rust").with_suffix("").parts[0]
    if module == "lib":
        return
    assert module in MAY_IMPORT, f"{module} is not in the table of imports"
    forbidden = (named_modules(path) & MAY_IMPORT.keys()) - MAY_IMPORT[module] - {module}
    assert not forbidden, f"{module} must not import {sorted(forbidden)}"


def test_the_scan_of_imports_sees_every_form() -> None:
    group = "value::{Text, Value}, log, expr as e}; use other::x"
    assert list(first_names(group)) == ["value", "log", "expr"]
    assert "value" in named_modules(ROOT / "rust" / "expr" / "mod.rs")


def test_only_the_binding_names_pyo3() -> None:
    binding = ROOT / "rust" / "python"
    outside = [path for path in rust_files() if binding not in path.parents]
    assert [name_of(path) for path in outside if "pyo3" in code_of(path)] == []


def test_in_python_only_the_package_itself_imports_the_binary() -> None:
    package = ROOT / "python" / "p13n"
    others = [path for path in tracked(".py") if path != package / "__init__.py"]
    assert (
        found(r"^\s*(from|import)\s+(p13n)?\._core\b|^\s*from p13n import .*\b_core\b", others)
        == []
    )


# ------------------------------------------------------------------ sizes, words, openings


def test_no_source_file_is_longer_than_600_lines() -> None:
    # The stub of one binary is one file, whatever it comes to.
    parts = [path for path in sources() if path.name != "_core.pyi"]
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in parts}
    assert {name: length for name, length in lengths.items() if length > LINES_MAX} == {}


def test_no_line_is_too_long() -> None:
    rust = tracked(".rs")
    others = [path for path in sources() if path not in rust]
    assert found(rf'^(?!.*r#").{{{RUST_COLUMNS_MAX + 1},}}$', rust) == [], "but raw literals"
    assert found(rf"^.{{{COLUMNS_MAX + 1},}}$", [*others, ROOT / "Makefile"]) == []


def test_nothing_is_left_for_later() -> None:
    # Each word is broken by a class, so that this line is not its own find.
    words = r"TO[D]O|FIX[M]E|XX[X]|NotImplemented[E]rror|todo[!]|unimplemented[!]"
    assert found(rf"\b(?:{words})", sources()) == []


def test_punctuation_is_ascii() -> None:
    # Quotes, dashes, arrows, signs and odd spaces; an ellipsis may stand for what is left out.
    typographic = "[\u00a0\u00b7\u00d7\u2009-\u2015\u2018-\u201f\u2190-\u21ff\u2260\u2264\u2265]"
    texts = [*tracked(".rs", ".py", ".pyi", ".toml", ".yaml"), *tracked(".md", "Makefile")]
    outside_golden = [path for path in texts if "golden" not in path.parts]
    literals = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")
    bad = [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in outside_golden
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(typographic, line if path.suffix == ".md" else literals.sub("", line))
    ]
    assert bad == []


def opening_of(path: Path) -> str:
    """The first line that is not `#!`."""
    lines = path.read_text("utf-8").splitlines()
    return next((line for line in lines if not line.startswith("#!")), "")


def test_every_module_opens_with_a_sentence_of_what_it_is() -> None:
    marks = {".rs": "//! ", ".py": '"""', ".pyi": '"""', ".mjs": "//", ".sh": "# "}
    bare = [path for path in sources() if not opening_of(path).startswith(marks[path.suffix])]
    assert [name_of(path) for path in bare] == []


def test_the_source_map_is_the_tree() -> None:
    text = (ROOT / "rust" / "README.md").read_text("utf-8")
    assert source_map.with_map(text, ROOT) == text, "run `make map`"


# ------------------------------------------------------------------ tests, history, machines


def test_a_skipped_test_says_why() -> None:
    tests = sources()
    assert found(r"#\[ignore\]", tests) == []
    silent = r"pytest\.mark\.(skip|xfail)\b(?!if)(?!.*reason=)|pytest\.skip\(\)"
    assert found(silent, tests) == []
    assert found(r"pytest\.mark\.skipif\((?!.*reason=)", tests) == []


def test_the_changelog_has_an_unreleased_section() -> None:
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_nothing_names_one_machine_or_a_registrys_host() -> None:
    machine = r"(?<![\w.\-/])/(root|work|home/[a-z]+|tmp/[a-z]+)/"
    host = r"\b(files\.pythonhosted|pypi)\.org\b|\bregistry\.npm" r"js\b|\bstatic\.crates\b"
    paths = [path for path in tracked() if path.suffix not in {".lock", ".gz"}]
    assert found(f"{machine}|{host}", paths) == []


def test_the_package_carries_the_examples() -> None:
    packaged = Path(str(resources.files("p13n"))) / "examples"
    names = {path.name for path in (ROOT / "examples").iterdir()}
    assert names == {path.name for path in packaged.iterdir()}
    for name in names:
        assert (packaged / name).read_bytes() == (ROOT / "examples" / name).read_bytes(), name
