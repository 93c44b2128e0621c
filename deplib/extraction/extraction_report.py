"""What one call of `extract` did, and what it could not do."""

from dataclasses import dataclass, field

from deplib.errors import VerificationError


@dataclass(frozen=True)
class ExtractionReport:
    """What one call of `extract` did."""

    cohort: str
    encoder: str
    extracted: tuple[str, ...]  # recordings embedded by this call
    kept: tuple[str, ...]  # recordings that were there and whole, or that another process did
    recomputed: dict[str, str] = field(repr=False)  # found damaged, to be done again, and why
    refused: dict[str, str]  # recordings that cannot be used, and why; nothing was written
    faults: dict[str, int]  # what this call found wrong with frames, by kind, refused ones too
    n_frames: int  # frames embedded by this call
    n_invalid: int  # of them, frames that could not be embedded
    seconds: float  # wall time

    @property
    def ok(self) -> bool:
        """Whether every recording asked for is in the store now."""
        return not self.refused

    def __str__(self) -> str:
        text = (
            f"{len(self.extracted)} recordings ({self.n_frames:,} frames) embedded in "
            f"{self.seconds:.1f} s, {len(self.kept)} already there; "
            f"{self.n_invalid:,} frames without an embedding"
        )
        if self.faults:
            text += f" (found: {', '.join(f'{n:,} {kind}' for kind, n in self.faults.items())})"
        if self.recomputed:
            text += f"; found damaged and done again: {', '.join(self.recomputed)}"
        if self.refused:
            text += f"; {len(self.refused)} refused: {', '.join(self.refused)}"
        return text

    def raise_for_refused(self) -> "ExtractionReport":
        """Return the report itself, or raise if a recording was refused.

        Raises
        ------
        VerificationError
            Listing the refused recordings and why.
        """
        if self.refused:
            listed = "\n".join(f"{name}: {why}" for name, why in self.refused.items())
            raise VerificationError(
                f"{len(self.refused)} recordings could not be used and are not in the store; the "
                f"others are. A later call tries them again:\n{listed}"
            )
        return self
