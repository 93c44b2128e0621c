"""The command line: one verb a job; everything it does is a call of the library.

A verb is a function with ``@app.command()``. Errors of the library and of the disk reach the user
as one message without a traceback, whatever the verb. Each verb imports its own rooms, so that
``--help`` answers at once.
"""

from deplib.cli.data import check, corpus, extract, fetch, verify
from deplib.cli.options import FAILED, FAULTS, INTERRUPTED, OK, app
from deplib.cli.work import export, predict, publish, run, sweep, train

__all__ = [
    "FAILED", "FAULTS", "INTERRUPTED", "OK", "app", "check", "corpus", "export", "extract",
    "fetch", "predict", "publish", "run", "sweep", "train", "verify",
]  # fmt: skip
