"""The cohort chapter: faces, labels, persons, lengths, behaviour and the oracle."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from IPython.display import Markdown

from deplib import report
from deplib.claims import TEST_BANDS
from deplib.cohorts.base import BANDS, SPLITS
from deplib.cohorts.simulated import LATENTS, WORLDS, SimulatedCohort, oracle_error
from deplib.cohorts.simulated.channels import INDEX

FRAMES_PER_SECOND = 30
_SHOWN = ("smile", "head speed", "gaze_y", "blink", "jaw_open")


def sample_frames(
    cohort: SimulatedCohort, *, n_recordings: int, n_frames: int
) -> dict[str, np.ndarray]:
    """Return frames at equal steps through the clips of different persons, by a row label."""
    first = cohort.recordings.drop_duplicates("person")
    chosen = first.iloc[np.linspace(0, len(first) - 1, n_recordings).astype(int)]
    rows = {}
    for record in chosen.to_dict("records"):
        at = np.linspace(0, record["n_frames"] - 1, n_frames).astype(int)
        frames = [cohort.frames(record["recording"], k, k + 1)[0] for k in at]
        rows[f"{record['recording']}\nBDI-II {record['bdi']:.0f}"] = np.stack(frames)
    return rows


def band_of(bdi: pd.Series) -> pd.Series:
    """Return the severity band of each BDI-II score."""
    return pd.cut(bdi, [-1, *(high for _, _, high in BANDS)], labels=[name for name, *_ in BANDS])


def bands_sentence() -> Markdown:
    """Return the severity bands of BDI-II in points."""
    bands = [f"{name} ({low} to {high})" for name, low, high in BANDS]
    return report.say(f"The bands of BDI-II are {report.listed(bands)}.")


def band_shares(recordings: pd.DataFrame) -> pd.DataFrame:
    """Return the share of recordings in each band, by split, beside the published test split."""
    shares = {
        f"{split.title()}, simulated": band_of(
            recordings.loc[recordings["split"] == split, "bdi"]
        ).value_counts(normalize=True)
        for split in SPLITS
    }
    published = TEST_BANDS.set_index("band")["share"].rename("Test, AVEC2014 (published)")
    return pd.DataFrame(shares).join(published).loc[[name for name, *_ in BANDS]]


def label_summary(recordings: pd.DataFrame) -> pd.DataFrame:
    """Return recordings, persons, mean, SD and median of BDI-II a split."""
    return pd.DataFrame(
        [
            {
                "split": split,
                "recordings": len(group),
                "persons": group["person"].nunique(),
                "mean BDI-II": group["bdi"].mean(),
                "SD": group["bdi"].std(ddof=1),
                "median": group["bdi"].median(),
                "largest": group["bdi"].max(),
            }
            for split in SPLITS
            for group in [recordings[recordings["split"] == split]]
        ]
    )


@dataclass(frozen=True)
class PersonOverlap:
    """How far the splits share persons."""

    n_recordings: int
    n_persons: int
    test_recordings: int
    test_recordings_seen: int  # of persons who are in Train or Dev too


def person_overlap(recordings: pd.DataFrame) -> PersonOverlap:
    """Count the Test recordings whose person appears in Train or Dev."""
    test = recordings["split"] == "test"
    seen = set(recordings.loc[~test, "person"])
    return PersonOverlap(
        n_recordings=len(recordings),
        n_persons=recordings["person"].nunique(),
        test_recordings=int(test.sum()),
        test_recordings_seen=int(recordings.loc[test, "person"].isin(seen).sum()),
    )


def example_tracks(
    cohort: SimulatedCohort, *, seconds: int
) -> tuple[dict[str, pd.DataFrame], np.ndarray]:
    """Return the behaviour of the mildest and the most severe recording long enough to show."""
    n = seconds * FRAMES_PER_SECOND
    long = cohort.recordings[cohort.recordings["n_frames"] >= n].sort_values("bdi", kind="stable")
    tracks = {}
    for record in (long.iloc[0], long.iloc[-1]):
        track = cohort.trajectories(record["recording"])[:n]
        turn = np.hypot(*np.gradient(track[:, [INDEX["yaw"], INDEX["pitch"]]], axis=0).T)
        columns = {
            name: turn * FRAMES_PER_SECOND if name == "head speed" else track[:, INDEX[name]]
            for name in _SHOWN
        }
        title = f"{record['recording']}, BDI-II {record['bdi']:.0f}"
        tracks[title] = pd.DataFrame(columns).rename(columns={"head speed": "head speed deg/s"})
    return tracks, np.arange(n) / FRAMES_PER_SECOND


def latent_correlations(cohort: SimulatedCohort, *, n_population: int = 3000) -> pd.DataFrame:
    """Return each latent's correlation with BDI-II: assumed, scaled by gain, found.

    *Found* is measured on a population of ``n_population`` recordings from the same generator.
    """
    population = SimulatedCohort(cohort.world.name, seed=1, n_recordings=n_population)
    bdi = population.recordings["bdi"].to_numpy()
    return pd.DataFrame(
        [
            {
                "latent": latent.name,
                "meaning": latent.meaning,
                "assumed": latent.correlation,
                "set here": latent.correlation * cohort.world.gain,
                "found in a population": np.corrcoef(population.truth[latent.name], bdi)[0, 1],
                "found in this cohort": np.corrcoef(
                    cohort.truth[latent.name], cohort.recordings["bdi"]
                )[0, 1],
            }
            for latent in LATENTS
        ]
    )


def compare_worlds() -> pd.DataFrame:
    """Return what the oracle reaches in each world, over an endless population."""
    rows = []
    for world in WORLDS.values():
        oracle = oracle_error(world)
        rows.append(
            {
                "world": world.name,
                "gain": world.gain,
                "severity acts on behaviour": world.meaning,
                "oracle MAE": oracle.mae,
                "constant MAE": oracle.constant_mae,
                "oracle PCC": oracle.pcc if world.gain else np.nan,
                "oracle R2": oracle.r2,
            }
        )
    return pd.DataFrame(rows)
