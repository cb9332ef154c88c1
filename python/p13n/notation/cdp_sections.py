"""Sections of the cdp-api's personalizations as offers: criteria to conditions, payloads to data.

A section that may show sensitive attributes is for servers only; of one that may not, public
callers get what is not sensitive.
"""

from collections.abc import Callable

from p13n.notation.cdp_attributes import DISTINCT
from p13n.notation.cdp_known import Known, column_of
from p13n.notation.criteria import NEVER, condition_of
from p13n.notation.expression import member, plain, template
from p13n.notation.model import Attribute, Configuration, Offer, Rule
from p13n.notation.names import WIRE_NAME_CHARS_MAX, Names, wire_name
from p13n.notation.operators import Inexpressible, Operand, operand_of
from p13n.notation.source import Part

_READ_ONLY = ("id", "description", "createdAt", "createdBy", "updatedAt", "updatedBy", "audienceId")
_NUMERIC_PARTS = frozenset(("sum", "window"))
_SEEN = "events_seen"


def read(pages: list[Part], known: Known, names: Names, found: Configuration) -> None:
    """Adds the offers of all personalizations."""
    reader = _Reader(known, names, found)
    for page in pages:
        reader.page(page)


class _Reader:
    """One translation's sections."""

    def __init__(self, known: Known, names: Names, found: Configuration) -> None:
        self._known = known
        self._names = names
        self._found = found
        self._segments: dict[str, str] = {}
        self._seen: str | None = None

    def page(self, page: Part) -> None:
        """One personalization."""
        title = page.text("name") or "personalization"
        for section in page.parts("sections"):
            self._section(section, title)
        page.ignore((*_READ_ONLY, "relationships", "links"))
        page.finish()

    def _section(self, part: Part, title: str) -> None:
        name = part.text("name")
        entry = part.part("entryCriteria", "entry_criteria")
        payload = part.take("payload")
        include_sensitive = part.boolean("includeSensitive", "include_sensitive") is True
        part.ignore(_READ_ONLY)
        part.finish()
        if not name:
            part.report.left_out(part.path, "a section without a name")
            return
        offer = Offer(self._free_name(name, title, part), f"{title}: {name}", None)
        if entry is None or not self._entry(entry, offer):
            part.report.left_out(part.path, "it has no key event: no event asks for it")
            return
        nodes = payload if isinstance(payload, dict) else {}
        for identity, node in nodes.items():
            path = f"{part.at('payload')}.{identity}"
            self._node(Part(node, path, part.report), offer)
        offer.server_only = include_sensitive
        self._found.offers.append(offer)
        self._found.segments = list(self._segments.items())

    def _free_name(self, name: str, title: str, part: Part) -> str:
        taken = {offer.name for offer in self._found.offers}
        free = wire_name(name)
        if free in taken:
            free = wire_name(f"{title}: {name}")
        count = 1
        while free in taken:
            count += 1
            free = wire_name(f"{count} {title}: {name}")
        if free != name:
            part.report.changed(part.at("name"), f"the offer is called `{free}`")
        return free

    # -------------------------------------------------------------- criteria

    def _entry(self, entry: Part, offer: Offer) -> bool:
        event = entry.part("keyEventCriteria", "key_event_criteria")
        if event is None:
            return False
        offer.event = self._known.events.get(event.text("keyEventId", "key_event_id") or "")
        filters = event.take("keyEventFilters", "key_event_filters")
        event.finish()
        if offer.event is None:
            return False
        path = event.at("keyEventFilters")
        report = entry.report
        asked = condition_of(filters, path, report, {"Column": column_of})
        profile = entry.take("profileCriteria", "profile_criteria")
        path = entry.at("profileCriteria")
        readers: dict[str, Callable[[Part], Operand]] = {"RealtimeAttribute": self._operand}
        known = condition_of(profile, path, report, readers)
        offer.conditions = [one for one in (asked, known) if one is not None]
        if entry.boolean("acceptUnknownProfiles", "accept_unknown_profiles") is False:
            offer.conditions.append(f"{self._seen_before()} > 1")
            sentence = f"unknown is who was not seen before this event: `{self._seen}` counts"
            report.changed(entry.at("acceptUnknownProfiles"), sentence)
        if NEVER in offer.conditions:
            offer.conditions = [NEVER]
        entry.ignore(("name", "description", "id"))
        entry.finish()
        return True

    def _seen_before(self) -> str:
        if self._seen is None:
            self._seen = self._names.give(_SEEN, "")
            attribute = Attribute(
                self._seen, "counter", "Who was seen before the event", [Rule(None)]
            )
            attribute.options["total"] = True
            self._found.attributes.append(attribute)
        return member("PROFILE", self._seen)

    def _operand(self, rule: Part) -> Operand:
        identity = rule.text("realtimeAttributeId", "realtime_attribute_id")
        sub = rule.text("subAttributeIdentifier", "sub_attribute_identifier")
        attribute = self._known.attributes.get(identity or "")
        if attribute is None:
            raise Inexpressible(f"there is no attribute `{identity}`")
        if sub is not None:
            read, kind = self._part_of(identity or "", sub)
            is_list = kind == DISTINCT
            is_number = kind in _NUMERIC_PARTS
            return Operand(read, is_number, is_list=is_list, is_always_list=is_list)
        if attribute.type == "list":
            raise Inexpressible("of a list it needs the aggregation that is asked about")
        return operand_of(attribute)

    def _part_of(self, identity: str, sub: str) -> tuple[str, str]:
        found = self._known.parts.get((identity, sub))
        if found is None:
            raise Inexpressible(f"attribute `{identity}` has no part `{sub}`")
        return found

    # -------------------------------------------------------------- payload

    def _node(self, node: Part, offer: Offer) -> None:
        kind = node.text("type")
        if kind != "ResponseNode":
            node.report.left_out(node.path, f"a node of type `{kind}` has no counterpart")
            return
        node.ignore(("name", "description", "id"))
        definition = node.part("definition")
        node.finish()
        if definition is None:
            return
        for part in definition.parts("attributePayload", "attribute_payload"):
            self._attribute(part, offer)
        for part in definition.parts("stringBuilder", "string_builder"):
            self._string(part, offer)
        for part in definition.parts("catalogPayload", "catalog_payload"):
            sentence = "catalogs are not translated; read them as CATALOG.name.get(key)"
            part.report.left_out(part.path, sentence)
        segments = definition.part("segmentPayload", "segment_payload")
        if segments is not None:
            self._batch_segments(segments, offer)
        definition.finish()

    def _attribute(self, part: Part, offer: Offer) -> None:
        identity = part.text("realtimeAttributeId", "realtime_attribute_id")
        sub = part.text("subAttributeIdentifier", "sub_attribute_identifier")
        output = part.text("outputName", "output_name")
        part.ignore(("id",))
        part.finish()
        attribute = self._known.attributes.get(identity or "")
        if attribute is None:
            part.report.left_out(part.path, f"there is no attribute `{identity}`")
            return
        read = member("PROFILE", attribute.name)
        if sub is not None:
            try:
                read, _kind = self._part_of(identity or "", sub)
            except Inexpressible as error:
                part.report.left_out(part.path, f"{error}")
                return
        self._put(offer, output, template(read), part)
        offer.shows.add(attribute.name)

    def _string(self, part: Part, offer: Offer) -> None:
        output = part.text("outputName", "output_name")
        pieces: list[str] = []
        for piece in part.parts("values"):
            kind, value = piece.text("type"), piece.text("value")
            piece.ignore(("id",))
            piece.finish()
            if kind not in (None, "String") or value is None:
                part.report.left_out(part.path, f"a piece of type `{kind}` has no counterpart")
                return
            pieces.append(value)
        part.ignore(("id",))
        part.finish()
        self._put(offer, output, plain("".join(pieces)), part)

    def _put(self, offer: Offer, output: str | None, value: str, part: Part) -> None:
        if not output or len(output) > WIRE_NAME_CHARS_MAX or not output.isprintable():
            part.report.left_out(part.path, "`outputName` is 1 to 256 printable characters")
        elif output in offer.data:
            part.report.left_out(part.path, f"`{output}` is there already")
        else:
            offer.data[output] = value

    def _batch_segments(self, segments: Part, offer: Offer) -> None:
        for part in segments.parts("batchSegments", "batch_segments"):
            identity = part.text("id")
            name = part.text("name")
            part.finish()
            if identity is None:
                part.report.left_out(part.path, "a batch segment needs an id")
                continue
            if identity not in self._segments:
                wanted = name or f"segment_{identity}"
                self._segments[identity] = self._names.give(wanted, part.path)
            if identity not in offer.batch_segments:
                offer.batch_segments.append(identity)
        segments.finish()
