"""What the study states, as numbers: its tables, its summaries, its targets. Nothing is judged."""

from dataclasses import dataclass, field

import pandas as pd

REPORTED = pd.DataFrame(
    [
        ("TemporalMeanMLP", 8.645, 0.426, 10.426, 0.101, 0.53),
        ("LDBM", 9.061, 0.485, 10.529, 0.267, 0.93),
        ("VanillaTransformer", 8.272, 0.484, 10.428, 0.186, 0.79),
        ("MambaGRU", 8.885, 0.508, 10.907, 0.181, 0.80),
    ],
    columns=["model", "dev_mae", "dev_pcc", "test_mae", "test_pcc", "sigma_ratio"],
)
"""The study's results table (AVEC2014, one seed, 50 recordings a split), as reported."""

DESCRIBED = pd.DataFrame(
    [
        ("TemporalMeanMLP", "mean over frames, then one hidden layer", "131K", "O(1)"),
        ("LDBM", "attention over patches, merged after each layer", "1.35M", "O(N log N)"),
        ("VanillaTransformer", "attention over all frames", "~500K", "O(N^2)"),
        ("MambaGRU", "two layers of a causal GRU", "528K", "O(N)"),
    ],
    columns=["model", "mechanism", "parameters_reported", "order_reported"],
)
"""The study's table of models: parameters and order of temporal cost as reported."""


@dataclass(frozen=True)
class Summary:
    """How the study sums up one column of its results table."""

    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True)
class Targets:
    """What the study wants of a next architecture, and the figures that it gives as a reason."""

    test_mae: float = 9.5
    mae_to_improve: float = 10.4
    test_pcc: float = 0.30
    pcc_to_double: float = 0.267
    gap_mae: float = 1.0
    gap_cut: float = 0.5  # the share of the gap that is to go
    ms_per_frame: float = 100.0
    parameters: float = 5e6


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that the ledger checks; ``dataclasses.replace`` gives another study.

    Attributes
    ----------
    results, models
        As ``REPORTED`` and ``DESCRIBED``.
    test_mae, test_pcc
        Its summaries over the four models.
    gap_mae, gap_pcc
        Test minus Dev, as it states them.
    ranges
        Column of ``results`` -> lowest and highest value in its table of gaps, at the decimals in
        ``DECIMALS``.
    """

    results: pd.DataFrame = field(default_factory=lambda: REPORTED)
    models: pd.DataFrame = field(default_factory=lambda: DESCRIBED)
    test_mae: Summary = Summary(10.573, 0.195, 10.426, 10.907)
    test_pcc: Summary = Summary(0.184, 0.068, 0.101, 0.267)
    gap_mae: float = 2.0
    gap_pcc: float = -0.25
    ranges: dict[str, tuple[float, float]] = field(
        default_factory=lambda: {
            "dev_mae": (8.3, 9.1),
            "test_mae": (10.4, 10.9),
            "dev_pcc": (0.42, 0.51),
            "test_pcc": (0.10, 0.27),
        }
    )
    targets: Targets = Targets()
    n_split: int = 50  # "subjects" in each of three splits
    sequence_length: int = 2000  # frames
    long_sequences: tuple[int, int] = (1000, 2000)  # frames
    feature_dim: int = 512
    frame_size: int = 112  # pixels
    scale: tuple[int, int] = (0, 63)  # BDI-II points
    batch_size: int = 32
    patches: tuple[int, ...] = (4, 8, 16)
    dev_pcc_above: float = 0.4
    not_collapsed: float = 0.5  # sigma_ratio
    within: float = 0.1  # MAE points between TemporalMeanMLP and the others
    times_parameters: float = 10.0  # LDBM's over TemporalMeanMLP's
    minutes: dict[str, float] = field(
        default_factory=lambda: {"TemporalMeanMLP": 5.0, "LDBM": 45.0}
    )
    collapsed_sigma_ratio: float = 0.00

    def column(self, name: str) -> pd.Series:
        """Return a column of the results table, index model."""
        return self.results.set_index("model")[name]

    def row(self, model: str) -> dict[str, float]:
        """Return a model's row of the results table: column -> figure."""
        return {column: float(self.column(column)[model]) for column in self.results.columns[1:]}

    def gaps(self, metric: str) -> pd.Series:
        """Return Test minus Dev of ``"mae"`` or ``"pcc"`` for each model."""
        return self.column(f"test_{metric}") - self.column(f"dev_{metric}")

    def count(self, model: str) -> float:
        """Return the number of parameters that the study gives a model."""
        return as_number(str(self.models.set_index("model").loc[model, "parameters_reported"]))


DECIMALS = {"mae": 1, "pcc": 2}
"""At which the study prints its ranges."""


def as_number(text: str) -> float:
    """Return a count such as ``131K``, ``1.35M`` or ``~500K`` as a number.

    >>> as_number("1.35M"), as_number("~500K")
    (1350000.0, 500000.0)
    """
    scale = {"K": 1e3, "M": 1e6}[text[-1]]
    return float(round(float(text.lstrip("~")[:-1]) * scale))
