"""The tdx notation: one YAML file with events, attributes, keys and, where there are any, sections.

Its defaults are filled in (100 items, 90 days). `exclude_regex` drops what matches, where our
`valid_regexp` demands a match: alternatives of plain texts become `invalid_texts`, all else a
`from` that gives nothing for what is excluded.
"""

import re

from p13n.notation import sql
from p13n.notation.criteria import NEVER
from p13n.notation.expression import member, pattern, template
from p13n.notation.model import Attribute, Configuration, Event, Key, Offer, Rule
from p13n.notation.names import Names, is_table, wire_name
from p13n.notation.operators import (
    DURATION_DAYS_MAX,
    LIST_ITEMS_MAX,
    Inexpressible,
    Operand,
    operand_of,
)
from p13n.notation.report import Report
from p13n.notation.source import Part, kind_of

_LIST_ITEMS = 100
_LIST_DAYS = 90
_DURATION = re.compile(r"([1-9][0-9]{0,4})([smhdw])")
_AGGREGATIONS = frozenset(("last", "first", "sum", "min", "max"))
_NUMERIC = frozenset(("sum", "min", "max"))
_PLAIN_TEXTS = re.compile(r"\^(?:\(([\w @.+|:\\-]*)\)|([\w @+:\\.-]*))\$")


def read(document: object, report: Report) -> Configuration:
    """The configuration that a document describes."""
    return _Reader(report).read(Part(document, "", report))


