"""The report of a translation: what of the source has no counterpart, and what was changed.

Every finding has its path in the source, so that a person can look at both. Nothing is dropped
without one.
"""

from dataclasses import dataclass, field
from enum import Enum

WHOLE = "(the whole file)"
"""What stands for the path of the source's top."""


class Outcome(Enum):
    """What became of a part of the source."""

    LEFT_OUT = "left out"
    """It has no counterpart and is not in the configuration."""
    NEVER = "never true"
    """A condition that cannot be said in our language; it never holds here."""
    CHANGED = "changed"
    """It is there in another form, or under another name."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the source that did not pass as it stands."""

    path: str
    outcome: Outcome
    sentence: str

    def __str__(self) -> str:
        return f"{self.path or WHOLE}: {self.outcome.value}: {self.sentence}"


@dataclass(slots=True)
class Report:
    """All findings, in the order of the source as far as it was read in order."""

    findings: list[Finding] = field(default_factory=list)

    def left_out(self, path: str, sentence: str) -> None:
        """A part without counterpart."""
        self._add(path, Outcome.LEFT_OUT, sentence)

    def never(self, path: str, sentence: str) -> None:
        """A condition without counterpart."""
        self._add(path, Outcome.NEVER, sentence)

    def changed(self, path: str, sentence: str) -> None:
        """A part in another form."""
        self._add(path, Outcome.CHANGED, sentence)

    def _add(self, path: str, outcome: Outcome, sentence: str) -> None:
        finding = Finding(path, outcome, sentence)
        if finding not in self.findings:
            self.findings.append(finding)

    def __str__(self) -> str:
        return "".join(f"{finding}\n" for finding in self.findings)
