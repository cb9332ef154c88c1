"""Every bound of the server in one place; units are in the names."""

EVENT_BYTES_MAX = 1_000_000
"""A body, decompressed (row 15)."""

GZIP_BYTES_MAX = 1_010_000
"""A compressed body as sent. The worst case of deflate adds less than 0.1 % to an event of the
greatest size, so a longer one is padding that no event needs."""

DISCARD_BYTES_MAX = 2_000_000
"""What is read and thrown away of a refused request's body, so that its client sees the answer."""

BODY_DEADLINE_S = 15.0
"""How long throwing away may take (6.4)."""

ANSWER_BYTES_MAX = 10_000
"""Default of `--answer-bytes-max` (1.4)."""

COMMIT_TIMEOUT_MS = 1_000
"""An answer that is not durable after this is 503/5007 (row 17)."""

ADMISSIONS_MAX = 10_000
"""Sets of headers remembered as valid; when full, all are forgotten and learned again."""

DRAIN_S = 10
"""How long requests in flight may take after SIGTERM (6.1)."""

MEMORY_BUDGET_MIN = 16_777_216
"""Bytes that the profiles of a reactor may take, at least."""

KEYS_POLL_S = 0.4
"""How often the key file and the logs' health are looked at; both promise one second."""

KEYS_LOOK_S = 0.02
"""An unknown key makes the server look at the key file at once, but not more often than this."""

RETRY_AFTER_S = 1
"""What `Retry-After` says."""

BACKLOG = 2048
"""Connections that may wait to be accepted."""
