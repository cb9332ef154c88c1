"""The reactor of profile_shop.yaml in plain Python: its events, its rules, its answers.

The events are the order lines of examples/, each sent from a device that is derived from its
invoice: devices stand at home, or where several customers use them, so that profiles merge, and
devices move from one customer to the next. Some events come late by up to months, some twice.
"""

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from profile_oracle import (
    ABSENT,
    DAY_MS,
    SECOND_MS,
    Attribute,
    Counter,
    CounterBy,
    Identifier,
    Identities,
    Json,
    List,
    Moment,
    Person,
    Single,
)

Event = dict[str, Any]

VALUE_BYTES_MAX: Final = 2048
MAX_VALUES: Final[dict[str, int | None]] = {"customer_id": 1, "device": None}
LATE_S: Final = (120, 7_200, 4 * 86_400, 35 * 86_400, 120 * 86_400)
COMPUTED: Final = ("per_line", "is_regular")


@dataclass(frozen=True)
class Sent:
    """One call: table, body, processing time, and whether it repeats an earlier one."""

    table: str
    event: Event
    now: int
    repeats: bool = False

    @property
    def body(self) -> bytes:
        """As a client sends it."""
        return json.dumps(self.event, separators=(",", ":")).encode()


# ------------------------------------------------------------------ the events


def chance(*parts: object) -> int:
    """The same number for the same parts, everywhere."""
    return zlib.crc32("/".join(map(str, parts)).encode())


def device_of(line: Event) -> str:
    """The device of an invoice: mostly one of the customer's own, else one of forty in shops."""
    customer, dice = line["customer_id"], chance(line["customer_id"], line["invoice_no"])
    if dice % 100 < 20:
        return f"Shop-{dice // 100 % 40}"
    return f" Home-{customer}-{dice // 100 % 3}"


def event_of(number: int, line: Event) -> tuple[str, Event]:
    """A line as it is sent: table and event."""
    dice = chance("line", number)
    device = "UNKNOWN" if dice % 50 == 0 else device_of(line)
    event = dict(line)
    kind = dice // 50 % 100
    if kind < 8:  # looked around before the login
        return "visits", {"time": line["time"], "device": device}
    if kind < 16:  # not logged in at all
        del event["customer_id"]
    if kind < 70:
        event["device"] = device
    elif kind < 90:
        event["session"] = {"device": device}
    if dice // 5_000 % 40 == 0:
        event["uuid"] = f"{number:08x}-0000-4000-8000-{dice:012x}"
    return "order_lines", event


def is_nobody(event: Event) -> bool:
    """Whether no identifier of the event is usable: such an event is refused."""
    return not identifiers(event)


