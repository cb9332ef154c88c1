"""Batch data over the command line, HTTP and embedded: what is imported is what is read (page 4.3)."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

import p13n
from p13n import Reactor
from p13n.batch import BadRows, Imported, UnreadableFile, format_of
from p13n.exit_codes import ExitCode
from serving import create_key, event_headers, run_p13n, serving

TOKEN = "e65d8a9df2094f02b84cd660efff6f27"
SHOP = """
version: 1
account: 1
instance: 8
name: shop
database: your_database
keys: [{name: customer_id}, {name: email, normalize: [lower]}, {name: td_client_id}]
events: [{name: pageview, table: pageviews}]
attributes:
  - {name: loyalty, type: imported, data_type: string}
  - {name: spend, type: imported, data_type: number}
  - {name: tags, type: imported}
  - {name: vip, type: computed, value: "${PROFILE.loyalty === 'high'}"}
  - {name: seen_as, type: list, set: [{event: pageview, value: "${PROFILE.loyalty}"}]}
  - {name: visits, type: counter, total: true, set: [{}]}
segments: [{id: "1588214", name: high_loyalty}]
catalogs: [{name: products, key: sku, columns: [title, {name: price, data_type: number}]}]
offers:
  - name: offer_for_high_loyalty
    set:
      - event: pageview
        if: SEGMENT.high_loyalty
        data: {status: high}
        batch_segments: [high_loyalty]
tokens: [{name: server, value: e65d8a9df2094f02b84cd660efff6f27}]
"""
READING = """
  - name: read
    set:
      - event: pageview
        data:
          loyalty: ${PROFILE.loyalty}
          spend: ${PROFILE.spend}
          tags: ${PROFILE.tags}
          vip: ${PROFILE.vip}
          visits: ${PROFILE.visits}
          product: ${CATALOG.products.get(EVENT.sku)}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP)
    return file


def reading_reactor(**options: Any) -> Reactor:
    return Reactor.from_text(SHOP.replace("\ntokens:", READING + "tokens:"), **options)


def read(reactor: Reactor, **event: Any) -> dict[str, Any]:
    """What the profile of an event reads."""
    offers = reactor.personalize("your_database", "pageviews", event)["offers"]
    found: dict[str, Any] = offers["read"]["attributes"]
    return found


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text)
    return file


def imports(*arguments: str | Path, shop: Path) -> Any:
    data = shop.parent / "data"
    return run_p13n("import", *arguments, "--config", shop, "--data-dir", data)


def test_the_quickstart_sample_answer_comes_word_for_word(shop: Path) -> None:
    members = written(shop.parent, "members.csv", "td_client_id,segments\n42a508e2,1588214\n")
    done = imports("segments", members, shop=shop)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("rows=1 kept=1 layers=1 seconds=")
    data = shop.parent / "data"
    key = create_key(data)
    headers = event_headers(key, f"1/8/{TOKEN}")
    with serving(shop, data_dir=data) as server:
        body = json.dumps({"td_client_id": "42a508e2", "td_path": "/retail"}).encode()
        answer = server.request("POST", "/your_database/pageviews", headers, body)
        stranger = json.dumps({"td_client_id": "somebody"}).encode()
        other = server.request("POST", "/your_database/pageviews", headers, stranger)
        locked = imports("segments", members, shop=shop)
    assert answer.status == 200
    assert answer.json() == {
        "offers": {
            "offer_for_high_loyalty": {
                "attributes": {"status": "high"},
                "batch_segments": [{"id": "1588214"}],
            }
        }
    }
    assert other.body == b'{"offers":{}}'
    assert locked.returncode == ExitCode.LOCKED
    assert "a running server?" in locked.stderr


