"""Other notations: the tdx YAML and the cdp-api's JSON, translated to a configuration of ours.

A reader for each makes the same small model (`model`), `criteria` and `operators` make conditions,
and `yaml_text` writes the file. Pure text to text: nothing is opened here.

Invariants: what has no counterpart is in the report, with its path; a condition that cannot be said
never holds, so that a translation is never looser than its source without a word.
"""

from dataclasses import dataclass
from typing import Literal

from p13n.notation import cdp, tdx, yaml_text
from p13n.notation.model import Configuration
from p13n.notation.report import Finding, Outcome, Report

__all__ = ["Finding", "Notation", "Outcome", "Report", "Translation", "notation_of", "translate"]

Notation = Literal["tdx", "cdp"]


@dataclass(frozen=True, slots=True)
class Translation:
    """A configuration and what became of the rest."""

    text: str
    report: Report
    configuration: Configuration


def notation_of(text: str) -> Notation:
    """Which notation a text is in: JSON is the cdp-api's."""
    return "cdp" if text.lstrip("\ufeff \t\r\n").startswith(("{", "[")) else "tdx"


def translate(text: str, notation: Notation, name: str = "<text>") -> Translation:
    """Translates a file's text.

    Raises ConfigError where YAML cannot be read, orjson.JSONDecodeError where JSON cannot.
    """
    report = Report()
    if notation == "cdp":
        import orjson

        configuration = cdp.read(orjson.loads(text.encode()), report)
    else:
        from p13n import read_yaml

        configuration = tdx.read(read_yaml(text, name), report)
    _complete(configuration, report)
    return Translation(yaml_text.written(configuration), report, configuration)


def _complete(configuration: Configuration, report: Report) -> None:
    """What every configuration needs, and who may see what."""
    if not configuration.keys:
        report.left_out("", "the source has no keys: add them, or no event is anybody's")
    sensitive = configuration.sensitive_attributes()
    for offer in configuration.offers:
        shown = sorted(offer.shows & sensitive)
        if shown and not offer.server_only:
            offer.omit_sensitive = True
            names = ", ".join(f"`{name}`" for name in shown)
            report.changed(offer.name, f"`omit_sensitive`: public callers do not get {names}")
