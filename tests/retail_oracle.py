"""What examples/retail.yaml must compute, written a second time in plain Python.

The engine's answers are compared with these, event by event. So nothing here imports p13n, and
nothing is shared with it but the rules on the pages: every amount a counter ever got is kept, every
window is summed anew, every list is a Python list. Slow on purpose, easy to check by eye.

Invariants: times are epoch milliseconds; `now` is the processing time of `--clock event`, the
greatest event time so far; an attribute without a value reads as ABSENT, never as None.
"""

import gzip
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Final

Event = dict[str, Any]
Item = dict[str, Any]
Offers = dict[str, dict[str, Any]]

DAY_MS: Final = 86_400_000
CLOCK_SKEW_MS: Final = 5 * 60_000
BUCKETS: Final = 60
NO_DURATION: Final = math.inf


class Absent:
    """JavaScript's `undefined`."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


def read_events(path: Path) -> list[Event]:
    """The events of a file with one JSON object a line, gzipped."""
    with gzip.open(path, "rb") as lines:
        return [json.loads(line) for line in lines]


# ------------------------------------------------------------------ JavaScript's arithmetic


def js_round(number: float) -> int:
    """`Math.round`: halves go up."""
    floor = math.floor(number)
    return floor if number - floor < 0.5 else floor + 1


def js_to_fixed_2(number: float) -> str:
    """`toFixed(2)`: the exact binary value, halves away from zero."""
    return str(Decimal(number).quantize(Decimal("0.01"), ROUND_HALF_UP))


def js_text(value: str | float) -> str:
    """`String(value)` for text and for numbers that JavaScript writes without an exponent."""
    if isinstance(value, str):
        return value
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    assert 1e-6 <= abs(value) < 1e21, "not needed here: an exponent"
    return repr(float(value)).removesuffix(".0")


def template(*parts: str | float | Absent) -> str | Absent:
    """Text around `${...}`: nothing at all when a part is absent."""
    texts = [ABSENT if isinstance(part, Absent) else js_text(part) for part in parts]
    return ABSENT if ABSENT in texts else "".join(str(text) for text in texts)


def data(**entries: Any) -> dict[str, Any]:
    """An offer's `data`: absent entries are left out."""
    return {name: value for name, value in entries.items() if not isinstance(value, Absent)}


# ------------------------------------------------------------------ attributes, page 4.2


@dataclass
class Moment:
    """When an event counts: the processing time and the place of the event in time."""

    now: int
    time: int

    @classmethod
    def of(cls, event: Event, now: int) -> "Moment":
        """Within the clock skew of reception an event counts as received."""
        sent = event["time"] * 1000
        return cls(now, now if sent >= now - CLOCK_SKEW_MS else sent)


@dataclass
class Single:
    """A single: the value and the time it has."""

    fold: Callable[[Any, Any], Any] | None = None
    first: bool = False
    duration: float = NO_DURATION
    value: Any = ABSENT
    time: int = 0

    def set(self, value: Any, moment: Moment) -> None:
        """Last and first go by event time; sum, min and max take late events as any."""
        if moment.now - moment.time > self.duration:
            return
        if self.read(moment.now) is ABSENT:
            self.value, self.time = value, moment.time
        elif self.fold is not None:
            self.value, self.time = self.fold(self.value, value), max(self.time, moment.time)
        elif moment.time < self.time if self.first else moment.time >= self.time:
            self.value, self.time = value, moment.time

    def clear(self, moment: Moment) -> None:
        """What is younger than the event stays."""
        if self.time <= moment.time:
            self.value = ABSENT

    def read(self, now: int) -> Any:
        """The value, as long as it lasts."""
        return self.value if now - self.time <= self.duration else ABSENT


