"""Which frames a store's features were made of, so that only what has changed is done again.

A simulated cohort is one piece: its fingerprint covers every frame. A filmed one lies in files that
are mended or added one by one, so each of its recordings has a fingerprint of its own, which the
ledger keeps.
"""

from typing import Protocol, runtime_checkable

from deplib.cohorts.base import Cohort
from deplib.errors import StoreError
from deplib.extraction.storage.store import FeatureStore


@runtime_checkable
class FilmedCohort(Cohort, Protocol):
    """A cohort whose recordings change one by one, as files do.

    Attributes
    ----------
    source
        Hash of what the frames of all recordings share, such as how faces are aligned.
    """

    source: str

    def fingerprint_of(self, recording: str) -> str:
        """Return a hash of what determines the frames of one recording."""
        ...


def shared_source(cohort: Cohort) -> str:
    """Return the fingerprint that a store's header keeps."""
    return cohort.source if isinstance(cohort, FilmedCohort) else cohort.fingerprint


def source_of(cohort: Cohort, recording: str) -> str:
    """Return the fingerprint that the ledger keeps of a recording; empty where the header says it.

    Raises
    ------
    CohortError
        If the recording is unknown.
    """
    return cohort.fingerprint_of(recording) if isinstance(cohort, FilmedCohort) else ""


def is_current(store: FeatureStore, cohort: Cohort, recording: str) -> bool:
    """Return whether a finished recording's features are those of its present frames."""
    try:
        return store.entry(recording).source == source_of(cohort, recording)
    except StoreError:  # unreadable: to be done again, like all that is damaged
        return False
