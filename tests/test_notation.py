"""`p13n config import`: files against golden translations, criteria against a plain model.

The golden files stand in golden/notation; `P13N_UPDATE_GOLDEN=1` rewrites them, and the change is
then read by a person. Each translation must pass the check.
"""

import copy
import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import p13n
from criteria_model import (
    NOW_S,
    VALUES,
    Value,
    holds,
    random_event,
    random_operator,
    random_rule,
    rule_holds,
)
from p13n import ConfigError, Expression
from p13n.notation import Outcome, notation_of, sql, translate
from p13n.notation.cdp_known import column_of
from p13n.notation.criteria import condition_of
from p13n.notation.expression import member
from p13n.notation.operators import Operand
from p13n.notation.report import Report
from serving import run_p13n

GOLDEN = Path(__file__).parent / "golden" / "notation"
SOURCES = sorted(
    path for path in GOLDEN.iterdir() if re.search(r"\.(tdx\.yaml|cdp\.json)$", path.name)
)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_file_becomes_the_expected_configuration_and_report(source: Path) -> None:
    text = source.read_text("utf-8")
    translation = translate(text, notation_of(text), source.name)
    for suffix, found in ((".yaml", translation.text), (".report", str(translation.report))):
        expected = source.with_name(source.name.partition(".")[0] + ".expected" + suffix)
        if os.environ.get("P13N_UPDATE_GOLDEN"):
            expected.write_text(found, "utf-8")
        assert expected.read_text("utf-8") == found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_every_translation_passes_the_check(source: Path, tmp_path: Path) -> None:
    text = source.read_text("utf-8")
    translation = translate(text, notation_of(text), source.name)
    file = tmp_path / "translated.yaml"
    file.write_text(translation.text, "utf-8")
    found = [str(one) for one in p13n.check([str(file)]) if one.severity == "error"]
    assert found == []


# ------------------------------------------------------------------ criteria against the model


def truth(condition: str | None, event: dict[str, Value]) -> bool:
    """What the engine says of a condition."""
    if condition is None:
        return True
    return bool(Expression(f"!!({condition})").evaluate(event=event, now_ms=NOW_S * 1000))


def test_criteria_hold_for_exactly_the_events_that_the_model_says() -> None:
    seed = int(os.environ.get("P13N_SEED", "20261122"))
    draw = random.Random(seed)
    answers = {True: 0, False: 0}
    for _ in range(3_000):
        rule = random_rule(draw, 2)
        report = Report()
        condition = condition_of(rule, "rule", report, {"Column": column_of})
        assert report.findings == [], rule
        for _ in range(4):
            event = random_event(draw)
            expected = rule_holds(rule, event)
            found = truth(condition, event)
            assert found == expected, f"seed {seed}: {json.dumps(rule)} {condition} {event}"
            answers[expected] += 1
    assert min(answers.values()) > 1_000, answers


def test_of_each_operator_both_answers_are_seen_negated_and_not() -> None:
    draw = random.Random(7)
    seen: dict[tuple[str, bool], set[bool]] = {}
    for _ in range(4_000):
        operator = random_operator(draw)
        rule = {"type": "Column", "column": "a", "operator": operator}
        condition = condition_of(rule, "", Report(), {"Column": column_of})
        for value in VALUES:
            found = truth(condition, {"a": value})
            assert found == holds(operator, value), f"{operator} {condition} {value!r}"
            seen.setdefault((operator["type"], operator["not"]), set()).add(found)
    assert all(answers == {True, False} for answers in seen.values()), seen


# ------------------------------------------------------------------ what cannot be said


def never(rule: dict[str, Any]) -> tuple[str | None, list[str]]:
    """The condition of a rule, and what its report says."""
    report = Report()
    condition = condition_of(rule, "rule", report, {"Column": column_of})
    assert all(finding.outcome is Outcome.NEVER for finding in report.findings)
    return condition, [finding.path for finding in report.findings]


def column(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "Column", "column": "a", "operator": {"type": kind, "not": False, **more}}


