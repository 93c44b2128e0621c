"""The chapter on the literature: published results, re-runs, and the error of the label."""

from functools import cached_property

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from deplib import claims, constant, figures, literature, report
from deplib.statistics import MCID_SHARE

SEED = 20140
GOOD_RMSE = 7
"""BDI-II points: about what the better papers report."""


def _short(certainty: str) -> str:
    return {"V": "read there", "S": "second hand", "M": "*as commonly quoted*"}[certainty]


def markdown_table(table: pd.DataFrame) -> Markdown:
    """Return a table as MyST Markdown, so that citations in its cells become links."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + " --- |" * table.shape[1]]
    lines += ["| " + " | ".join(row) + " |" for row in table.astype(str).to_numpy()]
    return Markdown("\n".join(lines))


class LiteraturePage:
    """What was published, what its figures can carry, and what the label's own error allows."""

    @cached_property
    def papers(self) -> pd.DataFrame:
        """Results of papers with their intervals, by MAE."""
        return literature.with_intervals(literature.papers())

    @cached_property
    def code(self) -> pd.DataFrame:
        """Results of public code with their intervals, by MAE."""
        return literature.with_intervals(literature.public_code())

    @cached_property
    def best_constant(self) -> float:
        """The smallest Test MAE that a constant can have."""
        return float(constant.exact_mae(13))

    def paper_table(self) -> Markdown:
        """Return the results of papers with citations."""
        return markdown_table(self._printed(self.papers))

    def code_table(self) -> Markdown:
        """Return the results of public code with citations."""
        return markdown_table(self._printed(self.code))

    def _printed(self, table: pd.DataFrame) -> pd.DataFrame:
        cite = [f" {{cite}}`{key}`" if key else "" for key in table["key"]]
        return pd.DataFrame(
            {
                "result": table["name"] + cite,
                "year": ["" if pd.isna(year) else str(year) for year in table["year"]],
                "input": table["modality"],
                "MAE": [f"{value:.2f}" for value in table["mae"]],
                "RMSE": [f"{value:.2f}" for value in table["rmse"]],
                "figure": table["certainty"].map(_short),
                "MAE, 95 %": [
                    f"{a:.1f} to {b:.1f}" for a, b in zip(table["low"], table["high"], strict=True)
                ],
                "RMSE / MAE": [f"{value:.2f}" for value in table["ratio"]],
                "note": table["note"],
            }
        )

    def forest(self) -> Figure:
        """Return all results with intervals, the constant and the floors."""
        rows = pd.concat(
            [
                self.papers.assign(marker=self.papers["certainty"]),
                self.code.assign(marker="code"),
            ],
            ignore_index=True,
        )
        ruled_out = set(self.consistency().query("`RMSE minus that` < 0")["result"])
        rows = rows.assign(possible=~rows["name"].isin(ruled_out))
        worst = literature.label_floor().iloc[0]
        clinician = literature.CLINICIAN_R
        lines = {
            "a constant": self.best_constant,
            f"error of the label, r = {worst['reliability']:.2f}": worst["mae"],
            f"a clinician's rating, r = {clinician:.2f}": literature.best_mae(clinician),
        }
        shown = figures.literature_forest(rows, lines=lines, without=claims.REPORTED)
        return figures.stated(shown, figures.PUBLISHED)

    def against_constant(self) -> Markdown:
        """Return which results have an interval that reaches the constant."""
        both = pd.concat([self.papers, self.code], ignore_index=True)
        above = both[both["mae"] >= self.best_constant]["name"]
        near = both[(both["mae"] < self.best_constant) & (both["high"] >= self.best_constant)]
        low, _ = constant.rmse_bounds(claims.BEST_CONSTANT)
        worse = both[both["rmse"] > constant.rmse_bounds(claims.BEST_CONSTANT)[1]]["name"]
        studies = int((claims.REPORTED["test_mae"] > self.best_constant).sum())
        return report.say(
            f"Of the {len(both)} results in the two tables, {len(above)} have an MAE of "
            f"{self.best_constant:.2f} or more, against {studies} of the {len(claims.REPORTED)} of "
            f"this study. {len(near)} lie below it by less than their interval: "
            f"{report.listed(list(near['name']))}. By RMSE, where the constant has {low:.1f} or "
            f"more, it is better than: {report.listed(list(worse))}."
        )

    def pairs_sentence(self) -> Markdown:
        """Return how many pairs of papers differ by more than the interval of the difference."""
        sure = self.papers[self.papers["certainty"] != "M"]
        every, known = literature.pairs(self.papers), literature.pairs(sure)
        apart = known[known["told_apart"]]
        names = report.listed(
            [f"{a} and {b}" for a, b in zip(apart.first, apart.second, strict=True)]
        )
        return report.say(
            f"Of the {len(known)} pairs among the {len(sure)} papers whose figures were read or "
            f"come second hand, {len(apart)} {'differs' if len(apart) == 1 else 'differ'} by more "
            f"than the interval of the difference{f' ({names})' if 0 < len(apart) <= 4 else ''}; "
            f"with the commonly quoted figures it is {int(every['told_apart'].sum())} of "
            f"{len(every)}. Half the width of that interval is {known['half_width'].median():.1f} "
            f"points in the median, while the {len(sure)} papers span "
            f"{sure['mae'].max() - sure['mae'].min():.1f}."
        )

    def reruns(self) -> pd.DataFrame:
        """Return reported against re-run."""
        table = literature.reruns(literature.entries())
        return table.rename(columns={"half_width": "half width, 95 %"})

    def rerun_sentence(self) -> Markdown:
        """Return how far the re-runs lie above what they reproduce."""
        table = literature.reruns(literature.entries())
        wide = table[table["gap_in_widths"] > 1]
        best = self.code[self.code["rerun_of"] == ""]
        return report.say(
            f"{int((table['gap'] > 0).sum())} of {len(table)} re-runs have a higher MAE than what "
            f"they reproduce, by {table['gap'].min():.2f} to {table['gap'].max():.2f} points; "
            f"{len(wide)} of the gaps {'exceeds' if len(wide) == 1 else 'exceed'} the interval of "
            f"the difference. The {len(best)} other results of public code have no paper of their "
            f"own in the table; the median MAE of all {len(self.code)} is "
            f"{self.code['mae'].median():.2f}, that of the papers "
            f"{self.papers['mae'].median():.2f}."
        )

    def ratio_sentence(self) -> Markdown:
        """Return how RMSE / MAE of the results compares with that of normal errors."""
        low, high = literature.ratio_spread(rng=np.random.default_rng(SEED))
        both = pd.concat([self.papers, self.code], ignore_index=True)
        below, above = both[both["ratio"] < low], both[both["ratio"] > high]
        by_batch = {b: f"{literature.batch_averaged_ratio(b):.2f}" for b in (1, 2, 8, 32)}
        batches = report.listed([f"{value} for {b}" for b, value in by_batch.items()])
        outside = [
            f"{row['name']} ({row['ratio']:.2f})" for _, row in pd.concat([below, above]).iterrows()
        ]
        return report.say(
            f"Normal errors have a ratio of {np.sqrt(np.pi / 2):.2f}, and {low:.2f} to {high:.2f} "
            f"in 95 % of samples of {claims.N_TEST}. An RMSE that is averaged over batches slides "
            f"towards the MAE: with normal errors the ratio is {batches} recordings a batch. "
            f"{len(below)} of {len(both)} results lie below the range and {len(above)} above it: "
            f"{report.listed(outside)}. A ratio alone proves nothing, since errors need not be "
            "normal."
        )

    def consistency(self) -> pd.DataFrame:
        """Return, of results with a PCC, the RMSE beside the smallest that the PCC allows."""
        table = literature.entries()
        table = table[table["pcc"].notna()].reset_index(drop=True)
        smallest_sd, half = constant.label_sd()[0], constant.HALF_A_DIGIT
        bound = literature.smallest_rmse(np.minimum(table["pcc"].abs() + half, 1), smallest_sd)
        return pd.DataFrame(
            {
                "result": table["name"],
                "MAE": table["mae"],
                "RMSE": table["rmse"],
                "PCC": table["pcc"],
                "RMSE at least": bound,
                "RMSE minus that": table["rmse"] + half - bound,
            }
        )

    def consistency_sentence(self) -> Markdown:
        """Return which results no predictor of these labels can have."""
        table = self.consistency()
        wrong = table[table["RMSE minus that"] < 0].sort_values("RMSE minus that")
        if wrong.empty:
            return report.say(f"All {len(table)} are possible.")
        listed = [f"{row['result']} ({row['RMSE minus that']:+.2f})" for _, row in wrong.iterrows()]
        return report.say(
            f"{len(wrong)} of {len(table)} lie below the bound: {report.listed(listed)}. Such a "
            "figure is not the RMSE of these predictions on all of these labels."
        )

    def floors(self) -> pd.DataFrame:
        """Return the label's error by reliability, and how many papers lie below its MAE."""
        table = literature.label_floor()
        below = [int((self.papers["mae"] < mae).sum()) for mae in table["mae"]]
        return pd.DataFrame(
            {
                "retest reliability": table["reliability"],
                "where from": table["where_from"],
                "standard error, points": table["standard_error"],
                "MAE from it alone, points": table["mae"],
                f"papers below, of {len(self.papers)}": below,
            }
        )

    def ceiling_sentence(self) -> Markdown:
        """Return what a perfect knowledge of the clinician's rating would score."""
        r = literature.CLINICIAN_R
        mae, rmse = literature.best_mae(r), float(literature.smallest_rmse(r))
        sure, best = self.papers[self.papers["certainty"] != "M"], self.papers.iloc[0]
        implied = [float(literature.implied_correlation(one)) for one in (GOOD_RMSE, best["rmse"])]
        closer = "more" if implied[1] > r else "not more"
        return report.say(
            f"Perfect knowledge of the Hamilton interview, which correlates {r:.2f} with BDI-II, "
            f"would score an RMSE of {rmse:.2f} and, with normal errors, an MAE of {mae:.2f}. Of "
            f"{len(sure)} papers, those that are only commonly quoted left out, "
            f"{int((sure['rmse'] < rmse).sum())} have a lower RMSE and "
            f"{int((sure['mae'] < mae).sum())} a lower MAE. An RMSE of {GOOD_RMSE} implies a "
            f"correlation of at least {implied[0]:.2f} with the questionnaire, that of "
            f"{best['name']} one of {implied[1]:.2f}: {closer} than the interview has."
        )

    def mcid(self) -> pd.DataFrame:
        """Return the smallest difference that matters to patients, in points, by baseline."""
        table = constant.band_sums()
        baselines = [("all Test labels", table["total"].sum() / claims.N_TEST)]
        baselines += list(zip(table["band"], table["total"] / table["count"], strict=True))
        rows = [(name, mean, MCID_SHARE * mean) for name, mean in baselines]
        return pd.DataFrame(rows, columns=["baseline", "mean BDI-II", "difference, points"])

    def closing(self) -> Markdown:
        """Return what can be told apart: results from the constant, and papers from each other."""
        below = int((self.papers["high"] < self.best_constant).sum())
        every = literature.pairs(self.papers)
        share = every["told_apart"].mean()
        order = "little of an order among them" if share < 0.5 else "an order among most of them"
        return report.say(
            f"A figure on {claims.N_TEST} recordings can tell a model from a constant: {below} of "
            f"{len(self.papers)} papers, the commonly quoted ones included, differ from it by more "
            f"than their interval. It shows {order}: {100 * share:.0f} % of the pairs differ by "
            "more than theirs."
        )
