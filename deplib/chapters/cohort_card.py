"""The cohort card: who is in the simulated cohort, what varies, what follows severity."""

from dataclasses import dataclass, fields

import cv2
import numpy as np
import pandas as pd
from IPython.display import Markdown

from deplib import evaluation, report
from deplib.chapters.cohort import FRAMES_PER_SECOND, band_of, person_overlap
from deplib.chapters.persons import AVEC_PERSONS, AVEC_TRAIN_DEV
from deplib.claims import N_TEST, TEST_BANDS
from deplib.cohorts.base import BANDS, SPLITS
from deplib.cohorts.simulated import LATENTS, SimulatedCohort
from deplib.cohorts.simulated.anatomy import Anatomy, anatomy_of
from deplib.cohorts.simulated.channels import CHANNELS
from deplib.cohorts.simulated.labels import CLIP_LENGTHS, PERSON_SHARE, RELIABILITY
from deplib.cohorts.simulated.scene import Scene
from deplib.literature import CERTAINTY
from deplib.statistics import critical_r


@dataclass(frozen=True)
class Fact:
    """What is published about AVEC2014, and how sure it is."""

    what: str
    value: str
    certainty: str  # one of ``deplib.literature.CERTAINTY``
    source: str


AVEC2014 = (
    Fact("recordings a split", f"{N_TEST}, each with two tasks", "V", "public READMEs"),
    Fact("persons", str(AVEC_PERSONS), "S", "another project's count"),
    Fact("persons in Train and Dev", str(AVEC_TRAIN_DEV), "V", "public README"),
    Fact("how it is split", "by recording, not by person", "V", "file names in a public README"),
    Fact(
        "frames of a clip, lowest, median, highest",
        ", ".join(f"{CLIP_LENGTHS[k][1]:,}" for k in (0, 2, -1)),
        "V",
        "zhen-gitch/STC",
    ),
    Fact(
        "Test scores by band",
        ", ".join(f"{100 * r['share']:.0f} % {r['band']}" for r in TEST_BANDS.to_dict("records")),
        "V",
        "umayrah-mm/Depression-Severity-Estimation",
    ),
)
"""Statistics alone; no recording and no single label is known here."""


def composition(cohort: SimulatedCohort) -> pd.DataFrame:
    """Return one row a split and one of all: recordings, persons, scores by band, frames."""
    table = cohort.recordings
    parts = [(split.title(), table[table["split"] == split]) for split in SPLITS]
    rows = []
    for name, part in [*parts, ("all", table)]:
        bands = band_of(part["bdi"]).value_counts()
        rows.append(
            {"split": name, "recordings": len(part), "persons": part["person"].nunique()}
            | {band: int(bands[band]) for band, *_ in BANDS}
            | {
                "mean BDI-II": f"{part['bdi'].mean():.1f}",
                "median minutes": f"{part['n_frames'].median() / FRAMES_PER_SECOND / 60:.1f}",
            }
        )
    return pd.DataFrame(rows)


def sessions_sentence(cohort: SimulatedCohort) -> Markdown:
    """Return how often persons return, and what of their severity stays."""
    sessions = cohort.recordings["person"].value_counts()
    overlap = person_overlap(cohort.recordings)
    tasks = report.listed(sorted(cohort.recordings["task"].unique()))
    return report.say(
        f"{overlap.n_persons} persons were drawn, {int((sessions == 1).sum())} of them with one "
        f"session and nobody with more than {sessions.max()}; "
        f"{overlap.test_recordings_seen} of {overlap.test_recordings} Test recordings show a "
        f"person of Train or Dev. The only task is *{tasks}*. A person keeps "
        f"{100 * PERSON_SHARE:.0f} % of the variance of severity from session to session (an "
        f"assumption), and a score has a reliability of {RELIABILITY:g} (published)."
    )


def varied() -> pd.DataFrame:
    """Return what the renderer varies, as its own parameters name it, and what it follows."""
    appearance = [field.name for field in fields(Anatomy) if field.name != "seed"]
    scene = [field.name for field in fields(Scene) if field.name != "noise_seed"]
    return pd.DataFrame(
        [
            ("the person's head", "person", appearance),
            ("room, clothes, seat, camera", "session", scene),
            ("motion, light and alignment", "frame", list(CHANNELS)),
        ],
        columns=["what", "drawn by", "parameters"],
    ).assign(
        number=lambda t: t["parameters"].map(len),
        parameters=lambda t: t["parameters"].map(lambda names: ", ".join(names).replace("_", " ")),
    )


def behaviour_sentence(cohort: SimulatedCohort) -> Markdown:
    """Return which latents follow severity, which do not, and what never does."""
    less = [x.meaning for x in LATENTS if x.correlation < 0]
    more = [x.meaning for x in LATENTS if x.correlation > 0]
    none = [x.meaning for x in LATENTS if x.correlation == 0]
    return report.say(
        f"With severity fall: {'; '.join(less)}. With it rise: {'; '.join(more)}. Drawn without "
        f"regard to it: {'; '.join(none)}. The world `{cohort.world.name}` multiplies the assumed "
        f"correlations by {cohort.world.gain:g}."
    )


def skin_lightness(cohort: SimulatedCohort) -> pd.Series:
    """Return the lightness of each person's skin, CIELAB's L* from 0 to 100, by person."""
    first = cohort.recordings.drop_duplicates("person").set_index("person")["recording"]
    skins = np.array([anatomy_of(cohort.identity(name)).skin for name in first], np.float32)
    lab = cv2.cvtColor(np.clip(skins / 255, 0, 1)[None], cv2.COLOR_RGB2LAB)[0]
    return pd.Series(lab[:, 0].astype(float), index=first.index)


def skin_sentence(cohort: SimulatedCohort) -> Markdown:
    """Return the range of skin colours, and what of it goes with the score by chance."""
    lightness = skin_lightness(cohort)
    by_person = cohort.recordings.groupby("person")["bdi"].mean()
    r = float(np.corrcoef(lightness, by_person.loc[lightness.index])[0, 1])
    limit = critical_r(len(lightness))
    beyond = "more than" if abs(r) > limit else "within what"
    low, middle, high = lightness.quantile([0.1, 0.5, 0.9])
    return report.say(
        f"Lightness of skin (CIELAB, 0 to 100) has the deciles {low:.0f} and {high:.0f} around a "
        f"median of {middle:.0f}. Nothing links it to the score; in this one draw of "
        f"{len(lightness)} persons its correlation with their mean score is {r:+.2f}, {beyond} "
        f"chance gives (up to {limit:.2f} in size, 95 %)."
    )


def chance_sentence(cohort: SimulatedCohort) -> Markdown:
    """Return what the best possible use of behaviour reaches in this draw."""
    test = evaluation.oracle(cohort)
    test = test[test["split"] == "test"]
    return report.say(
        f"On its {len(test)} Test recordings the oracle, which knows the true latents, has an MAE "
        f"of {evaluation.mae_of(test):.2f} points: no model of behaviour can be expected below."
    )


def published() -> pd.DataFrame:
    """Return what is known of AVEC2014 without it, each with its source."""
    return pd.DataFrame(
        {
            "AVEC2014": fact.what,
            "published": fact.value,
            "read": CERTAINTY[fact.certainty],
            "where": fact.source,
        }
        for fact in AVEC2014
    )