def test_every_kind_of_file_is_read_alike(tmp_path: Path) -> None:
    rows = [{"customer_id": f"c{at}", "loyalty": f"l{at}", "spend": at + 0.5} for at in range(300)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    csv = "customer_id,loyalty,spend\r\n" + "".join(
        f'"{row["customer_id"]}",{row["loyalty"]},{row["spend"]}\r\n' for row in rows
    )
    files = [
        written(tmp_path, "a.csv", csv),
        written(tmp_path, "a.jsonl", lines),
        tmp_path / "a.csv.gz",
        tmp_path / "a.jsonl.gz",
        tmp_path / "a.parquet",
    ]
    files[2].write_bytes(gzip.compress(csv.encode()))
    files[3].write_bytes(gzip.compress(lines.encode()))
    parquet.write_table(pyarrow.Table.from_pylist(rows), files[4])
    for file in files:
        with reading_reactor() as reactor:
            assert reactor.import_attributes(file) == Imported(300, 300, 1, unchanged=False)
            assert reactor.import_attributes(file) == Imported(0, 0, 0, unchanged=True)
            found = read(reactor, customer_id="c299")
            assert (found["loyalty"], found["spend"]) == ("l299", 299.5), file.name
            assert found["vip"] is False
            assert "loyalty" not in read(reactor, customer_id="c300")


def test_parquet_of_text_and_of_lists_keep_what_they_hold(tmp_path: Path) -> None:
    text, lists = tmp_path / "text.parquet", tmp_path / "lists.parquet"
    table = {"sku": ["s1", "s2"], "title": ['a "b", c\n', None]}
    parquet.write_table(pyarrow.table(table), text)
    parquet.write_table(pyarrow.table({"customer_id": ["c1"], "tags": [["a", "b"]]}), lists)
    with reading_reactor() as reactor:
        reactor.import_catalog("products", text)
        reactor.import_attributes(lists)
        found = read(reactor, customer_id="c1", sku="s1")
        assert found["product"] == {"title": 'a "b", c\n'}
        assert found["tags"] == ["a", "b"]
        assert read(reactor, customer_id="c1", sku="s2")["product"] == {}


def test_rows_of_identifiers_stitch_as_events_do_and_run_no_rule(tmp_path: Path) -> None:
    text = "customer_id,email,td_client_id\nc1,A@x.example,\n,a@x.example,202\nc2,none,\n"
    file = written(tmp_path, "crm.csv", text)
    attributes = written(tmp_path, "a.csv", "customer_id,loyalty\nc1,high\n")
    with reading_reactor(data_dir=tmp_path / "data") as reactor:
        done = reactor.import_identities(file)
        assert (done.rows, done.rows_kept) == (3, 3)
        again = reactor.import_identities(file)
        assert (again.rows, again.rows_kept) == (3, 0)
        assert reactor.stats()["linked"] == 3
        assert reactor.stats()["profiles"] == 2
        reactor.import_attributes(attributes)
        found = read(reactor, td_client_id="202")
        # The row's rules did not run: this is the first event that counts.
        assert (found["loyalty"], found["visits"], found["vip"]) == ("high", 1, True)
        profile = reactor.profile(email="a@x.example")
        assert profile is not None
        assert profile["identifiers"]["customer_id"] == ["c1"]
        assert profile["attributes"]["loyalty"] == "high"
        state = reactor.state_hash()
    assert p13n.log_rehearse(tmp_path / "data" / "1-8") == state
    with reading_reactor(data_dir=tmp_path / "data") as reactor:
        assert reactor.state_hash() == state


def test_a_malformed_row_is_told_and_keeps_the_file_out(shop: Path) -> None:
    bad = written(shop.parent, "bad.csv", "customer_id,spend\nc1,1\nc2,much\n,3\n")
    done = imports("attributes", bad, shop=shop)
    assert done.returncode == ExitCode.FAILED
    assert done.stdout == ""
    assert f"{bad}, line 3: its `spend` is no number\n" in done.stderr
    assert f"{bad}, line 4: its `customer_id` is no usable key: absent\n" in done.stderr
    assert done.stderr.endswith("Nothing was imported: 2 malformed rows.\n")
    with Reactor.open(shop, data_dir=shop.parent / "data") as reactor:
        assert reactor.stats()["batch"] == []
        with pytest.raises(BadRows) as caught:
            reactor.import_attributes(bad)
        assert caught.value.malformed == 2
        assert caught.value.problems[0] == (3, "its `spend` is no number")
        many = written(shop.parent, "many.jsonl", '{"customer_id":"c","spend":"x"}\n' * 101)
        with pytest.raises(BadRows) as caught:
            reactor.import_attributes(many)
        assert (caught.value.malformed, len(caught.value.problems)) == (101, 100)
        assert "1 more malformed rows" in str(caught.value)


def test_identities_with_a_malformed_row_stitch_nothing(tmp_path: Path) -> None:
    file = written(tmp_path, "crm.jsonl", '{"customer_id":"c1","email":"a@x.example"}\n{}\n')
    with reading_reactor() as reactor:
        with pytest.raises(BadRows):
            reactor.import_identities(file)
        assert reactor.stats()["profiles"] == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("customer_id,loyalti\n", "`loyalti` is no field of it"),
        ("loyalty\nhigh\n", "no column is a key"),
        ("customer_id,email,loyalty\n", "several keys"),
        ("", "the file is empty"),
    ],
)
def test_a_header_that_does_not_fit_is_one_sentence(shop: Path, text: str, why: str) -> None:
    done = imports("attributes", written(shop.parent, "a.csv", text), shop=shop)
    assert done.returncode == ExitCode.FAILED
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_the_configuration_does_not_declare_is_one_sentence(shop: Path) -> None:
    file = written(shop.parent, "a.csv", "sku,title\ns1,x\n")
    done = imports("catalog", "shoes", file, shop=shop)
    assert "the configuration has no catalog `shoes`; it has `products`" in done.stderr
    done = imports("attributes", file, "--key", "phone", shop=shop)
    assert "`phone` is not a key of this configuration" in done.stderr


