"""The cdp-api's JSON: what its endpoints answer, under their names in one object.

`realtime_setting`, `realtime_key_events`, `realtime_attributes`, `realtime_personalizations` and
`realtime_personalization_services`; each list as it is, or within `data` with `attributes` as
JSON:API has it. Attributes are read by `cdp_attributes`, and sections become offers
(`cdp_sections`); things refer to each other by id (`cdp_known`).
"""

import hashlib
import re
from typing import Any

from p13n.notation import cdp_sections
from p13n.notation.cdp_attributes import AttributeReader
from p13n.notation.cdp_known import Known, column_of
from p13n.notation.criteria import condition_of
from p13n.notation.expression import is_valid_regexp, member, template
from p13n.notation.model import Attribute, Configuration, Event, Key, Token
from p13n.notation.names import Names, is_table, wire_name
from p13n.notation.report import Report
from p13n.notation.source import Part

READ_ONLY = (
    "id",
    "description",
    "notation",
    "createdAt",
    "createdBy",
    "updatedAt",
    "updatedBy",
    "audienceId",
    "links",
    "realtimeAttributeKind",
)
_TOKEN = re.compile(r"[0-9A-Za-z_-]{1,128}")
_JOURNEYS = ("realtime_journeys", "realtimeJourneys")


def read(document: object, report: Report) -> Configuration:
    """The configuration that a document describes."""
    return _Reader(report).read(Part(document, "", report))


