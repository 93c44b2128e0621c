"""The page on ethics: what others published on bias and privacy, and what follows here."""

import pandas as pd
from IPython.display import Markdown

from deplib import claims, report
from deplib.chapters.cohort_card import skin_lightness
from deplib.cohorts.base import BANDS
from deplib.cohorts.simulated import SimulatedCohort
from deplib.literature import bias


def unequal_table() -> pd.DataFrame:
    """Return published figures on unequal errors, each with how sure it is."""
    return bias.unequal()


def verified_table() -> pd.DataFrame:
    """Return the published accuracy of four systems by group."""
    return bias.verified()


def inversion_sentence() -> Markdown:
    """Return how well a face can be rebuilt from its embedding, as published."""
    found = bias.INVERTED
    return report.say(
        f"Pictures that were rebuilt from embeddings alone passed for the person in "
        f"{found.same_picture:g} % of the trials against the very picture that the embedding "
        f"came from, and in {found.other_picture:g} % against another picture, at a rate of "
        f"false accepts of {found.false_accepts:g} % *(published: "
        f"{bias.READ[found.certainty]})*."
    )


def screening_sentence() -> Markdown:
    """Return what the error of the study's best model means for a person at a cut-off."""
    best = claims.REPORTED["test_mae"].min()
    name, low, high = BANDS[2]
    return report.say(
        f"The best Test MAE that the study reports is {best:.1f} points. The band *{name}* spans "
        f"{high - low + 1} scores, {low} to {high}: an average error can move a person across a "
        "whole band. *(as reported)*"
    )


def no_group_sentence(cohort: SimulatedCohort) -> Markdown:
    """Return what the simulated persons have in the place of groups."""
    lightness = skin_lightness(cohort)
    return report.say(
        f"The {len(lightness)} simulated persons have a colour of skin, drawn evenly from a "
        f"palette (lightness {lightness.min():.0f} to {lightness.max():.0f} on the scale of CIELAB "
        "from 0 to 100), and no age, sex, origin or culture. None of it acts on behaviour or "
        "score. So a difference between groups can neither be found nor ruled out here."
    )