def test_what_cannot_be_said_never_holds_and_makes_the_whole_stricter() -> None:
    known = column("Equal", rightValue="x")
    for unknown in (
        column("TimeNext", unit="day"),
        column("TimeThis", unit="week"),
        column("TimeRange", rightValue=1),
        column("TimeWithinPast", value=1, unit="month"),
        column("TimeWithinPast", value=0, unit="day"),
        column("TimeWithinPast", value=4_000, unit="day"),
        column("Regexp", rightValue="(?=a)"),
        column("Regexp", rightValue="(a)\\1"),
        column("Regexp", rightValue="("),
        column("Greater", rightValue="much"),
        column("Greater", rightValue={"timestamp": "2026-01-01"}),
        column("Equal"),
        column("Smells", rightValue=1),
        {"type": "Column", "column": "a"},
        {"type": "Column", "operator": {"type": "IsNull", "not": False}},
        {"type": "BatchSegment", "id": "1"},
        column("Equal", rightValue="x") | {"arrayMatching": {"mostly": 1}},
    ):
        assert never(unknown) == ("false", ["rule"]), unknown
        both = {"type": "And", "conditions": [known, unknown]}
        assert never(both) == ("false", ["rule.conditions[1]"])
        either = {"type": "Or", "conditions": [known, unknown]}
        assert never(either) == ('EVENT.a === "x"', ["rule.conditions[1]"])
    assert never({"type": "Or", "conditions": []}) == ("false", ["rule"])
    assert never({"type": "And", "conditions": []}) == (None, [])


def test_a_field_that_nobody_knows_is_reported() -> None:
    rule = column("Equal", rightValue="x", caseSensitive=False) | {"weight": 2}
    report = Report()
    assert condition_of(rule, "rule", report, {"Column": column_of}) == 'EVENT.a === "x"'
    paths = [finding.path for finding in report.findings]
    assert paths == ["rule.operator.caseSensitive", "rule.weight"]


# ------------------------------------------------------------------ conditions as in SQL


def in_sql(source: str, told: Callable[[str], None] = lambda _sentence: None) -> str | None:
    return sql.condition_of(source, lambda name: Operand(member("EVENT", name)), told)


@pytest.mark.parametrize(
    ("source", "true_for", "false_for"),
    [
        ("a = 'VIP'", ["VIP"], ["vip", None, 5]),
        ("a != 'VIP'", ["vip", 5], ["VIP", None]),
        ("a <> 5", [6, "4"], [5, "5", None, "x"]),
        ("a >= 3 AND a < 10", [3, "9.5"], [2, 10, None, ""]),
        ("a LIKE '%@example.com'", ["x@example.com"], ["x@exampleXcom", "x@example.com.", None]),
        ("a NOT LIKE '_b'", ["abc", "b"], ["ab", None]),
        ("a LIKE 'a/b[%'", ["a/b[", "a/b[c"], ["ab["]),
        ("a IN ('x', 'it''s')", ["it's"], ["its", None]),
        ("a NOT IN (1, 2)", [3, "3"], [1, "2", None, "x"]),
        ("a IS NULL", [None], ["", 0]),
        ("a IS NOT NULL", ["", 0], [None]),
        ("a BETWEEN 1 AND 2 OR a = 'x'", [1, 2, "x"], [0, 3, None]),
        ("a NOT BETWEEN 1 AND 2", [0, 3], [1, 2, None, "x"]),
        ("NOT (a = 'x' OR a = 'y')", ["z"], ["x", "y", None]),
        ("NOT (a > 1 AND a < 5)", [1, 5], [2, None]),
        ("not not a = 1", [1], [2]),
        ('("a" = 1 or (a = 2)) and a is not null', [1, 2], [3, None]),
        ("a = TRUE", [True, "true"], [False, 1, None]),
        ("a = -1.5", [-1.5, "-1.5"], [1.5]),
    ],
)
def test_a_condition_as_in_sql(source: str, true_for: list[Value], false_for: list[Value]) -> None:
    condition = in_sql(source)
    for values, expected in ((true_for, True), (false_for, False)):
        for value in values:
            assert truth(condition, {"a": value}) is expected, f"{condition} {value!r}"


@pytest.mark.parametrize(
    "source",
    [
        "a",
        "a =",
        "= 1",
        "a = 1 AND",
        "(a = 1",
        "a = 1)",
        "a IS 5",
        "a ~ 1",
        "a LIKE 5",
        "a IN 1",
        "a = b",
    ],
)
def test_what_is_no_condition_is_said(source: str) -> None:
    with pytest.raises(sql.Unreadable):
        in_sql(source)


