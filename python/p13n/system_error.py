"""What the operating system said, in its own words and without a number."""

import errno
import os
import tempfile
from pathlib import Path


def reason_of(error: OSError) -> str:
    """E.g. `No such file or directory`; the binary's errors say more than people need."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)


def sentence_of(error: OSError) -> str:
    """The file, when the error names one, and the reason."""
    reason = reason_of(error)
    return f"{error.filename}: {reason}" if error.filename is not None else reason


def make_directory(directory: Path) -> None:
    """Makes a directory and those above it; an existing one is left as it is.

    Raises OSError; of a file in its place NotADirectoryError, not the system's "File exists".
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(directory)) from error


def check_writable(directory: Path) -> None:
    """Makes the directory and tries to write in it. Raises OSError."""
    make_directory(directory)
    with tempfile.TemporaryFile(dir=directory):
        pass
