"""p13n: a reactor for real-time personalization, embedded in Python.

The public names of the binary `p13n._core`, which does the work; server and command line are built
on the same names. Everything here is safe to use from several threads.

    from p13n import Reactor

    with Reactor.open("retail.yaml", data_dir="data") as reactor:
        reactor.personalize("your_database", "pageviews", {"td_client_id": "202"})
"""

from p13n._core import (
    BadEvent,
    Busy,
    CompileError,
    ConfigError,
    Corrupted,
    Diagnostic,
    DiskFull,
    EvaluationError,
    Events,
    Expression,
    ExpressionWarning,
    IngestReport,
    Locked,
    LogCursor,
    LogError,
    NotDurable,
    OfferCursor,
    P13nError,
    Reactor,
    RecoveryProgress,
    Trace,
    TraceEntry,
    UnknownTable,
    __version__,
    check,
    log_backup,
    log_events,
    log_info,
    log_rehearse,
    log_restore,
    log_salvage,
    log_verify,
    read_yaml,
)

__all__ = [
    "BadEvent",
    "Busy",
    "CompileError",
    "ConfigError",
    "Corrupted",
    "Diagnostic",
    "DiskFull",
    "EvaluationError",
    "Events",
    "Expression",
    "ExpressionWarning",
    "IngestReport",
    "Locked",
    "LogCursor",
    "LogError",
    "NotDurable",
    "OfferCursor",
    "P13nError",
    "Reactor",
    "RecoveryProgress",
    "Trace",
    "TraceEntry",
    "UnknownTable",
    "__version__",
    "check",
    "log_backup",
    "log_events",
    "log_info",
    "log_rehearse",
    "log_restore",
    "log_salvage",
    "log_verify",
    "read_yaml",
]