def test_a_test_that_cannot_be_said_is_never_true_on_either_side_of_not() -> None:
    for source in ("a = 1 AND a > 'x'", "a = 1 AND NOT (a > 'x')", "NOT (a = 1 OR a > 'x')"):
        told: list[str] = []
        assert in_sql(source, told.append) == "false"
        assert len(told) == 1


# ------------------------------------------------------------------ what a translation does


def test_a_translated_kiosk_gives_the_offers_of_its_sections() -> None:
    source = GOLDEN / "kiosk.cdp.json"
    reactor = p13n.Reactor.from_text(translate(source.read_text("utf-8"), "cdp").text)

    def send(table: str, event: dict[str, Any], sees_sensitive: bool = True) -> dict[str, Any]:
        event = event | {"loyalty_card": "12345678"}
        answer = reactor.personalize("kiosk_db", table, event, sees_sensitive=sees_sensitive)
        return {name: offer["attributes"] for name, offer in answer["offers"].items()}

    order = {"amount": "150", "holder": "Ann"}
    assert send("orders", order | {"state": "open"}) == {}
    assert send("orders", order | {"state": "paid"}) == {"Receipt": {"to": "Ann"}}
    scan = {"sku": "MUG-1", "price": 5, "store": "north wing"}
    message = json.dumps(
        {"type": "modal", "content_html": '<b>It\'s "you": ${name}</b>'}, separators=(",", ":")
    )
    welcome = {
        "holder": "Ann",
        "cart.worth": 5,
        "scans today": 1,
        "td_in_app.message_json": message,
    }
    assert send("scans", scan) == {"Welcome back": welcome}
    assert send("scans", scan, sees_sensitive=False) == {}
    assert send("scans", scan | {"store": "east wing"}) == {}
    assert send("scans", scan | {"price": 7}) == {
        "Welcome back": welcome | {"cart.worth": 7, "scans today": 4}
    }
    send("orders", {"state": "done", "amount": "400", "holder": "Ann"})
    assert send("scans", scan) == {}, "550 was spent, which is more than 500"


def test_a_translated_shop_gives_the_offers_of_its_sections() -> None:
    source = GOLDEN / "retail_web.tdx.yaml"
    reactor = p13n.Reactor.from_text(translate(source.read_text("utf-8"), "tdx").text)

    def send(table: str, **event: Value) -> dict[str, Any]:
        answer = reactor.personalize("events_db", table, event | {"user_id": "u1"})
        return {name: offer["attributes"] for name, offer in answer["offers"].items()}

    view = {"td_path": "/pageview/mug", "product_id": "mug"}
    assert send("web_events", **(view | {"td_path": "/search"})) == {}
    expected = {"last_product_viewed": "mug", "purchase_count_7d": 0}
    assert send("web_events", **view) == {"Default": expected}
    for status, amount in (("void", 10), (None, 10), ("ok", 0), ("ok", "12.50"), ("ok", 30)):
        send("commerce_events", status=status, amount=amount, email="a@example.com")
    assert send("web_events", **view) == {"Default": expected | {"purchase_count_7d": 2}}
    send("web_events", event_type="ADD_TO_CART", total_amount="19.90")
    profile = reactor.profile(user_id="u1")
    assert profile is not None
    attributes = profile["attributes"]
    assert (attributes["spend_30d"], attributes["cart_value"]) == (42.5, 19.9)
    assert [item["value"] for item in attributes["viewed_products_30d"]] == ["mug"]


# ------------------------------------------------------------------ keys


def test_what_the_tdx_notation_excludes_does_not_identify() -> None:
    keys = (
        "[{name: a, exclude_regex: '^(no|none)$'}, {name: b, exclude_regex: '^test_'}, {name: c}]"
    )
    text = (
        "events: [{name: e, database: shop, table: events}]\n"
        f"id_stitching: {{primary_key: c, stitching_keys: {keys}}}\n"
    )
    reactor = p13n.Reactor.from_text(translate(text, "tdx").text)

    def send(event: dict[str, Any]) -> None:
        reactor.personalize("shop", "events", event)

    for event in ({"a": "no"}, {"a": "none"}, {"b": "test_1"}):
        with pytest.raises(p13n.BadEvent):
            send(event)
    for event in ({"a": "nobody"}, {"b": "a_test_1"}, {"c": "test_1"}, {"c": "1", "a": "none"}):
        send(event)
    assert reactor.profile(a="nobody") is not None
    assert reactor.profile(b="a_test_1") is not None
    assert reactor.profile(c="1") is not None


