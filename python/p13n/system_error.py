"""What the operating system said, in its own words and without a number."""

import os


def reason_of(error: OSError) -> str:
    """E.g. `No such file or directory`; the binary's errors say more than people need."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)


def sentence_of(error: OSError) -> str:
    """The file, when the error names one, and the reason."""
    reason = reason_of(error)
    return f"{error.filename}: {reason}" if error.filename is not None else reason
