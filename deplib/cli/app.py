"""The application that the verbs belong to: how errors and exit codes reach the user."""

from typing import Any

import typer
from typer.core import TyperGroup

from deplib.errors import DeplibError, VerificationError

OK, FAULTS, FAILED, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: sound; data must not be used; could not be done as asked; stopped by the user."""


class _CleanErrors(TyperGroup):
    """A group of verbs that turns the library's errors into one message and an exit code."""

    def invoke(self, ctx: Any) -> Any:  # typer brings its own copy of click, or uses click's
        try:
            return super().invoke(ctx)
        except DeplibError as error:
            typer.secho(f"deplib {ctx.invoked_subcommand}: {error}", fg="red", err=True)
            raise typer.Exit(FAULTS if isinstance(error, VerificationError) else FAILED) from None
        except KeyboardInterrupt:
            typer.secho(
                "\nstopped; the same command goes on where this one ended", fg="yellow", err=True
            )
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=_CleanErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(
        "Does temporal architecture matter when depression severity is regressed from facial "
        "video? The report's work, verb by verb. With a corpus of your own: check, extract, train."
    ),
    epilog=(
        "Exit codes: 0 done and sound, 1 the data has faults, 2 it could not be done as asked "
        "(the message says why). Large files go to $DEPLIB_DATA, or to your cache folder."
    ),
)
