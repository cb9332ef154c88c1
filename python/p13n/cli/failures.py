"""What a failure becomes on the command line: one sentence on standard error and an exit code.

Invariant: no traceback reaches a person for anything that the product itself foresees.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import typer

from p13n import ConfigError, Corrupted, Locked, LogError, P13nError
from p13n.exit_codes import ExitCode
from p13n.keys import KeyFileError, UnknownKey
from p13n.system_error import check_writable, reason_of, sentence_of


def fail(sentence: str, code: ExitCode = ExitCode.FAILED) -> NoReturn:
    """Says the sentence and ends the command."""
    print(sentence, file=sys.stderr, flush=True)
    raise typer.Exit(code)


def must_read(path: Path, what: str, code: ExitCode = ExitCode.FAILED) -> None:
    """Ends the command when a file that its line names cannot be read; `what` is it, in words."""
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        fail(f"Cannot read {what}: {sentence_of(error)}.", code)


def must_write(directory: Path) -> None:
    """Makes the data directory; ends the command when nothing can be written there."""
    try:
        check_writable(directory)
    except OSError as error:
        fail(
            f"The data directory {directory} cannot be written: {reason_of(error)}.",
            ExitCode.DIRECTORY,
        )


def must_be_new(directory: Path) -> None:
    """Ends the command unless the directory is missing or empty."""
    try:
        if not directory.exists() or not any(directory.iterdir()):
            return
    except NotADirectoryError:
        fail(f"{directory} is not a directory.", ExitCode.DIRECTORY)
    except OSError as error:
        fail(f"{directory} cannot be read: {reason_of(error)}.", ExitCode.DIRECTORY)
    fail(f"{directory} is not empty: name a new directory.", ExitCode.DIRECTORY)


@contextlib.contextmanager
def in_one_sentence(failed: str = "") -> Iterator[None]:
    """Turns the errors of the block into a sentence and an exit code.

    `failed`, such as `The key cannot be stored`, starts the sentence of what the system refused.
    """
    try:
        yield
    except Locked as error:
        fail(
            f"Another process is using {error.directory} (a running server?); stop it first.",
            ExitCode.LOCKED,
        )
    except Corrupted as error:
        fail(
            f"The log cannot be used: {error}. `p13n log verify` tells all damage; the ways on are "
            "a backup and `p13n log salvage`.",
            ExitCode.LOG_DAMAGED,
        )
    except LogError as error:
        fail(f"The log cannot be used: {error}", ExitCode.LOG_DAMAGED)
    except UnknownKey as error:
        fail(str(error))
    except (ConfigError, KeyFileError) as error:
        fail(str(error), ExitCode.CONFIGURATION)
    except P13nError as error:
        fail(str(error))
    except OSError as error:
        start = f"{failed}: " if failed else ""
        fail(f"{start}{sentence_of(error)}.", ExitCode.DIRECTORY)
