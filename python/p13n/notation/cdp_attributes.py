"""Attributes of the cdp-api: singles, lists, counters and imported ones.

An aggregation of a list and a sub-duration of a counter have a name of their own here, made of the
attribute's and theirs, since names are unique over all.
"""

from p13n.notation.cdp_known import Known, column_of
from p13n.notation.criteria import condition_of
from p13n.notation.expression import member, template
from p13n.notation.model import Attribute, Rule
from p13n.notation.names import Names
from p13n.notation.operators import DURATION_MAX_MS, LIST_ITEMS_MAX
from p13n.notation.source import Part

_UNITS = {"minute": ("m", 60_000), "hour": ("h", 3_600_000), "day": ("d", 86_400_000)}
_AGGREGATIONS = {
    "first": "first",
    "last": "last",
    "sum": "sum",
    "min": "min",
    "max": "max",
}
DISTINCT = "distinct_list"
"""The aggregation that is no number: the values, each once. It is read from the items."""
_DATA_TYPES = frozenset(
    ("number", "string", "boolean", "timestamp", "string_array", "number_array")
)


class AttributeReader:
    """Reads attributes one by one, and remembers what they are called for who refers to them."""

    def __init__(self, known: Known, names: Names) -> None:
        self._known = known
        self._names = names

    def read(self, part: Part) -> Attribute | None:
        """An entry of `realtime_attributes`; None, reported, where it has no counterpart."""
        title, identity = part.text("name"), part.text("id")
        identifier = part.text("identifier")
        wanted = identifier or title
        kind = part.text("type")
        if wanted is None:
            part.report.left_out(part.path, "an attribute without a name")
            return None
        attribute = Attribute("", "", title or "")
        attribute.sensitive = part.boolean("sensitive") is True
        readers = {
            "single": self._single,
            "list": self._list,
            "counter": self._counter,
            "imported": self._imported,
        }
        reader = readers.get(kind or "")
        if reader is None:
            what = "lookup catalogs are" if kind == "lookupCatalog" else f"a type `{kind}` is"
            part.report.left_out(part.path, f"{what} not translated; see `catalogs`")
            return None
        attribute.name = self._names.give(wanted, part.at("identifier" if identifier else "name"))
        if not reader(part, attribute, identity or wanted):
            return None
        for known in (identity, identifier, title):
            if known is not None:
                self._known.attributes.setdefault(known, attribute)
        if identifier is not None:
            self._known.identifiers[identifier] = attribute
        part.ignore(
            ("id", "description", "notation", "createdAt", "createdBy", "updatedAt", "updatedBy")
        )
        part.ignore(("audienceId", "links", "realtimeAttributeKind"))
        part.finish()
        return attribute

    # -------------------------------------------------------------- types

    def _single(self, part: Part, attribute: Attribute, _identity: str) -> bool:
        column = part.text("valueColumn", "value_column")
        rule = self._rule(part)
        if rule is None:
            return False
        if column is None:
            part.report.left_out(part.path, "it has no `valueColumn`")
            return False
        rule.value, rule.columns = template(member("EVENT", column)), frozenset((column,))
        attribute.type, attribute.rules = "single", [rule]
        data_type = self._data_type(part)
        if data_type is not None:
            attribute.options["data_type"] = data_type
        duration = self._duration(part, "duration")
        if duration is not None:
            attribute.options["duration"] = duration
        self._backfill(part, attribute)
        return True

    def _list(self, part: Part, attribute: Attribute, identity: str) -> bool:
        rule = self._rule(part)
        aggregations = list(part.parts("aggregations"))
        id_column = part.text("idColumn", "id_column")
        columns = self._columns(part, aggregations, id_column)
        if rule is None:
            return False
        if not columns:
            part.report.left_out(part.path, "its items have no columns")
            return False
        fields = {column: self._field(column, part) for column in columns}
        rule.value = {fields[one]: template(member("EVENT", one)) for one in columns}
        rule.columns = frozenset(columns)
        attribute.type, attribute.rules = "list", [rule]
        if id_column is not None:
            attribute.options["id"] = fields[id_column]
        items = part.whole("maxItems", "max_items")
        if items is not None and not 1 <= items <= LIST_ITEMS_MAX:
            part.report.changed(part.at("maxItems"), f"a list has 1 to {LIST_ITEMS_MAX} items")
            items = min(max(items, 1), LIST_ITEMS_MAX)
        if items is not None:
            attribute.options["max_items"] = items
        duration = self._duration(part, "duration")
        if duration is not None:
            attribute.options["duration"] = duration
        self._aggregations(aggregations, fields, attribute, identity)
        for action in part.parts("actions"):
            self._action(action, id_column, attribute)
        return True

    def _counter(self, part: Part, attribute: Attribute, identity: str) -> bool:
        rule = self._rule(part)
        kind = part.text("counterType", "counter_type") or "sliding"
        increment = part.part("increment")
        if rule is None or not self._increment(increment, rule, attribute, part):
            return False
        attribute.type, attribute.rules = "counter", [rule]
        duration = self._duration(part, "duration")
        windows = list(part.parts("subDurations", "sub_durations"))
        if kind == "total":
            attribute.options["total"] = True
            if duration is not None:
                part.report.changed(part.at("duration"), "a total counts for life")
        elif duration is None:
            part.report.left_out(part.path, "a sliding counter needs a `duration`")
            return False
        else:
            attribute.options["duration"] = duration
        self._windows(windows, attribute, identity)
        self._backfill(part, attribute)
        return True

    def _imported(self, part: Part, attribute: Attribute, _identity: str) -> bool:
        column = part.text("column")
        attribute.type = "imported"
        attribute.options["data_type"] = self._data_type(part) or "string"
        self._known.batch[column or attribute.name] = attribute
        if column is not None and column != attribute.name:
            sentence = f"import the column `{column}` under the name `{attribute.name}`"
            part.report.changed(part.at("column"), sentence)
        return True

    # -------------------------------------------------------------- their parts

    def _rule(self, part: Part) -> Rule | None:
        event = self._known.events.get(part.text("realtimeKeyEventId") or "")
        path = part.at("filterRule")
        filter_rule = part.take("filterRule")
        if event is None:
            part.report.left_out(part.path, "its key event is not there")
            return None
        asked = condition_of(filter_rule, path, part.report, {"Column": column_of})
        return Rule(event, asked)

    def _data_type(self, part: Part) -> str | None:
        word = part.text("dataType", "data_type")
        if word is None or word in _DATA_TYPES:
            return word
        part.report.changed(part.at("dataType"), f"the type `{word}` is read as text")
        return "string"

    def _duration(self, part: Part, name: str) -> str | None:
        inner = part.part(name)
        return None if inner is None else _duration_of(inner)

    def _backfill(self, part: Part, attribute: Attribute) -> None:
        backfill = part.part("backfill")
        if backfill is None:
            return
        identifier = backfill.text("attributeIdentifier", "attribute_identifier") or ""
        backfill.ignore(("timestampIdentifier", "timestamp_identifier"))
        backfill.finish()
        imported = self._known.identifiers.get(identifier)
        name = identifier if imported is None else imported.name
        sentence = "`backfill` is not built yet; read both, as"
        read = f"{member('PROFILE', attribute.name)} and {member('PROFILE', name)}"
        part.report.left_out(backfill.path, f"{sentence} {read}")

    def _columns(self, part: Part, aggregations: list[Part], id_column: str | None) -> list[str]:
        """The columns of an item: the fields listed, and those that something else reads."""
        columns = [id_column] if id_column is not None else []
        value = part.text("valueColumn", "value_column")
        columns += [value] if value is not None else []
        for path, item in part.items("fields"):
            named = item.get("column") or item.get("name") if isinstance(item, dict) else item
            if isinstance(named, str):
                columns.append(named)
            else:
                part.report.left_out(path, "a field of an item is the name of a column")
        for aggregation in aggregations:
            column = aggregation.text("column")
            columns += [column] if column is not None else []
        return list(dict.fromkeys(columns))

    def _field(self, column: str, part: Part) -> str:
        if column != "time":
            return column
        part.report.changed(part.path, "an item's field `time` is called `time_` here")
        return "time_"

    def _aggregations(
        self,
        aggregations: list[Part],
        fields: dict[str, str],
        attribute: Attribute,
        identity: str,
    ) -> None:
        found: dict[str, dict[str, str]] = {}
        for part in aggregations:
            kind = part.text("aggregationType", "aggregation_type") or ""
            identifier = part.text("identifier", "name") or kind
            column = part.text("column")
            part.ignore(("id", "name", "description"))
            part.finish()
            word = _AGGREGATIONS.get(kind)
            if column is not None and kind == DISTINCT:
                items = f"{member('PROFILE', attribute.name)}.map(item => "
                read = f"[...new Set({items}{member('item', fields[column])}))]"
                self._known.parts[identity, identifier] = (read, DISTINCT)
            elif word is None or column is None:
                part.report.left_out(part.path, f"a list has no aggregation `{kind}`")
            else:
                name = self._part_name(attribute, identifier, part)
                found[name] = {word: fields[column]}
                self._known.parts[identity, identifier] = (member("PROFILE", name), word)
        if found:
            attribute.options["aggregations"] = found

    def _windows(self, windows: list[Part], attribute: Attribute, identity: str) -> None:
        found: dict[str, str] = {}
        for part in windows:
            identifier = part.text("identifier", "name")
            duration = _duration_of(part)
            if duration is None or identifier is None:
                part.report.left_out(part.path, "a sub-duration needs a duration and an identifier")
                continue
            name = self._part_name(attribute, identifier, part)
            found[name] = duration
            self._known.parts[identity, identifier] = (member("PROFILE", name), "window")
        if found:
            attribute.options["windows"] = found

    def _part_name(self, attribute: Attribute, identifier: str, part: Part) -> str:
        wanted = f"{attribute.name}_{identifier}"
        return self._names.give(wanted, part.path)

    def _action(self, part: Part, id_column: str | None, attribute: Attribute) -> None:
        kind = part.text("action", "type")
        rule = self._rule(part)
        part.ignore(("id", "name"))
        if rule is None:
            return
        if kind == "clear":
            rule.clear = True
        elif kind == "delete_item" and id_column is not None:
            rule.delete = template(member("EVENT", id_column))
            rule.columns = frozenset((id_column,))
        else:
            part.report.left_out(part.path, f"an action `{kind}` is not possible for this list")
            return
        part.finish()
        attribute.rules.append(rule)

    def _increment(
        self, increment: Part | None, rule: Rule, attribute: Attribute, part: Part
    ) -> bool:
        if increment is None:
            return True
        kind, value = increment.text("type"), increment.take("value")
        increment.finish()
        match kind, value:
            case (("const" | None), bool()):
                pass
            case (("const" | None), int() | float()):
                rule.value = None if value == 1 else value
                return True
            case "field", str():
                rule.value = template(member("EVENT", value))
                rule.columns = frozenset((value,))
                attribute.options["data_type"] = "number"
                return True
        part.report.left_out(increment.path, "an increment is a number or a field")
        return False


def _duration_of(part: Part) -> str | None:
    """`{value, unit}` as we write it."""
    count, unit = part.whole("value"), part.text("unit") or ""
    part.ignore(("id", "name", "identifier"))
    part.finish()
    letter, unit_ms = _UNITS.get(unit.removesuffix("s"), ("", 0))
    if count is None or count < 1 or not letter or count * unit_ms > DURATION_MAX_MS:
        part.report.left_out(part.path, f"`{count} {unit}` is no duration here")
        return None
    return f"{count}{letter}"
