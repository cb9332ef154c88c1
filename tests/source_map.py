"""Writes the map of the crate's files into rust/README.md: every file, one line.

The line is the first sentence of the module's own opening, so the map cannot say anything else than
the sources do. `make map` writes it; test_tidy.py fails when it is stale.
"""

import sys
from pathlib import Path

BEGIN = "<!-- map -->\n"
END = "<!-- end of map -->\n"


def opening(path: Path) -> str:
    """The first sentence of a module's documentation (all of it, when the sentence goes on)."""
    words: list[str] = []
    for line in path.read_text("utf-8").splitlines():
        text = line.removeprefix("//!").strip()
        if not line.startswith("//!") or not text:
            break
        words.append(text)
    sentence, dot, _ = (" ".join(words) + " ").partition(". ")
    return sentence + dot.strip()


def with_map(text: str, root: Path) -> str:
    """The text with the map between its marks made anew."""
    rust = root / "rust"
    files = sorted(path.relative_to(rust) for path in rust.rglob("*.rs"))
    files.sort(key=lambda file: len(file.parts) > 1)
    rows = [f"| `{file.as_posix()}` | {opening(rust / file)} |\n" for file in files]
    table = "| File | What |\n|---|---|\n" + "".join(rows).replace("||", "\\|\\|")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}{table}{END}{after}"


def main(root: Path) -> None:
    """Rewrites rust/README.md under `root`."""
    readme = root / "rust" / "README.md"
    readme.write_text(with_map(readme.read_text("utf-8"), root), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
