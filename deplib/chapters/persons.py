"""The chapter on persons: how much of a score is that Train has seen the face."""

from copy import copy

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown

from deplib import claims, evaluation, identity, report, splits, study
from deplib.chapters.known_persons import KnownPersons, TwoSplits
from deplib.chapters.over_seeds import interval
from deplib.chapters.recognition import N_SPLITS, Recognition, open_pooled
from deplib.chapters.repeated_splits import RIDGE, RepeatedSplits
from deplib.cohorts.base import SPLITS
from deplib.cohorts.simulated import SimulatedCohort
from deplib.cohorts.simulated.labels import PERSON_SHARE, RELIABILITY
from deplib.identity import NEAREST, SHRUNK
from deplib.models import MODELS
from deplib.statistics import cluster_bootstrap

WORLDS = ("null", "default")
"""Where nothing about depression can be learnt, and the book's own."""

AVEC_PERSONS, AVEC_TRAIN_DEV = 84, 58
"""Persons in AVEC2014, and in its Train and Dev: the first as another project counts them."""
AVEC_IDS = {
    "train": ("203_1", "205_2"),
    "dev": ("205_1", "206_1"),
    "test": ("203_2", "206_2"),
}
"""File names of its official split that are public: person, then session."""


class PersonsPage:
    """Official, person-disjoint and repeated splits of the same recordings.

    Parameters
    ----------
    n_splits
        How many splits at feature level by each rule.
    """

    def __init__(self, n_splits: int = N_SPLITS) -> None:
        self.cohort = study.open_cohort()
        self.disjoint = _split_anew(self.cohort)
        grid = [spec for spec in study.grid_specs() if spec.model in (*MODELS, *study.RIDGE)]
        disjoint_specs = study.disjoint_specs()
        seeds = {(spec.model, spec.seed) for spec in disjoint_specs}
        results = study.published(grid)
        same = [r for r in results if (r.spec.model, r.spec.seed) in seeds]
        self.known_persons = KnownPersons(
            self.cohort.recordings, evaluation.predictors(self.cohort, results)
        )
        self.two_splits = TwoSplits(
            {
                "official": evaluation.predictors(self.cohort, same),
                "disjoint": evaluation.predictors(self.disjoint, study.published(disjoint_specs)),
            }
        )
        self.many = RepeatedSplits(
            {world: Recognition(open_pooled(world), n_splits=n_splits) for world in WORLDS}
        )

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return report.badge(self.cohort)

    def split_table(self) -> pd.DataFrame:
        """Return size, persons, labels and known persons of both splits."""
        rows = []
        for name, cohort in (("official", self.cohort), ("disjoint", self.disjoint)):
            known = splits.known(cohort.recordings)
            for split in SPLITS:
                part = cohort.recordings[cohort.recordings["split"] == split]
                row = {
                    "split": name,
                    "part": split,
                    "recordings": len(part),
                    "persons": part["person"].nunique(),
                    "mean BDI-II": part["bdi"].mean(),
                    "SD": part["bdi"].std(ddof=1),
                }
                row["recordings of persons in Train"] = (
                    "" if split == "train" else str(int(known[part["recording"]].sum()))
                )
                rows.append(row)
        return pd.DataFrame(rows)

    def balance(self) -> Markdown:
        """Return how evenly the labels are spread over both splits, and over a free draw."""
        recordings = self.cohort.recordings
        free = [
            splits.imbalance(
                splits.person_disjoint(
                    recordings, rng=np.random.default_rng([evaluation.SEED, k]), balanced=False
                )
            )
            for k in range(100)
        ]
        return report.say(
            "How far the labels of a part are from those of all recordings (Wasserstein distance, "
            f"mean over the three parts): {splits.imbalance(recordings):.2f} points in the "
            f"official-style split, {splits.imbalance(self.disjoint.recordings):.2f} in the "
            f"person-disjoint one, and {np.mean(free):.2f} on average over {len(free)} "
            "person-disjoint splits without any exchange."
        )

    def persistence(self) -> Markdown:
        """Return how alike two sessions of one person are, as assumed and in this cohort."""
        pairs = identity.session_pairs(self.cohort.recordings)
        found = cluster_bootstrap(
            pairs["bdi"],
            pairs["bdi_other"],
            pairs["person"],
            metric="pcc",
            rng=np.random.default_rng(evaluation.SEED),
        )
        apart = (pairs["bdi"] - pairs["bdi_other"]).abs().mean()
        return report.say(
            "The simulator assumes that a person's level makes up "
            f"{100 * PERSON_SHARE:.0f} % of the variance of severity and that BDI-II has "
            f"a reliability of {RELIABILITY:g}: two sessions of one person then correlate "
            f"by {identity.PERSISTENCE:.2f} on the normal scale. In this cohort the scores of "
            f"{found.n_persons} persons with several recordings ({len(pairs) // 2} pairs of "
            "sessions) correlate by "
            f"{interval(found.estimate, found.low, found.high)}, and differ by {apart:.1f} points "
            "on average."
        )

    def known_verdict(self) -> Markdown:
        """Return how far the four models are from the constant on known and on new persons."""
        return report.say(self.known_persons.sentence())

    def split_verdict(self) -> Markdown:
        """Return what a person-disjoint split changes for the four."""
        return report.say(self.two_splits.sentence())

    def avec_counts(self) -> Markdown:
        """Return how many Test recordings of AVEC2014 are of persons seen before."""
        fewest, most = known_in_avec()
        known = splits.known(self.cohort.recordings, among=("train", "dev"))
        return report.say(
            f"If {AVEC_PERSONS} persons hold, with {AVEC_TRAIN_DEV} of them in Train and Dev, then "
            f"{AVEC_PERSONS - AVEC_TRAIN_DEV} are in Test only, each with a recording at least: "
            f"at most {most} of the {claims.N_TEST} Test recordings are of persons seen before. "
            f"At least {fewest} are, by the names of the files alone. In the simulated "
            f"official-style split it is {known.sum()}."
        )

    def avec_table(self) -> pd.DataFrame:
        """Return by how much an MAE would be too low if a known person were worth as much."""
        one, (fewest, most) = self.many.worlds["default"], known_in_avec()
        rows = []
        for predictor in (RIDGE, NEAREST, SHRUNK):
            gain = one.over_persons(one.gain(predictor))
            rows.append(
                {
                    "predictor": predictor,
                    "a known recording": evaluation.signed(gain),
                    **{
                        f"{n} of {claims.N_TEST} known": evaluation.signed(_times(gain, n))
                        for n in (fewest, most)
                    },
                }
            )
        return pd.DataFrame(rows)

    def avec_verdict(self) -> Markdown:
        """Return that range for ridge beside the spread of the study's four architectures."""
        one = self.many.worlds["default"]
        gain = one.over_persons(one.gain(RIDGE))
        low, high = (_times(gain, n) for n in known_in_avec())
        reported = claims.REPORTED["test_mae"]
        spread = float(reported.max() - reported.min())
        compared = "more" if high.value > spread else "less"
        return report.say(
            f"Were a known person worth to a model there what it is to {RIDGE} here, then "
            f"strangers in their place would raise its Test MAE by {evaluation.signed(low)} points "
            f"if the fewest are known, and by {evaluation.signed(high)} if the most are. The "
            f"latter is {compared} than the {spread:.2f} points between the best and the worst of "
            "the study's four. All four were scored on the same persons: this moves their common "
            "level, and their order only as far as they use identity differently."
        )


def known_in_avec() -> tuple[int, int]:
    """Return the bounds on AVEC2014's Test recordings whose person is in Train or Dev."""
    person = {
        split: [name.partition("_")[0] for name in names] for split, names in AVEC_IDS.items()
    }
    before = {*person["train"], *person["dev"]}
    fewest = sum(one in before for one in person["test"])
    return fewest, claims.N_TEST - (AVEC_PERSONS - AVEC_TRAIN_DEV)


def _split_anew(cohort: SimulatedCohort) -> SimulatedCohort:
    """Return the cohort with its recordings in the person-disjoint split."""
    other = copy(cohort)
    other.recordings = splits.split_as(cohort.recordings, "disjoint")
    return other


def _times(gain: evaluation.Difference, n_known: int) -> evaluation.Difference:
    """Return a gain a known recording as a gain in MAE."""
    share = n_known / claims.N_TEST
    return evaluation.Difference(gain.value * share, gain.low * share, gain.high * share)
