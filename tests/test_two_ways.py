"""Two ways into the reactor, one meaning: a dict that orjson parsed, and the body's own bytes.

The server parses with orjson and hands dict and bytes over; embedded JSON and bulk are read by our
own parser. Both must refuse the same bodies and read the same values, or an event would mean one
thing live and another when it is fed from a file. The corpus is random and seeded; a failure prints
its seed and body.
"""

import itertools
import math
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from p13n import BadEvent, IngestReport, Reactor

CONFIGURATION = """
version: 1
account: 1
instance: 8
name: two ways
database: shop
keys: [{name: id}, {name: other}]
events: [{name: event, table: events}]
attributes:
  - {name: seen, type: single, set: [{event: event, value: "${EVENT.v}"}]}
offers:
  - name: read
    set:
      - data:
          v: ${EVENT.v}
          kind: ${typeof EVENT.v}
          sign: ${1 / EVENT.v}
          id: ${PROFILE.id}
          other: ${PROFILE.other}
          time: ${EVENT.time}
          name: ${EVENT["a b"]}
"""
# The whole event as an object, in its property order.
WHOLE = CONFIGURATION + "          whole: ${JSON.stringify(EVENT)}\n"
UUIDS = (f"0b5f9d8e-1111-4222-8333-{number:012x}" for number in itertools.count(1))
SEEDS = range(20)
BODIES_PER_SEED = 250
REFUSED = "refused"
FRESH_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


class BothWays:
    """One in-memory reactor for each way, and what each makes of a body."""

    def __init__(self, configuration: str) -> None:
        # Under the event clock an event without a time has the same one in both reactors.
        self._parsed = Reactor.from_text(configuration, clock="event")
        self._bytes = Reactor.from_text(configuration, clock="event")
        self.agree(event(b"1"))

    def from_dict(self, body: bytes) -> str:
        """The answer over the server's way."""
        try:
            event = orjson.loads(body)
            if type(event) is not dict:
                return REFUSED
            return self._parsed._personalize("shop", "events", event, body, 0, True)[0].decode()
        except (orjson.JSONDecodeError, BadEvent):
            return REFUSED

    def from_bytes(self, body: bytes) -> str:
        """The answer over the way of embedded JSON and bulk."""
        try:
            return self._bytes.personalize_json("shop", "events", body).decode()
        except BadEvent:
            return REFUSED

    def agree(self, body: bytes) -> bool:
        """Whether both ways refuse the body, or both answer it alike; True when answered."""
        first = FRESH_UUID.sub("fresh", self.from_dict(body))
        second = FRESH_UUID.sub("fresh", self.from_bytes(body))
        assert first == second, body[:300]
        return first != REFUSED


@pytest.fixture(scope="module", params=[CONFIGURATION, WHOLE], ids=["fields", "whole"])
def ways(request: pytest.FixtureRequest) -> BothWays:
    return BothWays(request.param)


def event(value: bytes, more: bytes = b"") -> bytes:
    """A good event whose field `v` is spelt like this."""
    return b'{"id":"x","time":5,"uuid":"%b","v":%b%b}' % (next(UUIDS).encode(), value, more)


