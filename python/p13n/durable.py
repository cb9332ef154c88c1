"""Files and directories that are there whole, and for good, or not at all.

A name is durable only once its directory is synced, and bytes only once their file is: what is said
to be done here survives a power cut.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from p13n.system_error import make_directory


def sync(path: Path) -> None:
    """Makes a file's bytes, or a directory's names, durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replaces a file atomically and durably."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync(path.parent)


@contextlib.contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A directory to fill, which gets the name of `target` in the end; removed on failure.

    `target` is missing or an empty directory.
    """
    target = target.absolute()
    make_directory(target.parent)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partial.mkdir()
    try:
        yield partial
        for directory, _, _ in os.walk(partial):
            sync(Path(directory))
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial)
        raise
    sync(target.parent)