def sent_of(lines: Iterable[Event]) -> list[Sent]:
    """Every call in the order of arrival, processing times one millisecond apart at least."""
    arrivals: list[tuple[int, int, str, Event]] = []
    lines = list(lines)
    end_s = lines[-1]["time"]
    for number, line in enumerate(lines):
        table, event = event_of(number, line)
        if is_nobody(event):
            continue
        late_s, dice = 0, chance("late", number)
        if dice % 8 == 0:
            late_s = min(dice // 8 % LATE_S[dice // 64 % len(LATE_S)], end_s - line["time"])
            event["late"] = late_s
        arrivals.append((line["time"] + late_s, number, table, event))
        if "uuid" in event:
            arrivals.append((line["time"] + late_s + 1_200, number, table, event))
    calls: list[Sent] = []
    seen: set[str] = set()
    now = 0
    for arrival_s, _, table, event in sorted(arrivals, key=lambda arrival: arrival[:2]):
        now = max(now + 1, arrival_s * SECOND_MS)
        uuid = event.get("uuid", "")
        calls.append(Sent(table, event, now, uuid in seen))
        seen |= {uuid} if uuid else set()
    return calls


def identifiers(event: Event) -> list[Identifier]:
    """ "Order: `normalize`, length, `invalid_texts`, `valid_regexp`"; strongest first."""
    found = []
    if "customer_id" in event:
        found.append(("customer_id", event["customer_id"].strip()))
    device = event.get("device", event.get("session", {}).get("device", "unknown"))
    if device.strip().lower() != "unknown":
        found.append(("device", device.strip().lower()))
    return found


# ------------------------------------------------------------------ the attributes


def attributes() -> dict[str, Attribute]:
    """The attributes of a new profile, as profile_shop.yaml declares them."""
    return {
        "country": Single(),
        "moved_from": Single(),
        "first_product": Single("first"),
        "spend": Single("sum"),
        "largest_line": Single("max"),
        "lowest_price": Single("min"),
        "lines_in_all": Single("count"),
        "mean_pence": Single("mean"),
        "last_cancelled": Single(duration=30 * DAY_MS),
        "in_hand": Single(),
        "code_number": Single(),
        "large": Single(),
        "invoices": List(200, 52 * 7 * DAY_MS, distinct=True),
        "lines": List(40, 30 * DAY_MS),
        "cart": List(
            15,
            60 * DAY_MS,
            id="sku",
            aggregations={
                "cart_pence": ("sum", "pence"),
                "cart_first": ("first", "sku"),
                "cart_last": ("last", "sku"),
                "cart_least": ("min", "pence"),
                "cart_most": ("max", "pence"),
                "cart_count": ("count", "sku"),
                "cart_quantities": ("distinct", "quantity"),
            },
        ),
        "returned": List(20),
        "words": List(30, 30 * DAY_MS, distinct=True),
        "units": Counter(),
        "lines_bought": Counter(30 * DAY_MS, {"lines_1d": DAY_MS, "lines_7d": 7 * DAY_MS}),
        "turnover_pence": Counter(60 * DAY_MS, {"turnover_7d": 7 * DAY_MS}),
        "codes": CounterBy(90 * DAY_MS),
        "visits": Counter(7 * DAY_MS),
    }


def to_number(text: str) -> float | None:
    """JavaScript's `Number(text)` of what stock codes are: digits, perhaps with letters."""
    return float(text) if text.isascii() and text.isdigit() else None


def pence(event: Event) -> int:
    """`Math.round(EVENT.unit_price * 100)`: halves go up."""
    exact = event["unit_price"] * 100
    floor = int(exact // 1)
    return floor if exact - floor < 0.5 else floor + 1


@dataclass
class Rules:
    """The attribute rules of profile_shop.yaml over one event, in file order."""

    person: Person
    event: Event
    moment: Moment

    def single(self, name: str) -> Single:
        """A single of the profile."""
        found = self.person.attributes[name]
        assert isinstance(found, Single)
        return found

    def list(self, name: str) -> List:
        """A list of the profile."""
        found = self.person.attributes[name]
        assert isinstance(found, List)
        return found

    def count(self, name: str, amount: int) -> None:
        """Adds to a counter of the profile."""
        found = self.person.attributes[name]
        assert isinstance(found, Counter)
        found.add(amount, self.moment)

    def order_line(self) -> None:
        """A purchase or a cancellation."""
        event, moment, now = self.event, self.moment, self.moment.now
        bought = event["quantity"] > 0
        amount = event["quantity"] * event["unit_price"]
        before = self.person.read("country", now)
        if event["country"] != "Unspecified":
            self.single("country").set(event["country"], moment)
        if before is not ABSENT and before != self.person.read("country", now):
            self.single("moved_from").set(before, moment)
        if bought:
            self.single("first_product").set(event["stock_code"], moment)
        self.single("spend").set(amount, moment)
        if bought:
            self.single("largest_line").set(amount, moment)
            if event["unit_price"] > 0:
                self.single("lowest_price").set(event["unit_price"], moment)
        self.single("lines_in_all").set(event["invoice_no"], moment)
        if bought:
            self.single("mean_pence").set(pence(event), moment)
        else:
            self.single("last_cancelled").set(event["description"], moment)
        if bought and event["description"] == self.person.read("last_cancelled", now):
            self.single("last_cancelled").clear(moment)
        self.single("in_hand").set(event["stock_code"] if bought else None, moment)
        if bought:
            self.purchase(event, amount, moment)
        else:
            self.cancellation(event, moment)

    def purchase(self, event: Event, amount: float, moment: Moment) -> None:
        """The rules with `event: purchase`, from `code_number` on."""
        sku, quantity = event["stock_code"], event["quantity"]
        number = to_number(sku)
        if number is not None:  # "a NaN applies nothing and is counted"
            self.single("code_number").set(number, moment)
        large = event["description"] * quantity
        if len(json.dumps(large, ensure_ascii=False).encode()) <= VALUE_BYTES_MAX:
            self.single("large").set(large, moment)
        self.list("invoices").push(event["invoice_no"], moment)
        label = f"{quantity} x {event['description']}"
        self.list("lines").add({"sku": sku, "quantity": quantity, "label": label}, moment)
        self.list("cart").add({"sku": sku, "quantity": quantity, "pence": pence(event)}, moment)
        if amount > 300:
            self.list("cart").clear(moment)
        self.list("returned").delete(sku, moment)
        if amount > 50:
            self.list("returned").clear(moment)
        for word in event["description"].split(" "):
            if len(word) > 4:
                self.list("words").push(word.lower(), moment)
        self.count("units", quantity)
        self.count("lines_bought", 1)
        self.count("turnover_pence", quantity * pence(event))
        codes = self.person.attributes["codes"]
        assert isinstance(codes, CounterBy)
        codes.add(sku, quantity, moment)

    def cancellation(self, event: Event, moment: Moment) -> None:
        """The rules with `event: cancellation`, from `cart` on."""
        self.list("cart").delete(event["stock_code"], moment)
        self.list("returned").push(event["stock_code"], moment)
        self.count("turnover_pence", event["quantity"] * pence(event))
        if "late" not in event and event["quantity"] < -100:
            turnover = self.person.attributes["turnover_pence"]
            assert isinstance(turnover, Counter)
            turnover.clear(moment)

    def visit(self) -> None:
        """A visit."""
        self.count("visits", 1)


def read_all(person: Person, now: int) -> dict[str, Json]:
    """What an expression reads of every attribute, window and aggregate; absent ones left out."""
    read: dict[str, Json] = {
        name: attribute.read(now) for name, attribute in person.attributes.items()
    }
    for attribute in person.attributes.values():
        if isinstance(attribute, List):
            read |= {one: attribute.aggregate(one, now) for one in attribute.aggregations}
        if isinstance(attribute, Counter):
            read |= {one: attribute.window(one, now) for one in attribute.windows}
    lines = read["lines_in_all"]
    read["per_line"] = ABSENT if lines is ABSENT else read["units"] / lines
    read["is_regular"] = len(read["invoices"]) >= 3 and lines is not ABSENT and read["per_line"] > 5
    return {name: value for name, value in read.items() if value is not ABSENT}


# ------------------------------------------------------------------ the reactor


@dataclass
class Shop:
    """Everybody, fed one call after another."""

    identities: Identities = field(default_factory=lambda: Identities(MAX_VALUES, attributes))
    now: int = 0
    lsn: int = 1

    def feed(self, call: Sent) -> dict[str, Json]:
        """Applies one call; what the offer `mirror` of its answer shows."""
        found = identifiers(call.event)
        if call.repeats:
            # "A repeat is a read ... the profile that of its strongest known identifier."
            known = [self.identities.index[one] for one in found if one in self.identities.index]
            return self.mirror(known[0], call.now)
        self.now, self.lsn = call.now, self.lsn + 1
        moment = Moment.of(call.event["time"], call.now, self.lsn)
        person = self.identities.resolve(found, moment)
        rules = Rules(person, call.event, moment)
        if call.table == "visits":
            rules.visit()
        else:
            rules.order_line()
        return self.mirror(person, call.now)

    def mirror(self, person: Person, now: int) -> dict[str, Json]:
        """The data of the offer `mirror`."""
        read = read_all(person, now)
        customer, device = person.newest("customer_id"), person.newest("device")
        return {
            "customer": "nobody" if customer is ABSENT else customer,
            "device": "none" if device is ABSENT else device,
            "units": read["units"],
            "cart": read["cart_pence"],
            "visits": read["visits"],
            "lines": len(read["lines"]),
            "regular": read["is_regular"],
        }