@dataclass
class List:
    """A list: items in the order of their time, equal times in the order of arrival."""

    max_items: int = 100
    duration: int = 90 * DAY_MS
    distinct: bool = False
    items: list[Item] = field(default_factory=list)

    def add(self, item: Item, moment: Moment) -> None:
        """Places an item by its time; of a distinct list the newest repeat wins."""
        self.items = self.read(moment.now)
        if moment.now - moment.time > self.duration:
            return
        if self.distinct:
            repeats = [old for old in self.items if old["value"] == item["value"]]
            if any(old["time"] > moment.time for old in repeats):
                return
            self.items = [old for old in self.items if old not in repeats]
        older = sum(old["time"] <= moment.time for old in self.items)
        self.items.insert(older, {**item, "time": moment.time})
        self.items = self.items[-self.max_items :]

    def remove(self, value: Any, moment: Moment) -> None:
        """`delete`: items with this value that are not younger than the event."""
        self.items = [
            item
            for item in self.read(moment.now)
            if item["value"] != value or item["time"] > moment.time
        ]

    def clear(self, moment: Moment) -> None:
        """`clear`: items that are not younger than the event."""
        self.items = [item for item in self.read(moment.now) if item["time"] > moment.time]

    def read(self, now: int) -> list[Item]:
        """The items, as long as they last."""
        return [item for item in self.items if now - item["time"] <= self.duration]