ACCEPTED = [
    b"0",
    b"-0",
    b"-0.0",
    b"-0e5",
    b"1E5",
    b"1e+5",
    b"1e-400",
    b"1e00000000000000000000001",
    b"0." + b"0" * 400 + b"1",
    b"4.9e-324",
    b"2.2250738585072011e-308",
    b"1.7976931348623157e308",
    b"1" + b"0" * 308,
    b"9007199254740993",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551615",
    b"18446744073709551616",
    b"123456789012345678901234567890",
    rb'"\u0000\b\f\n\r\t\/\\\""',
    rb'"\ud83d\ude00\uFFFF\u00e9"',
    b'"\x7f\xc2\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf"',
    b'{"a":1,"b":2,"a":3}',
    b'{"2":1,"b":1,"1":1,"01":1,"4294967295":1,"4294967294":1}',
    b'{"":{"":[]}}',
    b" \t\r\n[ ] ",
]
REFUSED_VALUES = [
    b"",
    b"01",
    b"-",
    b"+1",
    b".5",
    b"1.",
    b"1e",
    b"0x1",
    b"1_000",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e400",
    b"-1e400",
    b"1" + b"0" * 309,
    b"1.7976931348623159e308",
    b"tru",
    b"nulll",
    b"True",
    b"'a'",
    b'"\x00"',
    b'"\x1f"',
    rb'"\x41"',
    rb'"\u12"',
    rb'"\uZZZZ"',
    rb'"\ud800"',
    rb'"\udc00\ud800"',
    rb'"\ud800\u0041"',
    b'"\xff"',
    b'"\xc0\x80"',
    b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"',
    b'"',
    b"[1,]",
    b"[,1]",
    b"[1 2]",
    b"[",
    b"]",
    b'{"a"}',
    b'{"a":}',
    b"{a:1}",
    b'{"a":1,}',
    b"// 1",
    b"1/**/",
    b"\x0c1",
    b"\xc2\xa01",
]
REFUSED_BODIES = [
    b"",
    b" ",
    b"[]",
    b'[{"id":"x"}]',
    b'"id"',
    b"1",
    b"null",
    b"{",
    b'\xef\xbb\xbf{"id":"x"}',
    b'\xff\xfe{\x00"\x00',
    b'{"id":"x"}x',
    b'{"id":"x"}{}',
    b'{"id":"x"}\x00',
    b'\x00{"id":"x"}',
    b'{"id":"x","time":1e400}',
    b'{"id":"x","ignored":"\xff"}',
    b'{"id":"x","ignored":-}',
    rb'{"id":"x","ignored\ud800":1}',
    b'{"id":"x","time":"5"}',
    b'{"id":"x","time":5.5}',
    b'{"id":"x","uuid":"5"}',
    b'{"id":""}',
    b'{"id":"x","id":null}',
    b'{"id":1.5}',
    b'{"id":9007199254740993.5}',
    b'{"id":9007199254740994}',
    b'{"id":1e400}',
    b'{"id":true}',
]


@pytest.mark.parametrize("value", ACCEPTED, ids=repr)
def test_both_ways_accept(ways: BothWays, value: bytes) -> None:
    assert ways.agree(event(value))


@pytest.mark.parametrize("value", REFUSED_VALUES, ids=repr)
def test_both_ways_refuse_the_value_wherever_it_stands(ways: BothWays, value: bytes) -> None:
    assert not ways.agree(event(value))
    assert not ways.agree(event(b"1", b',"ignored":' + value))
    assert not ways.agree(event(b'[{"deep":' + value + b"}]"))


@pytest.mark.parametrize("body", REFUSED_BODIES, ids=repr)
def test_both_ways_refuse_the_body(ways: BothWays, body: bytes) -> None:
    assert not ways.agree(body)


@pytest.mark.parametrize("brackets", [b"[]", b"{}"], ids=["lists", "maps"])
@pytest.mark.parametrize("field", ["v", "ignored"])
def test_both_ways_accept_64_levels_and_refuse_65(
    ways: BothWays, brackets: bytes, field: str
) -> None:
    def nested(levels: int) -> bytes:
        before, after = (b"[", b"]") if brackets == b"[]" else (b'{"a":', b"}")
        value = before * (levels - 2) + brackets + after * (levels - 2)
        return event(b'"[{"', b',"%b":%b' % (field.encode(), value))

    assert ways.agree(nested(64))
    assert not ways.agree(nested(65))
    assert not ways.agree(nested(1_000))
    assert not ways.agree(nested(200_000))


def test_both_ways_take_an_identifier_of_512_bytes_and_refuse_513(ways: BothWays) -> None:
    for character, most in (("x", 512), ("\u00e9", 256), ("\U0001f600", 128)):
        body = orjson.dumps({"id": character * most, "time": 5, "uuid": next(UUIDS)})
        assert ways.agree(body)
        assert not ways.agree(orjson.dumps({"id": character * most + "x", "time": 5}))


def test_both_ways_read_the_same_identifiers_out_of_numbers(ways: BothWays) -> None:
    for spelt in (b"202", b"202.0", b"2.02e2", b"-7", b"9007199254740992", b"-9007199254740992"):
        body = b'{"id":%b,"time":5.0,"uuid":"%b"}' % (spelt, next(UUIDS).encode())
        assert ways.agree(body)


@pytest.mark.parametrize("seed", SEEDS)
def test_both_ways_agree_on_random_bodies_and_on_their_mutations(ways: BothWays, seed: int) -> None:
    chance = random.Random(seed)
    accepted = 0
    for number in range(BODIES_PER_SEED):
        body = event(spelt(chance, 0), random_fields(chance))
        if number % 2:
            body = mutated(chance, body)
        try:
            accepted += ways.agree(body)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, body {body!r}") from error
    share = accepted / BODIES_PER_SEED
    assert 0.4 < share < 0.95, "the corpus holds good and bad bodies"


