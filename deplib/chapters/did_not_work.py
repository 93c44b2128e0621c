"""The page on what did not work: everything that was tried in vain, from the results."""

from functools import cached_property
from itertools import chain

import pandas as pd
from IPython.display import HTML, Markdown

from deplib import evaluation, report, study
from deplib.chapters.advice import TestedAdvice, verdict
from deplib.chapters.claims import ClaimsPage
from deplib.chapters.comparisons import p_text
from deplib.chapters.cost import NO_CLAIM, CostPage
from deplib.chapters.cost_of_training import BudgetPage
from deplib.chapters.deploying import Deploying
from deplib.chapters.over_seeds import said
from deplib.chapters.targets import MET, CostTargets, Targets
from deplib.chapters.worlds import REFERENCES, WorldsPage
from deplib.claims import CONTRADICTED
from deplib.claims.entry import SIMULATED
from deplib.cost.fits import ratio
from deplib.cost.ways import LENGTHS, WAYS, WINDOWS
from deplib.deployment import record
from deplib.deployment.latency import FLOAT
from deplib.study.options import TESTED_WORLDS

HELPS = "it helps"
EIGHT = "int8"
"""What the form of a network in 8 bits is called in the measurements."""


class DidNotWorkPage:
    """What the chapters found that failed, lost, or did not pay."""

    def __init__(self) -> None:
        self.worlds = WorldsPage()
        self.advice = {world: TestedAdvice(world) for world in TESTED_WORLDS}

    def badge(self) -> HTML:
        """Return the note that says where the numbers come from."""
        return report.badge(study.open_cohort())

    def architectures(self) -> pd.DataFrame:
        """Return how many temporal variants have a lower MAE than mean and constant, by world."""
        rows = []
        for world in self.worlds.complete:
            for reference in REFERENCES:
                tested = world.corrected[reference]
                lower = world.better(reference)
                best = min(tested, key=lambda m: world.scores.summary(m).value)
                rows.append(
                    {
                        "world": world.name,
                        "hoped for": f"a lower Test MAE than {said(reference)}",
                        "variants": len(tested),
                        "that have it": report.listed(lower),
                        "lowest mean": best,
                        "its difference": evaluation.signed(
                            world.scores.difference(best, reference)
                        ),
                        "p (Holm)": p_text(tested[best]),
                    }
                )
        return pd.DataFrame(rows)

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """The study's statements that are judged without a simulated cohort."""
        whole = ClaimsPage().ledger
        return whole[whole["rests_on"] != SIMULATED]

    def statements(self) -> pd.DataFrame:
        """Return the statements of the study that do not hold, with what was found."""
        wrong = self.ledger[self.ledger["verdict"] == CONTRADICTED]
        return pd.DataFrame(
            {
                "the study states": wrong["statement"],
                "found": wrong["found"],
                "rests on": wrong["rests_on"],
            }
        )

    def statements_sentence(self) -> Markdown:
        """Return how many statements do not hold, of how many."""
        return report.say(
            f"{len(self.statements())} of {len(self.ledger)} statements are contradicted by the "
            "study's own figures, by published statistics or by this code."
        )

    def options(self) -> pd.DataFrame:
        """Return every tested option that is not shown to lower the error, the worst first."""
        rows = []
        for world, tested in self.advice.items():
            for advice, comparisons in tested.found.comparisons.items():
                rows += [
                    {
                        "world": world,
                        "advice": advice,
                        "option": one.first,
                        "compared with": one.second,
                        "effect on MAE": evaluation.signed(one.difference),
                        "verdict": verdict(one),
                        "_value": one.difference.value,
                    }
                    for one in comparisons
                    if verdict(one) != HELPS
                ]
        return pd.DataFrame(rows).sort_values("_value", ascending=False).drop(columns="_value")

    def options_sentence(self) -> Markdown:
        """Return how many options helped, harmed, or were not told apart."""
        parts = []
        for world, tested in self.advice.items():
            every = list(chain(*tested.found.comparisons.values()))
            words = [verdict(one) for one in every]
            parts.append(
                f"in `{world}` {words.count(HELPS)} of {len(words)} lower the error, "
                f"{words.count('it harms')} raise it, {words.count('undecided')} are undecided"
            )
        return report.say(f"Of the options, {'; '.join(parts)}. The others have no effect that "
                          "exceeds the stated margin.")  # fmt: skip

    def targets(self) -> pd.DataFrame:
        """Return the study's targets that were not met, or cannot be told to be."""
        errors = [Targets(tested.options).table() for tested in self.advice.values()]
        table = pd.concat(errors, ignore_index=True)
        return table[~table["verdict"].str.startswith(MET)]

    def times(self) -> Markdown:
        """Return which targets of time were not met."""
        rows = CostTargets().time_table()
        missed = rows[rows["verdict"] != MET]
        named = [
            f"{row['what']} ({row['milliseconds']} of {row['limit, milliseconds']} ms)"
            for row in missed.to_dict("records")
        ]
        return report.say(
            f"Of {len(rows)} targets of time, {len(missed)} were missed: {report.listed(named)}."
        )

    def eight_bits(self) -> pd.DataFrame:
        """Return every network that is not faster in 8 bits, with its times and sizes."""
        measured = record.load()
        rows = [
            (row["model"], row["time_ratio"], row["size_ratio"])
            for row in measured.model_table().to_dict("records")
        ]
        for name, forms in measured.encoders.groupby("encoder", sort=False):
            by_form = forms.set_index("form")
            if FLOAT not in by_form.index:
                continue
            wide = by_form.loc[FLOAT]
            for form, small in by_form[by_form.index.str.contains(EIGHT)].iterrows():
                size = small["bytes"] / wide["bytes"]
                rows.append(
                    (f"{name} ({form})", min(small["seconds"]) / min(wide["seconds"]), size)
                )
        table = pd.DataFrame(rows, columns=["network", "time / float", "size / float"])
        return table[table["time / float"] >= 1].sort_values("time / float", ascending=False)

    def eight_bits_sentence(self) -> Markdown:
        """Return the largest change in error that 8 bits bring."""
        changes = Deploying().largest_changes()
        said_ = [f"{what}: {change.value:+.3f} points" for what, change in changes.items()]
        return report.say(f"The largest change in Test MAE, by what is in 8 bits: "
                          f"{'; '.join(said_)}.")  # fmt: skip

    def batches(self) -> pd.DataFrame:
        """Return the ways for which a whole batch is not cheaper a window than a few windows."""
        budget = BudgetPage()
        size, window = budget.protocol.batch_size_train, budget.protocol.window_length
        rows = []
        for way in WAYS:
            few = budget.costs.milliseconds(way)[LENGTHS.index(window)]
            many = budget.costs.milliseconds(way, windows=size)[0]
            found = ratio(many, few)
            if found.high >= 1:
                title = f"time a window, {size} together over {WINDOWS} together"
                rows.append({"way": way, title: str(found)})
        return pd.DataFrame(rows)

    def orders(self) -> pd.DataFrame:
        """Return the orders of growth that the study states and the measured times do not show."""
        page = CostPage()
        table = page.exponents()
        stated = table["order in the study"] != NO_CLAIM
        outside = table["verdict"].str.startswith("outside")
        return table.loc[
            stated & outside,
            ["way", "order in the study", "would show", "forward and backward", "verdict"],
        ]
