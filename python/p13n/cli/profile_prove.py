"""`p13n profile prove`: that no file holds a person, by a search that finds somebody else."""

from pathlib import Path
from typing import Annotated, Any

import typer

from p13n.cli.failures import fail, in_one_sentence
from p13n.cli.parameters import AnyDirectory
from p13n.cli.people import key_and_value, people_of
from p13n.cli.reactors import one_reactor
from p13n.exit_codes import ExitCode


def prove(
    data_dir: AnyDirectory,
    control: Annotated[
        list[str],
        typer.Option(metavar="KEY=VALUE", help="Somebody who is there, and must be found."),
    ],
    people: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Who must not be found.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="LIST", help="More of them, one `key=value` a line."),
    ] = None,
    reactor: Annotated[
        str | None, typer.Option("--reactor", metavar="NAME", help="Which, where several are.")
    ] = None,
) -> None:
    """Look for people in every file of a reactor, decoded, in every form of their identifiers.

    Exits 1 when one of them is found, or when the control is not, for then the search proves
    nothing. Places in other people's records that mention an erased one are told apart.

    Examples:

    \b
      p13n profile prove email=a@example.com --control email=b@example.com --data-dir data
    """
    from p13n import person_erased

    named = people_of(people or [], file)
    directory = one_reactor(data_dir, reactor)
    with in_one_sentence():
        try:
            rids = person_erased(directory, named)
        except ValueError as error:
            fail(f"{error}.", ExitCode.USAGE)
    texts = [value for _, value in named]
    print_proof(proof_of(directory, data_dir, texts, rids, control))


def proof_of(
    directory: Path, data_dir: Path, texts: list[str], rids: list[str], control: list[str]
) -> dict[str, Any]:
    """What looking for people finds in a reactor's files and in what was exported of it."""
    from p13n import lake, person_prove

    controls = [value for _, value in map(key_and_value, control)]
    folders = [directory, data_dir / lake.FOLDER / directory.name]
    with in_one_sentence():
        proof = person_prove(folders, texts, rids, controls)
    parquet = [Path(path) for path in proof["undecoded"] if str(path).endswith(".parquet")]
    proof["undecoded"] = [path for path in proof["undecoded"] if Path(path) not in parquet]
    if parquet:
        from p13n.lake import erase as exported_files

        with in_one_sentence("The exported files cannot be read"):
            found = exported_files.look(parquet, texts, controls)
        proof["kinds"]["parquet"] = found
        if controls and not found["control"]:
            proof["unsound"].append("parquet")
    return proof


def print_proof(proof: dict[str, Any]) -> None:
    """Prints what a proof found; ends the command unless it holds."""
    print("kind            files         bytes  hits  mentions  control")
    for kind, found in proof["kinds"].items():
        print(
            f"{kind:14}  {found['files']:5}  {found['bytes']:12}  {found['hits']:4}  "
            f"{found['mentions']:8}  {found['control']:7}"
        )
    for path in proof["undecoded"]:
        print(f"not decoded: {path}")
    hits = sum(found["hits"] for found in proof["kinds"].values())
    for found in proof["kinds"].values():
        for path in found["with_hits"]:
            print(f"found in: {path}")
    if proof["unsound"]:
        where = ", ".join(proof["unsound"])
        fail(f"The search proves nothing: the control was not found in {where}.")
    if hits:
        fail(f"{hits} places hold somebody who must not be found.")
    print("proved: 0 places, and the control was found in every kind of file that holds people")
