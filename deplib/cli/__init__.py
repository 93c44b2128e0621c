"""The command line: one verb a job; everything it does is a call of the library.

A verb is a function with ``@app.command()``. Errors of the library reach the user as one message
without a traceback, whatever the verb, so a verb need not catch them. Each verb imports its own
rooms, so that ``--help`` answers at once.
"""

from deplib.cli.app import FAILED, FAULTS, INTERRUPTED, OK, app
from deplib.cli.corpus import check, corpus, fetch
from deplib.cli.deployment import export, predict
from deplib.cli.features import extract, verify
from deplib.cli.rehearsal import rehearse
from deplib.cli.studies import key, publish, run, sweep, train

__all__ = [
    "FAILED", "FAULTS", "INTERRUPTED", "OK", "app", "check", "corpus", "export", "extract",
    "fetch", "key", "predict", "publish", "rehearse", "run", "sweep", "train", "verify",
]  # fmt: skip
