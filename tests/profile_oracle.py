"""Page 4 of the specification a second time, in plain Python: identities, attributes, merges.

Nothing here imports p13n. Each rule of the page that is modelled is quoted where it is modelled;
everything is kept in lists and dicts, and computed anew from them. Slow on purpose.

Invariants: times are epoch milliseconds; `lsn` is the place of an event in the order of arrival; an
attribute without a value reads as ABSENT, never as None.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

Json = Any
Identifier = tuple[str, str]

SECOND_MS: Final = 1_000
DAY_MS: Final = 86_400_000
CLOCK_SKEW_MS: Final = 5 * 60_000
BUCKETS: Final = 60
IDENTIFIERS_MAX: Final = 200
BY_MAX: Final = 50


class Absent:
    """JavaScript's `undefined`."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


@dataclass(frozen=True)
class Moment:
    """When an event counts: processing time, its own place in time, its place in the log."""

    now: int
    time: int
    lsn: int

    @classmethod
    def of(cls, time_s: int | None, now: int, lsn: int) -> "Moment":
        """ "Within `clock_skew` (5 m) of reception it counts as reception; ahead of it, as now;
        otherwise an event is placed by its own time." """
        own = now if time_s is None else time_s * SECOND_MS
        return cls(now, now if own >= now - CLOCK_SKEW_MS else own, lsn)


def is_old(time: int, duration: int | None, now: int) -> bool:
    """Whether something of `time` has outlived its duration."""
    return duration is not None and now - time > duration


# ------------------------------------------------------------------ singles

FOLDS: Final[dict[str, Callable[[float, float], float]]] = {
    "sum": lambda old, new: old + new,
    "min": min,
    "max": max,
}


@dataclass
class Single:
    """ "state: value, event time". A count and a mean keep what they are made of."""

    aggregation: str = "last"
    duration: int | None = None
    value: Json = ABSENT
    time: int = 0
    lsn: int = 0
    count: int = 0

    def set(self, value: Json, moment: Moment) -> None:
        """ "A `value` that yields `undefined` applies nothing; `null` clears a single." """
        if isinstance(value, Absent):
            return
        if value is None:
            self.clear(moment)
            return
        self.sweep(moment.now)
        # "Older than the duration: logged only."
        if is_old(moment.time, self.duration, moment.now):
            return
        new = Single(self.aggregation, self.duration, value, moment.time, moment.lsn, 1)
        if self.aggregation == "count":
            new.value = 1
        self.unite(new, moment.now)

    def clear(self, moment: Moment) -> None:
        """ "`clear` leaves what is younger than its event." """
        self.sweep(moment.now)
        if self.time <= moment.time:
            self.value = ABSENT

    def unite(self, other: "Single", now: int) -> None:
        """ "`last` changes only when the event's time is >= the stored one, `first` only when it is
        < the stored one; the other aggregations take late events as any." And of two profiles:
        "singles by their aggregation (last and first by event time, min, max by value; sum, count,
        mean add) ... of equal times singles keep the value that came last (`first`: first)"."""
        self.sweep(now)
        if other.read(now) is ABSENT:
            return
        mine, theirs = (self.time, self.lsn), (other.time, other.lsn)
        if self.value is ABSENT:
            self.take(other)
        elif self.aggregation == "last":
            if theirs >= mine:
                self.take(other)
        elif self.aggregation == "first":
            if theirs < mine:
                self.take(other)
        else:
            fold = FOLDS.get(self.aggregation, FOLDS["sum"])
            self.value = fold(self.value, other.value)
            self.count += other.count
            self.time, self.lsn = max(mine, theirs)

    def take(self, other: "Single") -> None:
        """Becomes the other."""
        self.value, self.time, self.lsn, self.count = (
            other.value,
            other.time,
            other.lsn,
            other.count,
        )

    def sweep(self, now: int) -> None:
        """ "Apply first drops what has expired, then updates." """
        if is_old(self.time, self.duration, now):
            self.value = ABSENT

    def read(self, now: int) -> Json:
        """The value, as long as it lasts."""
        if self.value is ABSENT or is_old(self.time, self.duration, now):
            return ABSENT
        return self.value / self.count if self.aggregation == "mean" else self.value