def test_a_pattern_that_is_not_possible_lets_no_value_identify() -> None:
    for text, notation in (
        ("id_stitching: {stitching_keys: [{name: a, exclude_regex: '^(?!x)'}, {name: c}]}", "tdx"),
        (
            '{"realtime_setting":{"keyColumns":'
            '[{"name":"a","validRegexp":"(?!0)."},{"name":"c"}]}}',
            "cdp",
        ),
    ):
        translation = translate(text, "tdx" if notation == "tdx" else "cdp")
        assert [one.outcome for one in translation.report.findings][-1:] == [Outcome.NEVER]
        reactor = p13n.Reactor.from_text(
            translation.text + "destinations: [{database: shop, table: events}]\n"
        )
        reactor.personalize("shop", "events", {"a": "1", "c": "1"})
        assert reactor.profile(a="1") is None
        assert reactor.profile(c="1") is not None


# ------------------------------------------------------------------ the command


def test_the_command_writes_file_and_report(tmp_path: Path) -> None:
    source = GOLDEN / "media.tdx.yaml"
    out, report = tmp_path / "out.yaml", tmp_path / "out.report"
    done = run_p13n("config", "import", source, "-o", out, "--report", report)
    assert (done.returncode, done.stdout) == (0, "")
    assert out.read_text("utf-8") == (GOLDEN / "media.expected.yaml").read_text("utf-8")
    assert report.read_text("utf-8") == (GOLDEN / "media.expected.report").read_text("utf-8")
    assert done.stderr.startswith("keys=1 events=1 attributes=3 offers=0 findings=")
    shown = run_p13n("config", "import", source, "--from", "tdx")
    assert shown.stdout == out.read_text("utf-8")
    assert shown.stderr.startswith(report.read_text("utf-8"))


@pytest.mark.parametrize(
    ("content", "arguments", "code", "sentence"),
    [
        (b"{", (), 3, "is not JSON"),
        (b"a: &x 1\n", (), 3, "E0105"),
        (b"\xff", (), 1, "is not UTF-8"),
        (b"a: 1\n", ("--from", "xml"), 2, "`--from` is `tdx` or `cdp`."),
    ],
)
def test_the_command_says_what_is_wrong(
    content: bytes, arguments: tuple[str, ...], code: int, sentence: str, tmp_path: Path
) -> None:
    file = tmp_path / "source"
    file.write_bytes(content)
    done = run_p13n("config", "import", file, *arguments)
    assert done.returncode == code
    assert sentence in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("notation", ["tdx", "cdp"])
def test_a_damaged_source_becomes_a_report_and_still_passes_the_check(notation: str) -> None:
    seed = int(os.environ.get("P13N_SEED", "20261122"))
    draw = random.Random(seed)
    texts = [path.read_text("utf-8") for path in SOURCES if f".{notation}." in path.name]
    documents = [json.loads(t) if notation == "cdp" else p13n.read_yaml(t) for t in texts]
    for _ in range(400):
        document = copy.deepcopy(draw.choice(documents))
        for _ in range(draw.randint(1, 4)):
            damage(document, draw)
        # JSON is YAML, too.
        source = json.dumps(document)
        translation = translate(source, "tdx" if notation == "tdx" else "cdp")
        try:
            p13n.Reactor.from_text(translation.text)
        except ConfigError as error:
            raise AssertionError(f"seed {seed}: {source}\n{error}") from error


def damage(document: Any, draw: random.Random) -> None:
    """Replaces one value somewhere by one of another kind."""
    at = document
    while True:
        places = list(at) if isinstance(at, dict) else list(range(len(at)))
        place = draw.choice(places)
        inner = at[place]
        if not isinstance(inner, dict | list) or not inner or draw.random() < 0.1:
            at[place] = draw.choice(
                [None, 7, -1, 1.5, True, "", "x y", "9", "time", [], {}, [1], {"a": 1}]
            )
            return
        at = inner
