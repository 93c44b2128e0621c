"""Counting frames that could not be embedded, and the verdict that there are too many."""

from collections import Counter
from collections.abc import Iterable, Mapping

from deplib.cohorts.base import FAULT_KINDS, FrameFault
from deplib.errors import VerificationError

_EXAMPLES = 2  # messages kept of each kind


def is_miss(kind: str) -> bool:
    """Return whether a fault of this kind leaves its frame without an embedding."""
    return kind != "gap"


class MissCount:
    """Faults by kind, over any number of recordings, and some of their messages.

    Attributes
    ----------
    faults : Counter
        Faults by kind, gaps included.
    """

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, faults: Iterable[FrameFault]) -> None:
        """Count faults, and keep the first messages of each kind."""
        for fault in faults:
            self.faults[fault.kind] += 1
            examples = self._examples.setdefault(fault.kind, [])
            if len(examples) < _EXAMPLES:
                examples.append(fault.message)

    def add_counts(self, faults: Mapping[str, int]) -> None:
        """Count faults of which only the number is known, such as those of a ledger entry."""
        self.faults.update(faults)

    @property
    def misses(self) -> int:
        """Frames without an embedding."""
        return sum(count for kind, count in self.faults.items() if is_miss(kind))

    def require_few(self, planned: int, max_rate: float) -> None:
        """Pass as long as the misses so far are a bearable share of all frames planned.

        Misses only grow and ``planned`` is fixed, so whether this raises at some time does not
        depend on the order of the recordings.

        Raises
        ------
        VerificationError
            With the counts by kind, examples, and the remedy.
        """
        if self.misses > max_rate * planned:
            raise VerificationError(
                f"{self.misses:,} of {planned:,} planned frames ({self.misses / planned:.1%}) "
                f"could not be embedded; max_miss_rate is {max_rate:.1%}.\n{self.describe()}\n"
                "Mend the cause, or leave the worst recordings out, or raise max_miss_rate if the "
                "gaps are real; then run again: finished recordings are kept"
            )

    def describe(self) -> str:
        """Return one line a kind of miss, most frequent first, and examples below it."""
        lines = []
        for kind, count in self.faults.most_common():
            if is_miss(kind):
                lines.append(f"  {count:,} {kind}: {FAULT_KINDS.get(kind, 'unknown kind')}")
                lines += [f"    e.g. {message}" for message in self._examples.get(kind, ())]
        return "\n".join(lines)

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {kind}" for kind, count in self.faults.most_common()) or "none"
