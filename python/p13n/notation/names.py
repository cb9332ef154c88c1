"""Names: those of the source as names that expressions can use, each given once."""

import re

from p13n.notation.report import Report

NAME_CHARS_MAX = 128
WIRE_NAME_CHARS_MAX = 256
_LANGUAGE = "function class async await yield this new delete import constructor prototype"
_REFUSED = "eval Function push pop shift unshift splice fill copyWithin add clear defineProperty"
_RESERVED = frozenset(f"rid segments __proto__ globalThis {_LANGUAGE} {_REFUSED}".split())
_TABLE = re.compile(r"[0-9a-z_]{3,128}")


class Names:
    """One space of names: what was given in the source, and what stands for it here."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._given: set[str] = set()

    def give(self, wanted: str, path: str) -> str:
        """A free name as near to the wanted one as can be; another one is reported."""
        name = mended(wanted)
        free = name
        count = 1
        while free in self._given:
            count += 1
            suffix = f"_{count}"
            free = name[: NAME_CHARS_MAX - len(suffix)] + suffix
        self._given.add(free)
        if free != wanted:
            self._report.changed(path, f"`{wanted}` is called `{free}` here")
        return free


def mended(text: str) -> str:
    """The text as a name: letters, digits and `_`, no digit first, not reserved."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", text.strip())[:NAME_CHARS_MAX] or "_"
    if name[0].isdigit():
        name = f"_{name}"[:NAME_CHARS_MAX]
    return f"{name}_" if name in _RESERVED else name


def wire_name(text: str) -> str:
    """The text as a name that clients see: 1 to 256 characters that can be printed."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable[:WIRE_NAME_CHARS_MAX].strip() or "_"


def is_table(name: str) -> bool:
    """Whether a text can be a database or a table here."""
    return _TABLE.fullmatch(name) is not None
