"""What a server runs with: one frozen value, made once from flags and environment.

The command line declares each flag with its `P13N_*` variable and default; nothing reads the
environment later.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Sync = Literal["always", "interval", "never"]
Clock = Literal["server", "event"]
OnMemoryFull = Literal["keep", "evict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of `p13n serve` (6.1)."""

    configurations: tuple[Path, ...]
    """One configuration file a reactor."""
    data_dir: Path
    host: str
    port: int
    """0 picks a free port."""
    admin_host: str
    admin_port: int
    sync: Sync
    sync_interval_ms: int
    clock: Clock
    answer_bytes_max: int
    queue_bytes_max: int
    dedup_max: int
    retention_days: int
    """0: events are not let go by age."""
    retention_bytes: int
    """0: 60 % of the disk."""
    memory_budget: int
    """Bytes, of all reactors together; 0: 60 % of the machine."""
    on_memory_full: OnMemoryFull
