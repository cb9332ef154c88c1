"""What a failure becomes on the command line: one sentence on standard error and an exit code.

Invariant: no traceback reaches a person for anything that the product itself foresees.
"""

import contextlib
import sys
from collections.abc import Iterator
from typing import NoReturn

import typer

from p13n import ConfigError, Locked, LogError, P13nError
from p13n.exit_codes import ExitCode
from p13n.keys import KeyFileError
from p13n.system_error import sentence_of


def fail(sentence: str, code: ExitCode = ExitCode.FAILED) -> NoReturn:
    """Says the sentence and ends the command."""
    print(sentence, file=sys.stderr, flush=True)
    raise typer.Exit(code)


@contextlib.contextmanager
def in_one_sentence() -> Iterator[None]:
    """Turns the errors of the block into a sentence and an exit code."""
    try:
        yield
    except Locked as error:
        fail(
            f"Another process is using {error.directory} (a running server?); stop it first.",
            ExitCode.LOCKED,
        )
    except LogError as error:
        fail(f"The log cannot be used: {error}", ExitCode.LOG_DAMAGED)
    except (ConfigError, KeyFileError) as error:
        fail(str(error), ExitCode.CONFIGURATION)
    except P13nError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{sentence_of(error)}.", ExitCode.DIRECTORY)