# ------------------------------------------------------------------ lists


@dataclass(frozen=True)
class Item:
    """One item: its fields, and when it came."""

    time: int
    lsn: int
    fields: dict[str, Json]

    def read(self) -> dict[str, Json]:
        """ "Items with those fields and `time`, otherwise `{value, time}`." """
        return {**self.fields, "time": self.time}


AGGREGATES: Final[dict[str, Callable[[list[Json]], Json]]] = {
    "first": lambda values: values[0] if values else ABSENT,
    "last": lambda values: values[-1] if values else ABSENT,
    "sum": sum,
    "min": lambda values: min(values) if values else ABSENT,
    "max": lambda values: max(values) if values else ABSENT,
    "count": len,
    "distinct": lambda values: list(dict.fromkeys(values)),
}


@dataclass
class List:
    """ "state: items, newest last; options `max_items` 100, `duration` 90d, `distinct`, `id`"."""

    max_items: int = 100
    duration: int = 90 * DAY_MS
    distinct: bool = False
    id: str | None = None
    aggregations: dict[str, tuple[str, str]] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)

    def add(self, fields: dict[str, Json], moment: Moment) -> None:
        """ "Into the list by time (equal times by arrival)." """
        self.sweep(moment.now)
        if not is_old(moment.time, self.duration, moment.now):
            self.unite_items([Item(moment.time, moment.lsn, fields)])

    def push(self, value: Json, moment: Moment) -> None:
        """An item that is not written as a map."""
        if not isinstance(value, Absent):
            self.add({"value": value}, moment)

    def delete(self, value: Json, moment: Moment) -> None:
        """ "`delete` removes items whose `id` field, or without `id` whose value, equals it;
        `delete` and `clear` leave what is younger than their event." """
        self.sweep(moment.now)
        name = self.id or "value"
        self.items = [
            item
            for item in self.items
            if item.time > moment.time or item.fields.get(name, ABSENT) != value
        ]

    def clear(self, moment: Moment) -> None:
        """See `delete`."""
        self.sweep(moment.now)
        self.items = [item for item in self.items if item.time > moment.time]

    def unite(self, other: "List", now: int) -> None:
        """ "Lists unite by time, then their caps apply." """
        self.sweep(now)
        self.unite_items(
            [item for item in other.items if not is_old(item.time, self.duration, now)]
        )

    def unite_items(self, items: list[Item]) -> None:
        """ "Of equal times, list items stand in the order of their LSN. Of a `distinct` or `id`
        list the newest item wins." The sort is stable: items of one event stay in their order."""
        united = sorted([*self.items, *items], key=lambda item: (item.time, item.lsn))
        if self.distinct or self.id is not None:
            keys = [self.same(item) for item in united]
            united = [item for at, item in enumerate(united) if keys[at] not in keys[at + 1 :]]
        self.items = united[-self.max_items :]

    def same(self, item: Item) -> Json:
        """What makes an item a repeat: of an `id` list that field, else its whole value."""
        return item.fields if self.id is None else item.fields.get(self.id, ABSENT)

    def sweep(self, now: int) -> None:
        """ "Apply first drops what has expired, then updates." """
        self.items = [item for item in self.items if not is_old(item.time, self.duration, now)]

    def read(self, now: int) -> list[dict[str, Json]]:
        """The items, as long as they last."""
        return [item.read() for item in self.items if not is_old(item.time, self.duration, now)]

    def aggregate(self, name: str, now: int) -> Json:
        """ "`aggregations` (first, last, sum, min, max, count, distinct over a field)"."""
        kind, over = self.aggregations[name]
        return AGGREGATES[kind]([item[over] for item in self.read(now) if over in item])


