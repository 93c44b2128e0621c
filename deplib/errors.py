"""One family of errors: each message says what is wrong, where, and how to mend it."""


class DeplibError(Exception):
    """Base of every error that this library raises on purpose."""


class CohortError(DeplibError):
    """A cohort's recordings, labels or frames are missing, contradictory or unreadable."""


class EncoderError(DeplibError):
    """A face encoder or detector file is missing, altered, or breaks its contract."""


class StoreError(DeplibError):
    """A feature store is corrupt, incomplete, or was made by another encoder or cohort."""


class VerificationError(DeplibError):
    """Features exist but must not be used: all zero, NaN, not unit length, and the like."""


class ModelError(DeplibError):
    """An input or a configuration does not fit a temporal model's contract."""


class ProtocolError(DeplibError):
    """A file of controlled variables cannot be read, or names one that does not exist."""


class ResultError(DeplibError):
    """A result file is missing, corrupt, or stale: made by other code, data or settings."""