def test_replace_takes_the_place_of_all_layers(shop: Path) -> None:
    first = written(shop.parent, "1.csv", "customer_id,loyalty\nc1,low\nc2,low\n")
    second = written(shop.parent, "2.csv", "customer_id,spend\nc1,5\n")
    imports("attributes", first, shop=shop)
    assert "layers=2" in imports("attributes", second, shop=shop).stdout
    with Reactor.open(shop, data_dir=shop.parent / "data") as reactor:
        reactor.personalize("your_database", "pageviews", {"customer_id": "c1"})
        profile = reactor.profile(customer_id="c1")
        assert profile is not None
        assert (profile["attributes"]["loyalty"], profile["attributes"]["spend"]) == ("low", 5)
    assert "layers=1" in imports("attributes", second, "--replace", shop=shop).stdout
    assert "unchanged" in imports("attributes", second, "--replace", shop=shop).stdout
    with Reactor.open(shop, data_dir=shop.parent / "data") as reactor:
        profile = reactor.profile(customer_id="c1")
        assert profile is not None
        assert profile["attributes"]["loyalty"] is None
        assert [one["rows"] for one in reactor.stats()["batch"]] == [1]


def test_a_broken_gzip_file_and_one_that_is_no_parquet_are_told(tmp_path: Path) -> None:
    whole = gzip.compress(b"customer_id,loyalty\n" + b"c1,high\n" * 1000)
    broken = tmp_path / "a.csv.gz"
    broken.write_bytes(whole[: len(whole) // 2])
    nothing = written(tmp_path, "a.parquet", "no table")
    with reading_reactor() as reactor:
        with pytest.raises(UnreadableFile, match="not a whole gzip file"):
            reactor.import_attributes(broken)
        with pytest.raises(UnreadableFile, match="not a Parquet file"):
            reactor.import_attributes(nothing)
        assert reactor.stats()["batch"] == []


def test_the_kind_of_a_file_is_its_name_else_its_first_bytes(tmp_path: Path) -> None:
    for name, text, kind in [
        ("a.csv", "{", "csv"),
        ("a.CSV.GZ", "", "csv"),
        ("a.ndjson", "", "jsonl"),
        ("rows", '{"a":1}', "jsonl"),
        ("other", "PAR1", "parquet"),
        ("more", "a,b", "csv"),
    ]:
        assert format_of(written(tmp_path, name, text)) == kind, name
