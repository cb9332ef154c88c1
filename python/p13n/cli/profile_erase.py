"""`p13n profile erase` and `anonymize`: people gone from the state and from every file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from p13n.cli.failures import fail, in_one_sentence, must_write
from p13n.cli.parameters import FreeDirectory
from p13n.cli.people import people_of
from p13n.cli.profile_prove import print_proof, proof_of
from p13n.cli.reactors import one_reactor
from p13n.exit_codes import ExitCode

People = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Any identifier of each.")
]
Listing = Annotated[
    Path | None,
    typer.Option("--file", metavar="LIST", help="More of them, one `key=value` a line."),
]
Name = Annotated[
    str | None, typer.Option("--reactor", metavar="NAME", help="Which, where there are several.")
]


def erase(
    data_dir: FreeDirectory,
    people: People = None,
    file: Listing = None,
    reactor: Name = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Then look for them in every file, decoded.")
    ] = False,
    control: Annotated[
        str | None,
        typer.Option(metavar="KEY=VALUE", help="Somebody who stays, and whom a proof must find."),
    ] = None,
) -> None:
    """Erase people: their state, identifiers and events, in memory and in every file.

    Any identifier leads to all that a person ever had. Removed events leave tombstones with their
    numbers; everybody else's state stays as it was. Backups are out of reach: they are kept
    elsewhere.

    Examples:

    \b
      p13n profile erase email=a@example.com --data-dir data
      p13n profile erase --file canaries.txt --prove --control email=b@example.com --data-dir data
    """
    if prove and control is None:
        fail("A proof needs `--control key=value`: somebody whom it must find.", ExitCode.USAGE)
    done, directory = _carry_out(data_dir, people, file, reactor, anonymize=False)
    if not prove or control is None:
        return
    proof = proof_of(directory, data_dir, done["texts"], done["rids"], [control])
    print_proof(proof)


def anonymize(
    data_dir: FreeDirectory,
    people: People = None,
    file: Listing = None,
    reactor: Name = None,
) -> None:
    """Anonymize people: identifiers, sensitive attributes and events go, counts stay.

    The profile stays under its id with the attributes that are not sensitive, and nobody finds it
    by an identifier any more.

    Examples:

    \b
      p13n profile anonymize email=a@example.com --data-dir data
    """
    _carry_out(data_dir, people, file, reactor, anonymize=True)


def _carry_out(
    data_dir: Path,
    people: list[str] | None,
    listing: Path | None,
    name: str | None,
    *,
    anonymize: bool,
) -> tuple[dict[str, Any], Path]:
    from p13n import lake, person_erase

    named = people_of(people or [], listing)
    directory = one_reactor(data_dir, name)
    must_write(data_dir)
    with in_one_sentence():
        try:
            done = person_erase(directory, named, anonymize)
        except ValueError as error:
            fail(f"{error}.", ExitCode.USAGE)
    _print(directory, done, "anonymized" if anonymize else "erased")
    root = data_dir / lake.FOLDER
    if (root / directory.name).is_dir():
        from p13n.lake import erase as exported

        with in_one_sentence("The exported files cannot be rewritten"):
            files, rows = exported.erase(directory, root, done["texts"], done["rids"])
        print(f"  exported files: {files} of {root} written anew, {rows} rows left out")
    else:
        print("  exported files: none in the data directory; elsewhere they are out of reach")
    print("  backups: out of reach; a restore carries later erasures out (`--current`)")
    return done, directory


def _print(directory: Path, done: dict[str, Any], what: str) -> None:
    seconds = done["ms"] / 1000
    size = done["log_bytes"] / 1e9
    print(
        f"reactor {directory.name}: {len(done['rids'])} profiles {what} that ever were theirs, "
        f"{done['profiles']} of them in memory; {done['identifiers']} identifiers"
    )
    rate = f" ({seconds / size:.1f} s per GB)" if size >= 0.01 else ""
    print(
        f"  log: {done['tombstones']} events left tombstones, {done['segments']} segments written "
        f"anew out of {done['log_bytes']} bytes in {seconds:.1f} s{rate}"
    )
    print(
        f"  batch data: {done['generations']} imports written anew, {done['batch_rows']} rows left "
        "out"
    )
    print(
        f"  snapshots: {done['snapshots']} written anew; {done['removed']} files that had been set "
        "aside removed"
    )
