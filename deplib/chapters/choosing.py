"""Choosing on Dev: what picking epochs and settings on 50 recordings does to a table of results."""

from functools import cached_property

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown

from deplib import claims, report, study
from deplib.chapters.choosing_parts import (
    APART,
    NULL,
    Curves,
    OwnRuns,
    StudyPattern,
    plain,
    signed,
    spread,
)
from deplib.chapters.over_seeds import interval
from deplib.selection import findings, record
from deplib.selection.cohorts import SCENARIOS
from deplib.selection.courses import N_SEEDS, SETTINGS
from deplib.selection.findings import known_shares, mean_of, optimism
from deplib.selection.noise import CENTRE, NOISE_SD, best_of_noise
from deplib.selection.record import Selection
from deplib.selection.rules import (
    BEST,
    FIXED,
    FIXED_BOTH,
    HALVES,
    LAST,
    LEAK,
    NESTED,
    PROTOCOL,
    RULES,
)

NOISE_SEED = 2014
HONEST = (LAST, FIXED, FIXED_BOTH, HALVES, NESTED)
"""Rules in which the Dev recordings that are scored had no say."""
LITTLE = 0.25
"""Points of MAE below which a signal is said to change little."""


class ChoosingPage:
    """The versioned choices of all scenarios.

    Raises
    ------
    ResultError
        If a file is missing, damaged or stale.
    """

    def __init__(self) -> None:
        self.cohort = study.open_cohort()
        self.selections: dict[str, Selection] = {name: record.load(name) for name in SCENARIOS}
        self.validation_rows = record.load_validation()
        self.pattern = StudyPattern(self.selections)
        self.curves = Curves(self.selections)
        self.own_runs = OwnRuns(self.selections)

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return report.badge(self.cohort)

    @property
    def n_cohorts(self) -> int:
        """Cohorts of each scenario."""
        return min(selection.n_cohorts for selection in self.selections.values())

    @cached_property
    def noise(self) -> pd.DataFrame:
        """What the best of K guessing candidates scores."""
        return best_of_noise(rng=np.random.default_rng(NOISE_SEED))

    def guessing(self) -> pd.DataFrame:
        """Return the best of K guesses, one row a K."""
        return self.noise.rename(
            columns={
                "dev_mae": "Dev MAE",
                "test_mae": "Test MAE",
                "dev_pcc": "Dev PCC",
                "test_pcc": "Test PCC",
                "constant_mae": "constant, MAE",
            }
        )

    def guessing_verdict(self) -> Markdown:
        """Return how far guessing goes towards the study's figures."""
        dev = claims.REPORTED["dev_mae"]
        last = self.noise.iloc[-1]
        enough = self.noise[self.noise["dev_mae"] <= dev.max()]
        reaches = (
            f"from {enough['candidates'].iloc[0]:.0f} candidates on, the chosen one's Dev MAE is "
            f"within the study's range ({dev.min():.2f} to {dev.max():.2f})"
            if len(enough)
            else f"no number of candidates tried here brings Dev to the study's {dev.max():.2f}"
        )
        test = claims.REPORTED["test_mae"]
        inside = test.min() <= last["test_mae"] <= test.max()
        return report.say(
            f"Candidates that guess N({CENTRE:g}, {NOISE_SD:g}) know nothing, and yet {reaches}. "
            f"On Test the winner is worth what any guess is worth, {last['test_mae']:.2f}, "
            f"{'inside' if inside else 'outside'} the study's range ({test.min():.2f} to "
            f"{test.max():.2f}). What guessing does not give is the correlation: the best of "
            f"{last['candidates']:.0f} has a Dev PCC of {last['dev_pcc']:.2f}, where the study has "
            f"{claims.REPORTED['dev_pcc'].min():.2f} to {claims.REPORTED['dev_pcc'].max():.2f}, "
            f"and a Test PCC of {last['test_pcc']:+.2f}. The {NOISE_SD:g} points of noise are an "
            "assumption."
        )

    def validation(self) -> pd.DataFrame:
        """Return how the surrogate compares with the rendered cohort."""
        rows = self.validation_rows
        return pd.DataFrame(
            {
                "measure": rows["measure"],
                "rendered": rows["rendered"],
                "surrogate (95 % of draws)": [
                    interval(*row)
                    for row in zip(rows["mean"], rows["low"], rows["high"], strict=True)
                ],
                "inside": self._inside().map({True: "yes", False: "no"}),
            }
        )

    def validation_verdict(self) -> Markdown:
        """Return how many measures of the rendered cohort the surrogate covers."""
        inside = self._inside()
        outside = list(self.validation_rows.loc[~inside, "measure"])
        text = (
            f"{inside.sum()} of {len(inside)} measures of the rendered cohort lie within the range "
            "of the surrogate's draws."
        )
        if outside:
            text += f" Outside: {report.listed(outside)}; read what follows with that in mind."
        return report.say(text)

    def _inside(self) -> pd.Series:
        rows = self.validation_rows
        # A share of 1 in every draw has a range of no width.
        return rows["rendered"].between(rows["low"] - 1e-9, rows["high"] + 1e-9)

    def candidates(self) -> pd.DataFrame:
        """Return the settings that stand for what a study may try."""
        return pd.DataFrame(
            {
                "setting": "protocol" if k == 0 else f"other {k}",
                "learning rate": f"{setting.learning_rate:g}",
                "hidden": setting.hidden,
                "features": "z-scored by Train" if setting.scaled else "as they are",
                "seeds": N_SEEDS,
            }
            for k, setting in enumerate(SETTINGS)
        )

    def rules(self) -> pd.DataFrame:
        """Return the rules in words."""
        return pd.DataFrame(
            {
                "rule": rule.name,
                "what it does": rule.meaning,
                "Dev score is evidence": "no" if rule.dev_chooses else "yes",
                "Test score is evidence": "no" if rule.name == LEAK else "yes",
            }
            for rule in RULES.values()
        )

    def outcome(self, scenario: str) -> pd.DataFrame:
        """Return what every rule scores in a scenario: mean ± SD between cohorts."""
        selection = self.selections[scenario]
        rows = [
            {
                "rule": "constant",
                "Dev MAE": spread(selection.constant["dev_mae"]),
                "Test MAE": spread(selection.constant["test_mae"]),
                "optimism": "0 by definition",
                "Dev PCC": "undefined",
                "Test PCC": "undefined",
            }
        ]
        for rule, chosen in selection.rules.items():
            rows.append(
                {
                    "rule": rule,
                    "Dev MAE": spread(chosen["dev_mae"]),
                    "Test MAE": spread(chosen["test_mae"]),
                    "optimism": signed(mean_of(optimism(selection, rule))),
                    "Dev PCC": spread(chosen["dev_pcc"]),
                    "Test PCC": spread(chosen["test_pcc"]),
                }
            )
        return pd.DataFrame(rows)

    def apart_verdict(self) -> Markdown:
        """Return what choosing makes of nothing."""
        selection = self.selections[APART]
        honest = [mean_of(optimism(selection, rule)).value for rule in HONEST]
        epoch = findings.against(selection, PROTOCOL, FIXED)["optimism"]
        both = findings.against(selection, BEST, FIXED_BOTH)["optimism"]
        made = (
            "Choosing alone makes that."
            if epoch.low > 0 and both.low > 0
            else "Not each of them can be told from none."
        )
        test = mean_of(selection.rules[BEST]["test_mae"] - selection.constant["test_mae"])
        return report.say(
            "With persons apart Dev and Test are drawn alike, so a choice in which the scored Dev "
            f"recordings have no say has no optimism but by chance: over {len(HONEST)} such rules "
            f"{min(honest):+.2f} to {max(honest):+.2f} in these {selection.n_cohorts} cohorts. "
            f"Against a fixed epoch on the same cohorts, an epoch chosen on Dev adds "
            f"{signed(epoch)} points of optimism; against a fixed epoch and setting, choosing both "
            f"adds {signed(both)}. {made} On Test the candidate that is best on Dev differs from "
            f"the constant by {signed(test)} points of MAE."
        )

    def null_verdict(self) -> Markdown:
        """Return what persons who recur add in the null world."""
        null, apart = self.selections[NULL], self.selections[APART]
        extra = mean_of(optimism(null, FIXED_BOTH) - optimism(apart, FIXED_BOTH))
        known = {split: 100 * value for split, value in known_shares().items()}
        cause = (
            f"That part is no effect of choosing: {known['dev']:.0f} % of the Dev recordings and "
            f"{known['test']:.0f} % of the Test recordings are of persons who are in Train too"
            if extra.low > 0
            else "Persons who recur make no difference that could be told from none"
        )
        with_recurrence, without = (
            mean_of(one.rules[PROTOCOL]["dev_pcc"]) for one in (null, apart)
        )
        higher = mean_of(null.rules[PROTOCOL]["dev_pcc"] - apart.rules[PROTOCOL]["dev_pcc"])
        moral = (
            "A correlation on Dev needs no link from behaviour to severity, only faces that come "
            "back."
            if higher.low > 0
            else "Faces that come back do not raise it measurably."
        )
        return report.say(
            f"Where persons recur, as they do in the official splits, optimism is "
            f"{signed(mean_of(optimism(null, FIXED_BOTH)))} at a fixed epoch and setting, "
            f"{signed(extra)} more than with persons apart. {cause}. Under the protocol the Dev "
            f"PCC is {plain(with_recurrence)} instead of {plain(without)}, and the Test PCC "
            f"{plain(mean_of(null.rules[PROTOCOL]['test_pcc']))}. {moral}"
        )

    def worlds_verdict(self) -> Markdown:
        """Return what a signal changes, on cohorts of the same draws."""
        null = self.selections[NULL]
        parts, gains = [], []
        for name in ("default", "published"):
            other = self.selections[name]
            gains.append(mean_of(other.rules[FIXED]["test_mae"] - null.rules[FIXED]["test_mae"]))
            more = mean_of(optimism(other, BEST) - optimism(null, BEST))
            parts.append(
                f"in `{name}` the Test MAE at a fixed epoch differs from that in `{NULL}` by "
                f"{signed(gains[-1])} points, and the optimism of “{BEST}” by {signed(more)}"
            )
        little = all(abs(gain.value) < LITTLE for gain in gains)
        return report.say(
            f"On the same draws, {'; '.join(parts)}. "
            + (
                f"The first difference stays below {LITTLE:g} points: the mean of an identity "
                "embedding holds so little of behaviour that a signal changes little here."
                if little
                else "What behaviour tells is found in the mean of the embeddings."
            )
        )

    def costs(self) -> pd.DataFrame:
        """Return what honest rules cost and save, paired over cohorts."""
        rows = []
        for name, selection in self.selections.items():
            for rule, reference in (
                (LAST, PROTOCOL),
                (FIXED, PROTOCOL),
                (FIXED_BOTH, BEST),
                (HALVES, BEST),
                (NESTED, BEST),
            ):
                found = findings.against(selection, rule, reference)
                rows.append(
                    {
                        "world": name,
                        "rule": rule,
                        "instead of": reference,
                        "Test MAE, cost": signed(found["test_mae"]),
                        "optimism, change": signed(found["optimism"]),
                        "optimism that is left": signed(mean_of(optimism(selection, rule))),
                    }
                )
        return pd.DataFrame(rows)

    def costs_verdict(self) -> Markdown:
        """Return what honesty costs where persons recur and something can be learnt."""
        parts = []
        for rule, reference in ((FIXED, PROTOCOL), (NESTED, BEST)):
            found = findings.against(self.selections["default"], rule, reference)
            cost, saved = found["test_mae"], found["optimism"]
            price = (
                "costs"
                if cost.low > 0
                else "gains"
                if cost.high < 0
                else "costs nothing measurable:"
            )
            effect = (
                "takes optimism away"
                if saved.high < 0
                else "adds optimism"
                if saved.low > 0
                else "leaves optimism about as it was"
            )
            parts.append(
                f"“{rule}” instead of “{reference}” {price} {signed(cost)} points of Test MAE and "
                f"{effect} ({signed(saved)})"
            )
        return report.say(
            f"In the `default` world {'; '.join(parts)}. A fixed epoch was taken here from "
            f"{self.n_cohorts // 2} other cohorts; a study has to fix it beforehand, or to use "
            "folds of its own Train."
        )

    def conclusion(self) -> Markdown:
        """Return what the chapter found, in three sentences."""
        apart, null = self.selections[APART], self.selections[NULL]
        found = {
            "choosing": findings.against(apart, BEST, FIXED_BOTH)["optimism"],
            "persons who recur": mean_of(optimism(null, FIXED_BOTH) - optimism(apart, FIXED_BOTH)),
        }
        both, saved = mean_of(optimism(null, BEST)), findings.against(null, NESTED, BEST)
        enough = [cause for cause, estimate in found.items() if estimate.low > 0]
        gaps = claims.REPORTED["test_mae"] - claims.REPORTED["dev_mae"]
        return report.say(
            "Where behaviour tells nothing, choosing epoch and setting on Dev makes Dev look "
            f"{signed(found['choosing'])} points better than Test. Persons who recur add "
            f"{signed(found['persons who recur'])} without any choice, and both together make "
            f"{signed(both)}. The study's gap is "
            f"{gaps.mean():.2f} ({gaps.min():.2f} to {gaps.max():.2f} over its four models). Folds "
            f"of persons inside Train, in place of Dev, change optimism by "
            f"{signed(saved['optimism'])} and Test MAE by {signed(saved['test_mae'])}. What made "
            "the study's gap cannot be told from here; without any signal, a gap arises from: "
            f"{report.listed(enough)}."
        )
