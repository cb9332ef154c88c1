"""The quickstart example answers the calls of Treasure Data's documents, and stays as it is sent.

The bodies below are those of the two public documents, unchanged.
"""

from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from p13n import Reactor, check

EXAMPLES = Path(str(resources.files("p13n"))) / "examples"
CLIENT = "42a508e2-d9b1-4baa-9eb2-6c3fb8bd5e16"

CURL_OF_THE_OVERVIEW = {"td_client_id": "202", "some_key": "some other data"}
BODY_OF_THE_QUICKSTART = {
    "td_client_id": CLIENT,
    "td_url": "https://example.com/retail/shop/women",
    "td_path": "/retail/shop/women",
    "product_name": "women's-tank-top",
    "product_category": "women",
    "product_list": ["women's-running-shoes", "kids'-hoodie", "women's-tank-top"],
    "category_list": ["women", "kids"],
}
CURL_OF_THE_QUICKSTART = {
    "td_client_id": CLIENT,
    "td_url": "https://example.com/retail",
    "td_path": "/retail",
}
PREFERENCES_KNOWN = {
    "preferences_known": {"attributes": {"td_client_id": CLIENT, "preferences": "women"}}
}


def personalize(reactor: Reactor, event: dict[str, Any]) -> dict[str, Any]:
    """The offers for a page view."""
    answer: dict[str, Any] = reactor.personalize("your_database", "pageviews", event)["offers"]
    return answer


@pytest.mark.parametrize("name", ["quickstart.yaml", "retail.yaml"])
def test_an_example_has_no_diagnostics(name: str) -> None:
    assert [str(diagnostic) for diagnostic in check([str(EXAMPLES / name)])] == []


def test_the_documents_calls_are_answered_in_their_order() -> None:
    with Reactor.open(EXAMPLES / "quickstart.yaml") as reactor:
        assert (reactor.account, reactor.instance) == (1, 8)
        assert personalize(reactor, CURL_OF_THE_OVERVIEW) == {}
        assert personalize(reactor, CURL_OF_THE_QUICKSTART) == {}
        assert personalize(reactor, BODY_OF_THE_QUICKSTART) == PREFERENCES_KNOWN
        assert personalize(reactor, CURL_OF_THE_QUICKSTART) == PREFERENCES_KNOWN
        assert personalize(reactor, CURL_OF_THE_OVERVIEW) == {}


def test_a_keen_visitor_gets_a_second_offer_with_the_fifth_view() -> None:
    with Reactor.open(EXAMPLES / "quickstart.yaml") as reactor:
        for _ in range(4):
            assert personalize(reactor, BODY_OF_THE_QUICKSTART) == PREFERENCES_KNOWN
        text = "You saw 2 products in 90 days"
        assert personalize(reactor, BODY_OF_THE_QUICKSTART) == {
            **PREFERENCES_KNOWN,
            "keen_visitor": {"attributes": {"views_today": 5, "text": text}},
        }


def test_an_email_joins_two_devices() -> None:
    with Reactor.open(EXAMPLES / "quickstart.yaml") as reactor:
        personalize(reactor, {"td_client_id": "phone", "email": " Ada@example.com"})
        personalize(reactor, {"td_client_id": "laptop", "product_category": "kids"})
        offers = personalize(reactor, {"td_client_id": "laptop", "email": "ada@example.com "})
        assert offers["preferences_known"]["attributes"]["preferences"] == "kids"
        profile = reactor.profile(td_client_id="phone")
        assert profile is not None
        assert profile["identifiers"]["td_client_id"] == ["phone", "laptop"]
        assert profile["attributes"]["views"] == 3
        assert reactor.stats()["profiles"] == 1
