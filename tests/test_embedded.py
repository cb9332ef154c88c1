"""Embedded use: what a program gets back, above all when what it gives is wrong."""

from pathlib import Path

import pytest

from p13n import (
    BadEvent,
    ConfigError,
    Locked,
    LogError,
    Reactor,
    RecoveryProgress,
    UnknownTable,
)

CONTRACT = Path(__file__).parent / "golden" / "http" / "contract.yaml"
DATABASE, TABLE = "your_database", "pageviews"


def test_what_is_no_event_is_said_and_stores_nothing() -> None:
    reactor = Reactor.open(CONTRACT)
    for event in (
        {},
        {"td_client_id": ""},
        {"td_client_id": "7", "time": "now"},
        {"td_client_id": "7", "time": 1_700_000_000_000},
        {"td_client_id": "7", "uuid": "x"},
        {"td_client_id": "7", "field": float("nan")},
        {"td_client_id": "7", "field": object()},
        {"td_client_id": "7", "field": 2**80},
        {"td_client_id": "7", 1: 2},
    ):
        with pytest.raises(BadEvent) as refused:
            reactor.personalize(DATABASE, TABLE, event)  # type: ignore[arg-type]
        assert refused.value.code == 3004
        assert refused.value.detail
    assert reactor.stats()["events"] == 0
    assert reactor.profile(td_client_id="7") is None


def test_a_bad_event_among_many_is_reported_by_its_index_and_the_others_are_stored() -> None:
    reactor = Reactor.open(CONTRACT)
    events: list[object] = [{"td_client_id": str(number)} for number in range(1, 5_001)]
    events[3], events[2_500], events[4_999] = 3, {"td_client_id": "7", "field": object()}, b"{"
    report = reactor.ingest_many(DATABASE, TABLE, events)  # type: ignore[arg-type]
    assert (report.stored, report.duplicate) == (4_997, 0)
    assert [index for index, _why in report.refused] == [3, 2_500, 4_999]
    assert reactor.stats()["profiles"] == 4_997


def test_a_profile_is_asked_for_by_one_key_as_text_or_whole_number() -> None:
    reactor = Reactor.open(CONTRACT)
    reactor.personalize(DATABASE, TABLE, {"td_client_id": 202})
    found = reactor.profile(td_client_id=202)
    assert found is not None
    assert found == reactor.profile(td_client_id="202")
    wrong: list[dict[str, object]] = [
        {},
        {"td_client_id": 1.5},
        {"td_client_id": True},
        {"td_client_id": "1", "other": "2"},
        {"nobody": "1"},
    ]
    for question in wrong:
        with pytest.raises(ValueError, match="key"):
            reactor.profile(**question)  # type: ignore[arg-type]


def test_other_mistakes_have_their_own_exceptions(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Reactor.open(tmp_path / "none.yaml")
    with pytest.raises(ConfigError) as config:
        Reactor.from_text("version: 1")
    assert {diagnostic.code for diagnostic in config.value.diagnostics} == {"E0203"}
    with Reactor.open(CONTRACT, data_dir=tmp_path) as reactor:
        with pytest.raises(UnknownTable):
            reactor.personalize("Your_Database", TABLE, {"td_client_id": "7"})
        with pytest.raises(Locked):
            Reactor.open(CONTRACT, data_dir=tmp_path)
    with pytest.raises(LogError):
        reactor.personalize(DATABASE, TABLE, {"td_client_id": "7"})


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [("retention_days", 36_500, 36_501), ("retention_days", 0, -1), ("retention_bytes", 0, -1)],
)
def test_a_retention_is_taken_at_its_limit_and_refused_one_over(
    option: str, good: int, bad: int
) -> None:
    yaml = CONTRACT.read_text()
    with Reactor.from_text(yaml, **{option: good}):  # type: ignore[arg-type]
        pass
    with pytest.raises(ValueError, match=option):
        Reactor.from_text(yaml, **{option: bad})  # type: ignore[arg-type]


def test_a_snapshot_is_for_reactors_on_a_disk(tmp_path: Path) -> None:
    with Reactor.open(CONTRACT, data_dir=tmp_path) as reactor:
        reactor.personalize("your_database", "pageviews", {"td_client_id": "202"})
        taken = reactor.snapshot()
        assert (taken["profiles"], taken["lsn"]) == (1, 2)
    progress = RecoveryProgress()
    assert progress.read()[0] == "waiting"
    with Reactor.open(CONTRACT, data_dir=tmp_path, progress=progress) as reactor:
        assert progress.read()[0] == "done"
        assert reactor.stats()["recovery"]["snapshot_profiles"] == 1
    with Reactor.open(CONTRACT) as reactor, pytest.raises(ValueError, match="memory"):
        reactor.snapshot()
