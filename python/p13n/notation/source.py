"""The source as it is read: one map at a time, each field taken by name, each with its path.

What a reader does not take is reported when it is done with the map, so that a field which nobody
knows is never dropped in silence. A field of the wrong kind is reported and reads as absent.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from p13n.notation.report import Report


class Part:
    """One map of the source."""

    def __init__(self, value: object, path: str, report: Report) -> None:
        self.path = path
        self.report = report
        self._fields: dict[str, Any] = {}
        self._taken: set[str] = set()
        if isinstance(value, dict):
            self._fields = {str(name): field for name, field in value.items()}
        else:
            report.left_out(path, f"a map of fields is expected here, not {kind_of(value)}")

    def at(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def take(self, *names: str) -> Any:
        """The first of these fields that is there; None when there is none, or it is null."""
        found = None
        for name in names:
            self._taken.add(name)
            if found is None:
                found = self._fields.get(name)
        return found

    def name_of(self, *names: str) -> str:
        """Which of these spellings the source uses; the first when it uses none."""
        return next((name for name in names if name in self._fields), names[0])

    def text(self, *names: str) -> str | None:
        """A field of text; a number is its text."""
        value = self.take(*names)
        match value:
            case None | str():
                return value
            case bool():
                pass
            case int():
                return str(value)
            case float() if value.is_integer():
                return str(int(value))
        self._wrong(names, value, "text")
        return None

    def whole(self, *names: str) -> int | None:
        """A field with a whole number, as a number or as digits."""
        value = self.take(*names)
        match value:
            case None:
                return None
            case bool():
                pass
            case int():
                return value
            case float() if value.is_integer():
                return int(value)
            case str() if value.isascii() and value.isdigit():
                return int(value)
        self._wrong(names, value, "a whole number")
        return None

    def boolean(self, *names: str) -> bool | None:
        """A field that is true or false."""
        value = self.take(*names)
        if value is None or isinstance(value, bool):
            return value
        self._wrong(names, value, "true or false")
        return None

    def part(self, *names: str) -> "Part | None":
        """A field that is a map."""
        name = self.name_of(*names)
        value = self.take(*names)
        return None if value is None else Part(value, self.at(name), self.report)

    def items(self, *names: str) -> list[tuple[str, Any]]:
        """A field that is a list: paths and elements."""
        name = self.name_of(*names)
        value = self.take(*names)
        if value is None:
            return []
        if not isinstance(value, list):
            self._wrong(names, value, "a list")
            return []
        return [(f"{self.at(name)}[{at}]", item) for at, item in enumerate(value)]

    def parts(self, *names: str) -> Iterator["Part"]:
        """A field that is a list of maps."""
        for path, item in self.items(*names):
            yield Part(item, path, self.report)

    def ignore(self, names: Iterable[str]) -> None:
        """Fields that say nothing about what the reactor does."""
        self._taken.update(names)

    def finish(self) -> None:
        """Reports every field that nobody took."""
        for name, value in self._fields.items():
            if name not in self._taken and value not in (None, [], {}, ""):
                self.report.left_out(self.at(name), "this field has no counterpart")

    def _wrong(self, names: tuple[str, ...], value: object, wanted: str) -> None:
        path = self.at(self.name_of(*names))
        self.report.left_out(path, f"{wanted} is expected here, not {kind_of(value)}")


def kind_of(value: object) -> str:
    """What a value is, for sentences."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a map"