@dataclass
class Counter:
    """A counter: every amount it ever got, with its time."""

    amounts: list[tuple[int, int]] = field(default_factory=list)

    def add(self, amount: int, moment: Moment) -> None:
        """Keeps the amount under the event's own time."""
        self.amounts.append((moment.time, amount))

    def total(self) -> int:
        """The sum for life."""
        return sum(amount for _, amount in self.amounts)

    def window(self, days: int, now: int) -> int:
        """The last 60 epoch-aligned buckets, sixtieths of the window, the current one included."""
        bucket = days * DAY_MS // BUCKETS
        oldest = now // bucket - BUCKETS + 1
        return sum(amount for time, amount in self.amounts if time // bucket >= oldest)


# ------------------------------------------------------------------ the profile of retail.yaml


SINGLES: Final = (
    "country",
    "first_product",
    "spend",
    "largest_line",
    "lowest_price",
    "last_cancelled",
)
LISTS: Final = ("invoices", "last_products", "lines", "returned", "words")


@dataclass
class Profile:
    """One customer: the attributes of examples/retail.yaml, in its order."""

    customer_id: str
    country: Single = field(default_factory=Single)
    first_product: Single = field(default_factory=lambda: Single(first=True))
    spend: Single = field(default_factory=lambda: Single(fold=lambda old, new: old + new))
    largest_line: Single = field(default_factory=lambda: Single(fold=max))
    lowest_price: Single = field(default_factory=lambda: Single(fold=min))
    last_cancelled: Single = field(default_factory=lambda: Single(duration=30 * DAY_MS))
    invoices: List = field(
        default_factory=lambda: List(max_items=200, duration=52 * 7 * DAY_MS, distinct=True)
    )
    last_products: List = field(
        default_factory=lambda: List(max_items=12, duration=60 * DAY_MS, distinct=True)
    )
    lines: List = field(default_factory=lambda: List(max_items=40, duration=30 * DAY_MS))
    returned: List = field(default_factory=lambda: List(max_items=20))
    words: List = field(
        default_factory=lambda: List(max_items=30, duration=30 * DAY_MS, distinct=True)
    )
    units: Counter = field(default_factory=Counter)
    lines_bought: Counter = field(default_factory=Counter)
    turnover_pence: Counter = field(default_factory=Counter)
    cancellations: Counter = field(default_factory=Counter)

    def apply(self, event: Event, moment: Moment) -> None:
        """Runs the attribute rules over one event, in file order."""
        if event["country"] != "Unspecified":
            self.country.set(event["country"], moment)
        amount = event["quantity"] * event["unit_price"]
        pence = event["quantity"] * js_round(event["unit_price"] * 100)
        if is_purchase(event):
            self.apply_purchase(event, amount, moment)
        else:
            self.apply_cancellation(event, amount, moment)
        self.turnover_pence.add(pence, moment)

    def apply_purchase(self, event: Event, amount: float, moment: Moment) -> None:
        """The rules with `event: purchase`, but the turnover's."""
        self.first_product.set(event["stock_code"], moment)
        self.spend.set(amount, moment)
        self.largest_line.set(amount, moment)
        if event["unit_price"] > 0:
            self.lowest_price.set(event["unit_price"], moment)
        if event["description"] == self.last_cancelled.read(moment.now):
            self.last_cancelled.clear(moment)
        self.invoices.add({"value": event["invoice_no"]}, moment)
        self.last_products.add({"value": event["stock_code"]}, moment)
        line = {
            "sku": event["stock_code"],
            "title": event["description"],
            "quantity": event["quantity"],
            "amount": amount,
            "label": f"{event['quantity']} x {event['description']}",
        }
        self.lines.add(line, moment)
        if amount > 50:
            self.returned.clear(moment)
        for word in event["description"].split(" "):
            if len(word) > 4:
                self.words.add({"value": word.lower()}, moment)
        self.units.add(event["quantity"], moment)
        self.lines_bought.add(1, moment)

    def apply_cancellation(self, event: Event, amount: float, moment: Moment) -> None:
        """The rules with `event: cancellation`, but the turnover's."""
        self.spend.set(amount, moment)
        self.last_cancelled.set(event["description"], moment)
        self.last_products.remove(event["stock_code"], moment)
        self.returned.add({"value": event["stock_code"]}, moment)
        self.cancellations.add(1, moment)

    def attributes(self, now: int) -> dict[str, Any]:
        """What an expression reads of each attribute and window; absent ones are left out."""
        return data(
            **{name: getattr(self, name).read(now) for name in (*SINGLES, *LISTS)},
            units=self.units.total(),
            lines_bought=self.lines_bought.window(30, now),
            lines_1d=self.lines_bought.window(1, now),
            lines_7d=self.lines_bought.window(7, now),
            turnover_pence=self.turnover_pence.window(60, now),
            turnover_pence_7d=self.turnover_pence.window(7, now),
            cancellations=self.cancellations.window(90, now),
        )


def is_purchase(event: Event) -> bool:
    """Every line of the data is either a purchase or a cancellation."""
    purchase = bool(event["quantity"] > 0)
    assert purchase or (event["quantity"] < 0 and event["invoice_no"].startswith("C"))
    return purchase


# ------------------------------------------------------------------ the offers of retail.yaml


def offers(event: Event, profile: Profile, now: int) -> Offers:
    """The offers that hold, in the configuration's order, each with its attributes."""
    purchase = is_purchase(event)
    read = profile.attributes(now)
    held: list[tuple[str, dict[str, Any] | None]] = [
        ("welcome", welcome(profile.customer_id, read) if purchase else None),
        ("big_spender", big_spender(read) if purchase else None),
        ("bulk_buyer", bulk_buyer(event, read) if purchase else None),
        ("buy_again", buy_again(event, read) if purchase else None),
        ("best_lines", best_lines(read, now) if purchase else None),
        ("sorry", None if purchase else sorry(read)),
        ("abroad", abroad(read)),
        ("christmas", christmas(event, read) if purchase else None),
        ("any_line", any_line(event, read)),
    ]
    return {name: {"attributes": given} for name, given in held if given is not None}


Read = dict[str, Any]
Given = dict[str, Any] | None


def welcome(customer_id: str, read: Read) -> Given:
    """The first invoice."""
    if len(read["invoices"]) != 1 or not read["spend"] > 0:
        return None
    text = template("Welcome, ", customer_id, " from ", read.get("country", ABSENT))
    return data(text=text, first_product=read.get("first_product", ABSENT))


def big_spender(read: Read) -> Given:
    """Many and large orders."""
    orders = len(read["invoices"])
    average = read["spend"] / orders
    if orders < 3 or not (read["spend"] > 1000 and average > 250):
        return None
    tier = "gold" if read["spend"] > 10000 else "silver" if read["spend"] > 4000 else "bronze"
    return data(
        tier=tier, average=js_to_fixed_2(average), orders=orders, limits=[1000, 4000, 10000]
    )


def bulk_buyer(event: Event, read: Read) -> Given:
    """Three bulk lines."""
    bulk = [line for line in read["lines"] if line["quantity"] >= 24]
    if event["quantity"] < 24 or len(bulk) < 3:
        return None
    return data(
        units=sum(line["quantity"] for line in bulk), skus=[line["sku"] for line in bulk][-5:]
    )


def buy_again(event: Event, read: Read) -> Given:
    """The same product three times, none returned."""
    times = sum(line["sku"] == event["stock_code"] for line in read["lines"])
    if times < 3 or any(item["value"] == event["stock_code"] for item in read["returned"]):
        return None
    text = template("You bought ", event["description"], " ", times, " times")
    return data(text=text, sku=event["stock_code"])


def best_lines(read: Read, now: int) -> Given:
    """Ten lines in seven days, not all of one day."""
    recent = [line for line in read["lines"] if line["time"] > now - 7 * DAY_MS]
    if len(recent) < 10 or not read["lines_1d"] < read["lines_7d"]:
        return None
    best = sorted(recent, key=lambda line: -line["amount"])[:3]
    share = js_round(100 * read["lines_1d"] / read["lines_7d"])
    return data(best=[line["label"] for line in best], share=share)


def sorry(read: Read) -> Given:
    """A call for many cancellations, a mail for some."""
    if read["cancellations"] >= 5 or read["spend"] < 0:
        return data(level="call", returned=", ".join(item["value"] for item in read["returned"]))
    if len(read["returned"]) >= 2:
        return data(level="mail", about=read.get("last_cancelled", ABSENT))
    return None


def abroad(read: Read) -> Given:
    """A large week from abroad."""
    country = read.get("country", ABSENT)
    at_home = country in ("United Kingdom", "EIRE", "Channel Islands")
    if isinstance(country, Absent) or at_home or read["turnover_pence_7d"] < 50000:
        return None
    return data(free_shipping={"to": country, "pence": read["turnover_pence_7d"]})


def christmas(event: Event, read: Read) -> Given:
    """Christmas words before the new year."""
    words = [item["value"] for item in read["words"]]
    if "christmas" not in words or event["time"] >= 1293840000:
        return None
    return data(
        words=words[-4:],
        cheapest=template("from ", read.get("lowest_price", ABSENT), " pounds"),
    )


def any_line(event: Event, read: Read) -> Given:
    """A thousand units, and the line is the newest product."""
    newest = read["last_products"][-1]["value"] if read["last_products"] else ""
    if read["units"] < 1000 or newest != event["stock_code"]:
        return None
    return data(units=read["units"], largest_line=read.get("largest_line", ABSENT))


# ------------------------------------------------------------------ the shop


class Shop:
    """All customers, fed one event after another under `--clock event`."""

    def __init__(self) -> None:
        self.now = 0
        self.profiles: dict[str, Profile] = {}

    def feed(self, event: Event) -> Offers:
        """Applies one event; the offers it is answered with."""
        self.now = max(self.now, event["time"] * 1000)
        customer_id = event["customer_id"]
        profile = self.profiles.setdefault(customer_id, Profile(customer_id))
        profile.apply(event, Moment.of(event, self.now))
        return offers(event, profile, self.now)

    def feed_all(self, events: Iterable[Event]) -> Iterator[Offers]:
        """Applies events one after another."""
        return (self.feed(event) for event in events)

    def attributes(self, customer_id: str) -> dict[str, Any]:
        """What is known of a customer at the processing time."""
        return self.profiles[customer_id].attributes(self.now)
