"""The lake: a log's events as Parquet files, exactly once, and SQL over them (extra `p13n[lake]`).

The log is the store; the lake is a copy for those who ask questions of all of it. It lies in one
folder a reactor:

    ROOT/{account}-{instance}/events/database=D/table=T/hour=YYYY-MM-DD-HH/FIRST-LAST.parquet
    ROOT/{account}-{instance}/offers/hour=YYYY-MM-DD-HH/FIRST-LAST.parquet
    ROOT/{account}-{instance}/state.json     what is exported, and under which columns
    ROOT/{account}-{instance}/staging/       files on their way; nothing that a glob would find

FIRST and LAST are LSNs; a row is in one file only. Invariants: only records that are synced are
exported; pyarrow and duckdb are imported when they are used, never with `p13n` itself.
"""

from p13n import P13nError

FOLDER = "lake"
"""Where the lake lies inside a data directory, unless it is told otherwise."""


class LakeError(P13nError):
    """The lake cannot be written or asked. `str(error)` is one sentence."""


def need_extra() -> None:
    """Raises LakeError when the extra is not installed."""
    try:
        import duckdb  # noqa: F401
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise LakeError(
            f"Export and SQL need pyarrow and duckdb ({error}): pip install 'p13n[lake]'"
        ) from error