# ------------------------------------------------------------------ counters


def bucket_of(time: int, window: int) -> int:
    """ "Epoch-aligned buckets of a sixtieth of the window." """
    return time * BUCKETS // window


def window_sum(amounts: Iterable[tuple[int, int]], window: int, now: int) -> int:
    """ "Windows are the last 60 buckets, the current one included." """
    oldest = bucket_of(now, window) - BUCKETS + 1
    return sum(amount for time, amount in amounts if bucket_of(time, window) >= oldest)


@dataclass
class Counter:
    """Every amount it ever got, with its time; `duration` None is `total: true`."""

    duration: int | None = None
    windows: dict[str, int] = field(default_factory=dict)
    amounts: list[tuple[int, int]] = field(default_factory=list)

    def add(self, amount: int, moment: Moment) -> None:
        """ "Into its own bucket." """
        self.amounts.append((moment.time, amount))

    def unite(self, other: "Counter", now: int) -> None:
        """ "Counters add bucket to bucket." """
        self.amounts += other.amounts

    def clear(self, moment: Moment) -> None:
        """ "`clear` leaves what is younger than its event"; asked of events on time only, for what
        is younger within one bucket is not told apart."""
        assert moment.time == moment.now
        self.amounts = []

    def read(self, now: int) -> int:
        """The counter's own window, or all of it."""
        if self.duration is None:
            return sum(amount for _, amount in self.amounts)
        return window_sum(self.amounts, self.duration, now)

    def window(self, name: str, now: int) -> int:
        """A further window."""
        return window_sum(self.amounts, self.windows[name], now)


@dataclass
class CounterBy:
    """ "`by`: a counter for each value of an expression, the 50 most recent"."""

    duration: int
    counters: dict[str, Counter] = field(default_factory=dict)
    recent: dict[str, int] = field(default_factory=dict)

    def add(self, by: str, amount: int, moment: Moment) -> None:
        """Adds to the counter of `by`; the least recent over the bound goes."""
        self.sweep(moment.now)
        if bucket_of(moment.time, self.duration) <= bucket_of(moment.now, self.duration) - BUCKETS:
            return
        self.counters.setdefault(by, Counter(self.duration)).add(amount, moment)
        self.recent[by] = moment.lsn
        self.cap(moment.now)

    def unite(self, other: "CounterBy", now: int) -> None:
        """ "Counters add bucket to bucket", and then the bound applies."""
        self.sweep(now)
        for by, counter in other.counters.items():
            self.counters.setdefault(by, Counter(self.duration)).unite(counter, now)
            self.recent[by] = max(self.recent.get(by, 0), other.recent[by])
        self.cap(now)

    def sweep(self, now: int) -> None:
        """A counter all of whose buckets have expired is none."""
        oldest = bucket_of(now, self.duration) - BUCKETS + 1
        for by, counter in list(self.counters.items()):
            if all(bucket_of(time, self.duration) < oldest for time, _ in counter.amounts):
                del self.counters[by], self.recent[by]

    def cap(self, now: int) -> None:
        """The 50 most recent."""
        self.sweep(now)
        newest = sorted(self.recent, key=lambda by: self.recent[by])[-BY_MAX:]
        for by in [by for by in self.recent if by not in newest]:
            del self.counters[by], self.recent[by]

    def read(self, now: int) -> dict[str, int]:
        """ "With `by` an object of numbers"."""
        self.sweep(now)
        return {by: counter.read(now) for by, counter in self.counters.items()}


Attribute = Single | List | Counter | CounterBy


# ------------------------------------------------------------------ identity


