"""`p13n profile`: what is known about people: show, find, export, prove, erase, anonymize.

A configuration in the place of a subcommand asks for one customer's profile.
"""

import typer
from typer.core import TyperGroup

from p13n.cli import profile_erase, profile_export, profile_find, profile_prove, profile_show

DEFAULT = "show"


class _OrShow(TyperGroup):
    """`p13n profile CONFIG KEY=VALUE` is `p13n profile show CONFIG KEY=VALUE`."""

    def parse_args(  # type: ignore[override]
        self, ctx: typer.Context, args: list[str]
    ) -> list[str]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_OrShow,
    help=(
        "What is known about people: print a profile, find who somebody was, hand everything out, "
        "prove somebody gone, erase, anonymize.\n\n"
        "Examples:\n\n\b\n"
        "  p13n profile retail.yaml customer_id=17850 --data-dir data\n"
        "  p13n profile erase customer_id=17850 --data-dir data\n"
    ),
    no_args_is_help=True,
)
app.command(DEFAULT)(profile_show.show)
app.command("find")(profile_find.find)
app.command("export")(profile_export.export)
app.command("erase")(profile_erase.erase)
app.command("anonymize")(profile_erase.anonymize)
app.command("prove")(profile_prove.prove)
