"""The checks of a store as a whole: made by this encoder, of this cohort, and all there.

Each returns or yields findings; `deplib.extraction.verification.verify` calls them.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from deplib.cohorts.base import Cohort
from deplib.errors import VerificationError
from deplib.extraction.encoders.encoder import OnnxEncoder
from deplib.extraction.sources import is_current, shared_source
from deplib.extraction.storage.ledger import LedgerEntry
from deplib.extraction.storage.store import FeatureStore
from deplib.extraction.verification.reference import Reference, reference_cosine
from deplib.extraction.verification.report import FAULT, Bounds, Finding


def wrong_encoder(store: FeatureStore, encoder: OnnxEncoder) -> Iterator[Finding]:
    """Yield a fault if the store is of another encoder or preprocessing."""
    if store.header.encoder != encoder.id:
        yield Finding(
            "wrong_encoder", FAULT, "", np.nan, np.nan,
            f"{store.root} was made by another encoder, or with another preprocessing, than the "
            f"one given: by {store.header.encoder!r}, given {encoder.id!r}; give the encoder that "
            "made it, or extract again, into another folder",
        )  # fmt: skip


def wrong_cohort(store: FeatureStore, cohort: Cohort) -> Finding:
    """Return the fault of a store of another cohort's frames."""
    return Finding(
        "wrong_cohort", FAULT, "", np.nan, np.nan,
        f"{store.root} holds features of {store.header.cohort} with fingerprint "
        f"{store.header.fingerprint[:12]}; {cohort.name} has {shared_source(cohort)[:12]} now: its "
        "frames are others, or aligned otherwise; extract again, into another folder",
    )  # fmt: skip


def changed_since(store: FeatureStore, cohort: Cohort, names: Sequence[str]) -> Iterator[Finding]:
    """Yield a fault for each recording whose frames have changed since it was extracted."""
    known = set(cohort.recordings["recording"].astype(str))
    for name in sorted(store.done() & known & set(names)):
        if not is_current(store, cohort, name):
            yield Finding(
                "wrong_cohort", FAULT, name, np.nan, np.nan,
                f"{name}: its frames are not those that the features were made of; run the "
                "extraction again: it redoes this recording",
            )  # fmt: skip


def wrong_embedding(
    encoder: OnnxEncoder, reference: Reference, bounds: Bounds
) -> Iterator[Finding]:
    """Yield a fault if an encoder does not give the reference embedding."""
    try:
        cosine = reference_cosine(encoder, reference)
    except VerificationError as error:
        yield Finding("reference", FAULT, "", np.nan, bounds.reference_cosine, str(error))
        return
    if not cosine >= bounds.reference_cosine:  # a NaN fails too
        message = embeds_otherwise(encoder, cosine, bounds.reference_cosine)
        yield Finding("reference", FAULT, "", cosine, bounds.reference_cosine, message)


def embeds_otherwise(encoder: OnnxEncoder, cosine: float, bound: float) -> str:
    """Return what to say of an encoder that does not give the reference embedding."""
    return (
        f"{encoder!r} embeds the reference frame at cosine {cosine:.4f} to the expected embedding "
        f"(at least {bound}): check channel order, mean and std of Preprocess, and whether the "
        "network normalises its input itself"
    )


def absent(store: FeatureStore, missing: list[str], *, count_all: bool) -> Iterator[Finding]:
    """Yield a fault for each recording that is not there."""
    for name in missing:
        yield Finding("missing", FAULT, name, 0, 1, f"{name} is not in the store: extract it")
    total = store.header.n_recordings
    n_done = len(store.done())
    if count_all and n_done < total:
        yield Finding(
            "missing", FAULT, "", n_done, total,
            f"{total - n_done} of {total} recordings of {store.header.cohort} are not in "
            f"{store.root}: run the extraction again, it goes on where it stopped",
        )  # fmt: skip


def other_count(entry: LedgerEntry, n_frames: int, n_invalid: int) -> Finding:
    """Return the fault of a ledger entry that contradicts its file."""
    return Finding(
        "integrity", FAULT, entry.recording, n_invalid, entry.n_invalid,
        f"{entry.recording} has {n_frames} frames, {n_invalid} of them not valid; its ledger entry "
        f"says {entry.n_frames} and {entry.n_invalid}: the entry was edited; extract again, into "
        "another folder",
    )  # fmt: skip


def all_zero(store: FeatureStore, n: int) -> Finding:
    """Return the fault of a store in which every row is zero."""
    return Finding(
        "all_zero_store", FAULT, "", n, 0,
        f"every feature of all {n} recordings in {store.root} is zero: no face was ever embedded. "
        "The usual cause is a detector that finds no face in frames that are aligned crops "
        "already: give them to the encoder directly",
    )  # fmt: skip
