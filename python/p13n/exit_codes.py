"""Exit codes of the command line, in one place, so that a supervisor can tell the failures apart.

0 is success; 2 is a wrong command line (that one is the command-line library's own).
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process's exit status means."""

    OK = 0
    FAILED = 1
    """The command did its work and the result is negative, or a fault without a code of its own."""
    USAGE = 2
    CONFIGURATION = 3
    """A configuration, or the file of API keys, has errors."""
    LISTEN = 4
    """A port is taken, or the address cannot be listened on."""
    DIRECTORY = 5
    """The data directory cannot be written or read."""
    LOCKED = 6
    """Another process has the data directory."""
    LOG_DAMAGED = 7
    """The log is damaged, or it cannot be opened."""
    LOG_FAILED = 8
    """The log failed while serving: a write or a sync did not succeed."""