class _Reader:
    """One translation."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._known = Known()
        self._event_names = Names(report)
        self._names = Names(report)

    def read(self, top: Part) -> Configuration:
        found = Configuration(
            name=wire_name(top.text("name") or "imported"),
            comment="Translated from the cdp-api's JSON by `p13n config import`.",
        )
        self._report.changed("", "account and instance are 1; set your own")
        setting = single(top, "realtime_setting", "realtimeSetting")
        if setting is not None:
            self._setting(setting, found)
        for part in listed(top, "realtime_key_events", "realtimeKeyEvents", "key_events"):
            event = self._event(part)
            if event is not None:
                found.events.append(event)
        reader = AttributeReader(self._known, self._names)
        for part in listed(top, "realtime_attributes", "realtimeAttributes"):
            attribute = reader.read(part)
            if attribute is not None:
                found.attributes.append(attribute)
        if setting is not None:
            self._batch_attributes(setting, found)
            setting.finish()
        services = ("realtime_personalization_services", "realtimePersonalizationServices")
        for part in listed(top, *services):
            self._service(part, found)
        pages = listed(top, "realtime_personalizations", "realtimePersonalizations")
        cdp_sections.read(pages, self._known, self._names, found)
        for part in listed(top, *_JOURNEYS):
            self._report.left_out(part.path, "journeys are not built yet")
        top.finish()
        return found

    # -------------------------------------------------------------- the setting

    def _setting(self, setting: Part, found: Configuration) -> None:
        for part in setting.parts("keyColumns", "key_columns"):
            key = self._key(part)
            if key is not None:
                found.keys.append(key)
        for part in setting.parts("eventTables", "event_tables"):
            database, table = part.text("database") or "", part.text("table") or ""
            part.ignore(READ_ONLY)
            part.finish()
            if not is_table(database) or not is_table(table):
                self._report.left_out(part.path, f"`{database}.{table}` is no table here")
            elif (database, table) not in found.destinations:
                found.destinations.append((database, table))
        name = setting.text("extLookupKey", "ext_lookup_key")
        if name is not None:
            sentence = "batch data is found by any key, the strongest (the first) first"
            self._report.changed(setting.at("extLookupKey"), sentence)
        setting.ignore(("status", "statusDetailed", *READ_ONLY))

    def _key(self, part: Part) -> Key | None:
        name = part.text("name")
        if name is None:
            self._report.left_out(part.path, "a key without a name")
            return None
        key = Key(self._names.give(name, part.at("name")), "")
        if key.name != name:
            key.sources = [template(member("EVENT", name))]
        source = part.text("validRegexp", "valid_regexp")
        if source:
            self._valid(key, name, source, part.at(part.name_of("validRegexp", "valid_regexp")))
        for path, text in part.items("invalidTexts", "invalid_texts"):
            if isinstance(text, str) and text:
                key.invalid_texts.append(text)
            elif text != "":
                self._report.left_out(path, "an invalid text is text")
        part.ignore(("internal", *READ_ONLY))
        part.finish()
        return key

    def _valid(self, key: Key, name: str, source: str, path: str) -> None:
        """What must match: as ours, which is searched, so that a whole match needs anchors."""
        if not is_valid_regexp(source):
            key.sources = [template("undefined")]
            self._report.never(path, "this regular expression is not possible here; no value fits")
            return
        key.valid_regexp = source
        if not (source.startswith("^") and source.endswith("$")):
            sentence = "it is searched for; anchor it with ^ and $ if all of a value must match"
            self._report.changed(path, sentence)

    def _batch_attributes(self, setting: Part, found: Configuration) -> None:
        """Columns of the parent segment; those with an attribute of their own have one already."""
        for part in setting.parts("batchAttributes", "batch_attributes"):
            column, title = part.text("column"), part.text("name")
            part.ignore(READ_ONLY)
            part.finish()
            if column is None:
                self._report.left_out(part.path, "a batch attribute without a column")
            elif column not in self._known.batch:
                name = self._names.give(column, part.at("column"))
                attribute = Attribute(name, "imported", title or "")
                attribute.options["data_type"] = "string"
                self._known.batch[column] = attribute
                found.attributes.append(attribute)
                self._report.changed(part.path, "its type is not known here; it is read as text")

    # -------------------------------------------------------------- events and tokens

    def _event(self, part: Part) -> Event | None:
        wanted = part.text("name")
        database = part.text("databaseName", "database_name", "database")
        table = part.text("tableName", "table_name", "table")
        identity = part.text("id")
        if wanted is None or database is None or table is None:
            self._report.left_out(part.path, "a key event needs a name, a database and a table")
            return None
        if not is_table(database) or not is_table(table):
            self._report.left_out(
                part.path, f"`{database}.{table}` is no table here: 3 to 128 of a-z, 0-9 and _"
            )
            return None
        name = self._event_names.give(wanted, part.at("name"))
        for known in (identity, wanted):
            if known is not None:
                self._known.events.setdefault(known, name)
        path = part.at(part.name_of("filterRule", "filter_rule"))
        rule = part.take("filterRule", "filter_rule")
        condition = condition_of(rule, path, self._report, {"Column": column_of})
        comment = part.text("description") or (wanted if wanted != name else "")
        part.ignore(READ_ONLY)
        part.finish()
        return Event(name, database, table, comment, condition)

    def _service(self, part: Part, found: Configuration) -> None:
        name = part.text("name") or "service"
        is_public = part.boolean("public") is True
        for token in part.parts("tokens"):
            self._token(token, name, is_public, found)
        part.ignore(READ_ONLY)
        part.finish()

    def _token(self, part: Part, service: str, is_public: bool, found: Configuration) -> None:
        name = part.text("name") or f"token_{len(found.tokens) + 1}"
        value = part.take("value")
        addresses = part.take("allowedIps", "allowed_ips")
        part.ignore(READ_ONLY)
        part.finish()
        if is_public:
            self._report.left_out(part.path, "tokens for browsers are not built yet")
        elif addresses:
            self._report.left_out(part.path, "`allowed_ips` is not built yet; it would be for all")
        elif not isinstance(value, str) or _TOKEN.fullmatch(value) is None:
            self._report.left_out(part.path, "its value is masked; add the token yourself")
        else:
            digest = hashlib.sha256(value.encode()).hexdigest()
            taken = {token.name for token in found.tokens}
            if digest in {token.digest for token in found.tokens}:
                self._report.left_out(part.path, "the same token stands there already")
                return
            free = wire_name(name)
            free = free if free not in taken else wire_name(f"{len(found.tokens) + 1} {name}")
            found.tokens.append(Token(free, digest, f"of {service}"))
            self._report.changed(part.at("value"), "only its SHA-256 is in the configuration")


def listed(top: Part, *names: str) -> list[Part]:
    """A list of things, as it is or as JSON:API wraps it."""
    name = top.name_of(*names)
    value: Any = top.take(*names)
    path = top.at(name)
    if isinstance(value, dict) and "data" in value:
        value, path = value["data"], f"{path}.data"
    if value is None:
        return []
    if not isinstance(value, list):
        value = [value]
        paths = [path]
    else:
        paths = [f"{path}[{at}]" for at in range(len(value))]
    return [_unwrapped(one, at, top.report) for one, at in zip(value, paths, strict=True)]


def single(top: Part, *names: str) -> Part | None:
    """One thing, as it is or as JSON:API wraps it."""
    found = listed(top, *names)
    return found[0] if found else None


def _unwrapped(value: object, path: str, report: Report) -> Part:
    if isinstance(value, dict) and isinstance(value.get("attributes"), dict):
        inner = dict(value["attributes"])
        inner.setdefault("id", value.get("id"))
        return Part(inner, f"{path}.attributes", report)
    return Part(value, path, report)
