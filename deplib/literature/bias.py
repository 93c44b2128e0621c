"""Published figures on face analysis that errs unequally between groups, and on privacy.

Each row says how sure it is (``READ``). None was measured here: the simulated persons belong to no
group.
"""

from dataclasses import dataclass

import pandas as pd

READ = {"V": "read in the paper", "S": "second hand, as others quote it"}
"""How sure a figure is."""


@dataclass(frozen=True)
class Unequal:
    """One published figure for two groups."""

    key: str  # in references.bib
    source: str  # as prose names it
    measured: str  # what was measured, on what
    better: str  # the group with fewer errors, and its figure
    worse: str  # the group with more, and its figure
    certainty: str  # one of ``READ``


@dataclass(frozen=True)
class Verified:
    """Share of face pairs that a system judges rightly, in percent, by the source's groups."""

    system: str
    caucasian: float
    indian: float
    asian: float
    african: float

    @property
    def ratio(self) -> float:
        """Error in the group with most errors over that in the group with fewest."""
        rates = (self.caucasian, self.indian, self.asian, self.african)
        return (100 - min(rates)) / (100 - max(rates))


@dataclass(frozen=True)
class Inverted:
    """How often a picture that was rebuilt from a face embedding passes for the person."""

    key: str
    same_picture: float  # percent, against the picture that the embedding was made of
    other_picture: float  # percent, against another picture of the person
    false_accepts: float  # percent of other persons who would pass
    certainty: str


UNEQUAL = (
    Unequal(
        "buolamwini2018gender",
        "Buolamwini and Gebru 2018",
        "largest error of three commercial classifiers of gender",
        "men with lighter skin: 0.8 %",
        "women with darker skin: 34.7 %",
        "S",
    ),
    Unequal(
        "grother2019frvt",
        "Grother et al. 2019 (NIST)",
        "false matches of 189 algorithms of 99 developers, by sex",
        "men",
        "women: 2 to 5 times as many",
        "S",
    ),
    Unequal(
        "grother2019frvt",
        "Grother et al. 2019 (NIST)",
        "false matches of the same algorithms, one face against one, by origin",
        "white persons",
        "Asian and African American persons: up to 100 times as many",
        "S",
    ),
)

RFW_KEY, RFW_CERTAINTY = "wang2019racial", "V"
RFW = (
    Verified("Microsoft", 87.60, 82.83, 79.67, 75.83),
    Verified("Face++", 93.90, 88.55, 92.47, 87.50),
    Verified("Baidu", 89.13, 86.53, 90.27, 77.97),
    Verified("Amazon", 90.45, 87.20, 84.87, 86.27),
)
"""Four commercial systems on Racial Faces in the Wild, as the paper's first version prints them."""

INVERTED = Inverted("mai2018reconstruction", 95.20, 58.05, 0.1, "V")
"""Mai et al. 2018 on LFW, from templates alone, without knowing the network behind them."""


def unequal() -> pd.DataFrame:
    """Return ``UNEQUAL`` for print."""
    return pd.DataFrame(
        {
            "source": row.source,
            "what was measured": row.measured,
            "fewest errors": row.better,
            "most errors": row.worse,
            "figure": READ[row.certainty],
        }
        for row in UNEQUAL
    )


def verified() -> pd.DataFrame:
    """Return ``RFW`` for print: percent by group, and the ratio of the errors."""
    return pd.DataFrame(
        {
            "system": row.system,
            "Caucasian, %": row.caucasian,
            "Indian, %": row.indian,
            "Asian, %": row.asian,
            "African, %": row.african,
            "most / fewest errors": row.ratio,
        }
        for row in RFW
    )
