"""The command line: one verb a job; everything it does is a call of the library.

A verb is a function with ``@app.command()``. Errors of the library and of the disk reach the user
as one message without a traceback, whatever the verb. Each verb imports its own rooms, so that
``--help`` answers at once.
"""

from deplib.cli import data, work
from deplib.cli.options import app

__all__ = ["app", "data", "work"]