@dataclass(eq=False)
class Person:
    """One profile: when it was made, identifiers with when they were last seen, attributes."""

    made: tuple[int, int]
    attributes: dict[str, Attribute]
    seen: dict[Identifier, int] = field(default_factory=dict)

    def values(self, key: str) -> list[str]:
        """The values of a key, newest last."""
        of_key = [(seen, value) for (name, value), seen in self.seen.items() if name == key]
        return [value for _, value in sorted(of_key)]

    def newest(self, key: str) -> str | Absent:
        """`PROFILE.<key>`: "the key's latest value"."""
        values = self.values(key)
        return values[-1] if values else ABSENT

    def read(self, name: str, now: int) -> Json:
        """`PROFILE.<attribute>`."""
        return self.attributes[name].read(now)


@dataclass
class Counts:
    """How often identity came to what."""

    made: int = 0
    extended: int = 0
    merged: int = 0
    moved: int = 0


class Identities:
    """Who is who: "identifiers: (key, value) pairs"."""

    def __init__(
        self, max_values: dict[str, int | None], attributes: Callable[[], dict[str, Attribute]]
    ) -> None:
        self.max_values = max_values  # keys, strongest first
        self.attributes = attributes
        self.people: list[Person] = []
        self.index: dict[Identifier, Person] = {}
        self.counts = Counts()

    def resolve(self, identifiers: list[Identifier], moment: Moment) -> Person:
        """ "An event whose identifiers are all new makes a profile; one known and one new extends
        it; identifiers of several profiles merge them ... all identifiers are re-pointed in the
        same step, for this very request." `identifiers` are strongest first."""
        known = [self.index[one] for one in identifiers if one in self.index]
        people = [one for at, one in enumerate(known) if one not in known[:at]]
        if self.breaks_a_bound(people, identifiers):
            person = self.move(identifiers, moment)
        elif not people:
            person = self.make(moment)
        else:
            self.counts.extended += len(people) == 1 and len(known) < len(identifiers)
            person = self.merge(people, moment)
        for identifier in identifiers:
            self.index[identifier] = person
            person.seen[identifier] = moment.now
        self.let_go(person)
        return person

    def breaks_a_bound(self, people: list[Person], identifiers: list[Identifier]) -> bool:
        """ "`max_values: n` bounds the values one profile may hold." """
        united = {one for person in people for one in person.seen} | set(identifiers)
        return any(
            bound is not None and sum(name == key for name, _ in united) > bound
            for key, bound in self.max_values.items()
        )

    def make(self, moment: Moment) -> Person:
        """A new profile."""
        person = Person((moment.now, moment.lsn), self.attributes())
        self.people.append(person)
        self.counts.made += 1
        return person

    def merge(self, people: list[Person], moment: Moment) -> Person:
        """ "The oldest `rid` is kept." """
        survivor = min(people, key=lambda person: person.made)
        for other in people:
            if other is survivor:
                continue
            self.counts.merged += 1
            self.people.remove(other)
            for identifier, seen in other.seen.items():
                self.index[identifier] = survivor
                survivor.seen[identifier] = max(seen, survivor.seen.get(identifier, seen))
            for name, attribute in survivor.attributes.items():
                theirs: Any = other.attributes[name]
                attribute.unite(theirs, moment.now)
        return survivor

    def move(self, identifiers: list[Identifier], moment: Moment) -> Person:
        """ "The strongest one decides the profile, a weaker identifier moves to it (last login
        wins), nothing merges." """
        strongest = self.index.get(identifiers[0])
        person = self.make(moment) if strongest is None else strongest
        for weaker in identifiers[1:]:
            holder = self.index.get(weaker)
            if holder is not None and holder is not person:
                self.counts.moved += 1
                del holder.seen[weaker]
        return person

    def let_go(self, person: Person) -> None:
        """ "At most 200 identifiers; over that the least recently seen one is let go." """
        while len(person.seen) > IDENTIFIERS_MAX:
            oldest = min(person.seen, key=lambda identifier: person.seen[identifier])
            del person.seen[oldest], self.index[oldest]