def random_fields(chance: random.Random) -> bytes:
    """Further fields, names repeated at times, some of which the plan reads."""
    names = [b'"a b"', rb'"\u0061 b"', b'"v"', b'"other"', b'"\xc3\xa9"', b'"ignored"', b'"7"']
    fields = [
        b"," + chance.choice(names) + b":" + spelt(chance, 1) for _ in range(chance.randrange(4))
    ]
    return b"".join(fields)


def spelt(chance: random.Random, depth: int) -> bytes:
    """A random value in one of its spellings."""
    kinds: list[Callable[[random.Random], bytes]] = [number_text, number_text, string_text, word]
    if depth < 4 and chance.random() < 0.4:
        items = [spelt(chance, depth + 1) for _ in range(chance.randrange(4))]
        comma = chance.choice([b",", b" , ", b",\n"])
        if chance.random() < 0.5:
            return b"[" + comma.join(items) + b"]"
        return b"{" + comma.join(string_text(chance) + b":" + item for item in items) + b"}"
    return chance.choice(kinds)(chance)


def word(chance: random.Random) -> bytes:
    return chance.choice([b"true", b"false", b"null"])


def number_text(chance: random.Random) -> bytes:
    """A number in every length that a parser may treat in a way of its own."""

    def digits(most: int) -> str:
        return "".join(chance.choices("0123456789", k=chance.randrange(1, most)))

    match chance.randrange(6):
        case 0:
            text = str(chance.randrange(-(10**20), 10**20))
        case 1:
            text = str(
                chance.choice([2**53, 2**63, 2**64, 10**15, 10**16]) + chance.randrange(-3, 4)
            )
        case 2:
            text = repr(math.ldexp(chance.random(), chance.randrange(-1_070, 1_020)))
        case 3:
            text = f"{chance.randrange(10)}.{digits(40)}e{chance.randrange(-340, 300)}"
        case 4:
            text = f"{chance.randrange(1, 10)}{digits(30)}.{digits(30)}"
        case _:
            text = chance.choice(["0", "-0", "-0.0", "0e0", "1E+2", "-1e-2", "0.1", "1e308"])
    return text.encode()


def string_text(chance: random.Random) -> bytes:
    """A string of raw and escaped characters of every length in UTF-8."""
    parts: list[bytes] = []
    for _ in range(chance.randrange(6)):
        code = chance.choice([0x7F, 0x7FF, 0xD7FF, 0xFFFD, 0x10FFFF])
        character = chr(chance.randrange(0x20, code + 1))
        if 0xD800 <= ord(character) < 0xE000:
            character = "\ue000"
        if character in '"\\' or chance.random() < 0.3:
            units = character.encode("utf-16-be")
            pairs = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
            parts.append("".join(f"\\u{unit}" for unit in pairs).encode())
        else:
            parts.append(character.encode())
    return b'"' + b"".join(parts) + b'"'


def mutated(chance: random.Random, body: bytes) -> bytes:
    """The body with one accident: a byte changed, lost, doubled or put in, or its end cut off."""
    at = chance.randrange(len(body))
    match chance.randrange(5):
        case 0:
            return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
        case 1:
            return body[:at] + body[at + 1 :]
        case 2:
            return body[: at + 1] + body[at:]
        case 3:
            return body[:at] + chance.choice([b" ", b"\\", b'"', b"e", b"-", b","]) + body[at:]
        case _:
            return body[:at]


# ------------------------------------------------------------------ Python objects


def test_a_dict_that_has_no_json_form_is_a_bad_event() -> None:
    with Reactor.from_text(CONFIGURATION) as reactor:
        for value in (math.nan, math.inf, 2**64, -(2**63) - 1, 10**400, {1, 2}, b"x", {1: 2}):
            with pytest.raises(BadEvent) as refused:
                reactor.personalize("shop", "events", {"id": "x", "v": value})
            assert refused.value.code == 3004
        assert reactor.stats()["events"] == 0


def test_bulk_reports_an_event_without_a_json_form_and_stores_the_others() -> None:
    def events() -> Iterator[dict[str, Any] | bytes]:
        for number in range(10_000):
            yield {"id": "x", "v": math.nan} if number < 5_000 else {"id": "x", "v": number}
        yield b'{"id":1.5}'
        yield {"id": "x", "v": 2**64}
        yield b'{"id":"x"}'

    with Reactor.from_text(CONFIGURATION) as reactor:
        report: IngestReport = reactor.ingest_many("shop", "events", events())
        assert (report.stored, report.duplicate) == (5_001, 0)
        indices = [index for index, _why in report.refused]
        assert indices == [*range(5_000), 10_000, 10_001]
        assert reactor.stats()["events"] == 5_001