class _Reader:
    """One translation."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._events: dict[str, str] = {}
        self._attributes: dict[str, Attribute] = {}
        self._event_names = Names(report)
        self._names = Names(report)

    def read(self, top: Part) -> Configuration:
        segment = top.text("parent_segment_id")
        title = top.text("parent_segment_name", "name")
        found = Configuration(
            name=wire_name(title or (f"parent_segment_{segment}" if segment else "imported")),
            comment="Translated from the tdx notation by `p13n config import`.",
        )
        top.ignore(("description", "version"))
        self._report.changed("", "account and instance are 1; set your own")
        stitching = top.part("id_stitching")
        if stitching is not None:
            found.keys = self._keys(stitching)
        for part in top.parts("events"):
            event = self._event(part)
            if event is not None:
                found.events.append(event)
        for part in top.parts("attributes"):
            attribute = self._attribute(part)
            if attribute is not None:
                found.attributes.append(attribute)
        service = top.part("personalization_service")
        if service is not None:
            self._service(service, found)
        top.finish()
        return found

    # -------------------------------------------------------------- keys

    def _keys(self, stitching: Part) -> list[Key]:
        keys: list[Key] = []
        given: dict[str, Key] = {}
        for part in stitching.parts("stitching_keys"):
            name = part.text("name")
            if name is None:
                self._report.left_out(part.path, "a key without a name")
                continue
            key = Key(self._names.give(name, part.at("name")), part.text("description") or "")
            if key.name != name:
                key.sources = [template(member("EVENT", name))]
            self._exclude(part, name, key)
            part.finish()
            keys.append(key)
            given[name] = key
        for field, sentence in (
            ("ext_lookup_key", "batch data is found by any key, the strongest first"),
            ("primary_key", "it stands first, as the strongest"),
        ):
            name = stitching.text(field)
            if name is None:
                continue
            if name not in given:
                self._report.left_out(stitching.at(field), f"there is no stitching key `{name}`")
                continue
            self._report.changed(stitching.at(field), sentence)
            if field == "primary_key":
                keys.remove(given[name])
                keys.insert(0, given[name])
        stitching.finish()
        return keys

    def _exclude(self, part: Part, name: str, key: Key) -> None:
        """What must not match: the other way round than our `valid_regexp`."""
        source = part.text("exclude_regex")
        if not source:
            return
        path = part.at("exclude_regex")
        texts = _plain_texts(source)
        if texts is not None:
            key.invalid_texts = texts
            self._report.changed(path, "the texts that it excludes are `invalid_texts`")
            return
        read = member("EVENT", name)
        try:
            excluded = pattern(source)
        except ValueError as error:
            key.sources = [template("undefined")]
            self._report.never(path, f"{error}; without it the key would take too much")
            return
        key.sources = [template(f"{excluded}.test({read}) ? undefined : {read}")]
        self._report.changed(path, "`from` gives nothing for what it excludes")

    # -------------------------------------------------------------- events

    def _event(self, part: Part) -> Event | None:
        wanted, database, table = part.text("name"), part.text("database"), part.text("table")
        if wanted is None or database is None or table is None:
            self._report.left_out(part.path, "an event needs a name, a database and a table")
            return None
        if not is_table(database) or not is_table(table):
            self._report.left_out(
                part.path, f"`{database}.{table}` is no table here: 3 to 128 of a-z, 0-9 and _"
            )
            return None
        if wanted in self._events:
            self._report.left_out(part.at("name"), f"there is an event `{wanted}` already")
            return None
        name = self._event_names.give(wanted, part.at("name"))
        self._events[wanted] = name
        condition = self._filter(part)
        comment = part.text("description") or ""
        part.finish()
        return Event(name, database, table, comment, condition)

    def _filter(self, part: Part) -> str | None:
        """`filter`: a field and a pattern, or a condition as in SQL; on the event's fields."""
        path = part.at("filter")
        value = part.take("filter")
        match value:
            case None:
                return None
            case str():
                return self._sql(value, path, lambda name: Operand(member("EVENT", name)))
            case dict():
                return self._pattern(Part(value, path, self._report))
        self._report.never(path, f"a filter is a field and a pattern, not {kind_of(value)}")
        return NEVER

    def _pattern(self, part: Part) -> str:
        field, source = part.text("field"), part.text("pattern")
        part.finish()
        if field is None or source is None:
            self._report.never(part.path, "a filter needs `field` and `pattern`")
            return NEVER
        try:
            regexp = pattern(source)
        except ValueError as error:
            self._report.never(part.at("pattern"), f"{error}")
            return NEVER
        read = member("EVENT", field)
        return f"{read} != null && {regexp}.test({read})"

    def _sql(self, source: str, path: str, operand_of: "sql.OperandOf") -> str | None:
        try:
            return sql.condition_of(
                source, operand_of, lambda sentence: self._report.never(path, sentence)
            )
        except sql.Unreadable as error:
            self._report.never(path, f"{error}")
            return NEVER

    # -------------------------------------------------------------- attributes

    def _attribute(self, part: Part) -> Attribute | None:
        wanted, kind = part.text("name"), part.text("type")
        if wanted is None:
            self._report.left_out(part.path, "an attribute without a name")
            return None
        if wanted in self._attributes:
            self._report.left_out(part.at("name"), f"there is an attribute `{wanted}` already")
            return None
        attribute = Attribute("", "", part.text("description") or "")
        attribute.sensitive = self._is_sensitive(part)
        match kind:
            case "single":
                good = self._single(part, attribute)
            case "list":
                good = self._list(part, attribute)
            case "counter":
                good = self._counter(part, attribute)
            case "imported_batch" | "imported":
                good = self._imported(part, attribute)
            case _:
                self._report.left_out(part.path, f"there is no type `{kind}` of attributes")
                return None
        if not good:
            return None
        attribute.name = self._names.give(wanted, part.at("name"))
        self._attributes[wanted] = attribute
        part.finish()
        return attribute

    def _is_sensitive(self, part: Part) -> bool:
        word = part.text("sensitivity")
        if word not in (None, "sensitive", "non-sensitive"):
            # Of the two, the one that shows less.
            self._report.changed(part.at("sensitivity"), f"`{word}` is taken for `sensitive`")
        return word not in (None, "non-sensitive")

    def _rule(self, part: Part, with_field: bool) -> Rule | None:
        """The one rule of an attribute; None, reported, where it has no event or no field."""
        wanted = part.text("source_event")
        field = part.text("source_field")
        event = self._events.get(wanted or "")
        if event is None:
            self._report.left_out(part.path, f"there is no event `{wanted}`")
            return None
        if with_field and field is None:
            self._report.left_out(part.path, "it has no `source_field`")
            return None
        rule = Rule(event, self._filter(part))
        if field is not None:
            rule.value = template(member("EVENT", field))
            rule.columns = frozenset((field,))
        return rule

    def _single(self, part: Part, attribute: Attribute) -> bool:
        rule = self._rule(part, with_field=True)
        aggregation = part.text("aggregation") or "last"
        if rule is None:
            return False
        if aggregation not in _AGGREGATIONS:
            self._report.left_out(part.path, f"a single has no aggregation `{aggregation}`")
            return False
        attribute.type, attribute.rules = "single", [rule]
        if aggregation != "last":
            attribute.options["aggregation"] = aggregation
        if aggregation in _NUMERIC:
            attribute.options["data_type"] = "number"
        days = self._days(part, None)
        if days is not None:
            attribute.options["duration"] = days
        return True

    def _list(self, part: Part, attribute: Attribute) -> bool:
        rule = self._rule(part, with_field=True)
        aggregation = part.text("aggregation") or "distinct_list"
        if rule is None:
            return False
        if aggregation != "distinct_list":
            self._report.left_out(part.path, f"a list has no aggregation `{aggregation}`")
            return False
        items = part.whole("max_items")
        if items is not None and not 1 <= items <= LIST_ITEMS_MAX:
            self._report.changed(part.at("max_items"), f"a list has 1 to {LIST_ITEMS_MAX} items")
            items = min(max(items, 1), LIST_ITEMS_MAX)
        attribute.type, attribute.rules = "list", [rule]
        attribute.options["distinct"] = True
        attribute.options["max_items"] = _LIST_ITEMS if items is None else items
        attribute.options["duration"] = self._days(part, f"{_LIST_DAYS}d")
        return True

    def _days(self, part: Part, default: str | None) -> str | None:
        """`expiry_days` as a duration."""
        days = part.whole("expiry_days")
        if days is None:
            return default
        if not 1 <= days <= DURATION_DAYS_MAX:
            sentence = f"a duration is 1 to {DURATION_DAYS_MAX} days"
            self._report.changed(part.at("expiry_days"), sentence)
            days = min(max(days, 1), DURATION_DAYS_MAX)
        return f"{days}d"

    def _counter(self, part: Part, attribute: Attribute) -> bool:
        aggregation = part.text("aggregation") or "count"
        rule = self._rule(part, with_field=aggregation == "sum")
        if rule is None:
            return False
        if aggregation not in ("count", "sum"):
            self._report.left_out(part.path, f"a counter has no aggregation `{aggregation}`")
            return False
        if aggregation == "count":
            rule.value, rule.columns = None, frozenset()
        else:
            attribute.options["data_type"] = "number"
        window = part.text("window_duration")
        if window is None:
            attribute.options["total"] = True
            self._report.changed(part.path, "without `window_duration` it counts for life")
        elif not _is_duration(window):
            self._report.left_out(part.at("window_duration"), f"`{window}` is no duration")
            return False
        else:
            attribute.options["duration"] = window
        attribute.type, attribute.rules = "counter", [rule]
        return True

    def _imported(self, part: Part, attribute: Attribute) -> bool:
        part.ignore(("source", "source_event", "source_field"))
        attribute.type = "imported"
        attribute.options["data_type"] = part.text("data_type") or "string"
        self._report.changed(
            part.path, f"its values come by `p13n import`, as {attribute.options['data_type']}"
        )
        return True

    # -------------------------------------------------------------- sections

    def _service(self, service: Part, found: Configuration) -> None:
        """Sections: each is an offer for the service's event."""
        trigger = service.text("trigger_event")
        event = self._events.get(trigger or "")
        if trigger is not None and event is None:
            self._report.left_out(service.at("trigger_event"), f"there is no event `{trigger}`")
        service.ignore(("description", "name"))
        segments: dict[str, str] = {}
        for part in service.parts("sections"):
            offer = self._section(part, event, segments)
            if trigger is not None and event is None:
                self._report.left_out(part.path, "its event is not there")
            elif offer is not None and offer.name in {one.name for one in found.offers}:
                self._report.left_out(part.path, f"there is a section `{offer.name}` already")
            elif offer is not None:
                found.offers.append(offer)
        found.segments = list(segments.items())
        service.finish()

    def _section(self, part: Part, event: str | None, segments: dict[str, str]) -> Offer | None:
        name = part.text("name")
        criteria = part.text("criteria")
        if not name:
            self._report.left_out(part.path, "a section without a name")
            return None
        offer = Offer(wire_name(name), part.text("description") or "", event)
        condition = self._sql(criteria or "", part.at("criteria"), self._operand)
        if condition is not None:
            offer.conditions.append(condition)
        for path, wanted in part.items("attributes"):
            attribute = self._attributes.get(str(wanted))
            if attribute is None:
                self._report.left_out(path, f"there is no attribute `{wanted}`")
                continue
            offer.data[wire_name(str(wanted))] = template(shown(attribute))
            offer.shows.add(attribute.name)
        for path, segment in part.items("batch_segments"):
            value = segment.get("id") if isinstance(segment, dict) else segment
            if not isinstance(value, str | int):
                self._report.left_out(path, "a batch segment is an id")
                continue
            segments.setdefault(str(value), self._names.give(f"segment_{value}", path))
            offer.batch_segments.append(str(value))
        part.finish()
        return offer

    def _operand(self, name: str) -> Operand:
        attribute = self._attributes.get(name)
        if attribute is None:
            raise Inexpressible(f"there is no attribute `{name}`")
        return operand_of(attribute)


def shown(attribute: Attribute) -> str:
    """An attribute's value as answers show it: of a list its values."""
    read = member("PROFILE", attribute.name)
    return f"{read}.map(item => item.value)" if attribute.type == "list" else read


def _is_duration(text: str) -> bool:
    found = _DURATION.fullmatch(text)
    unit_days = {"s": 1 / 86_400, "m": 1 / 1_440, "h": 1 / 24, "d": 1, "w": 7}
    return found is not None and int(found[1]) * unit_days[found[2]] <= DURATION_DAYS_MAX


def _plain_texts(source: str) -> list[str] | None:
    """The texts of a pattern such as `^(unknown|guest)$`; None where it says more."""
    found = _PLAIN_TEXTS.fullmatch(source)
    if found is None:
        return None
    alternatives = (found[1] if found[1] is not None else found[2]).split("|")
    texts: list[str] = []
    for alternative in alternatives:
        text = re.sub(r"\\([^A-Za-z0-9])", r"\1", alternative)
        bare = re.sub(r"\\[^A-Za-z0-9]", "", alternative)
        if re.search(r"[\\.+|]", bare):
            return None
        if text:
            texts.append(text)
    return texts
