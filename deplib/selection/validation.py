"""How the surrogate compares with the rendered cohort of the report, which it was not fitted to.

Features are drawn anew for the very persons, latents, labels and clip lengths of that cohort, so
what differs is the surrogate and its noise. Each measure of the rendered cohort should lie within
the range of the same measure over the draws.
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deplib import baselines, study
from deplib.cohorts.simulated import LATENT_NAMES
from deplib.extraction.encoders.encoder import embedded_encoder
from deplib.metrics import mae, pcc
from deplib.protocol import Protocol
from deplib.results import RunSpec
from deplib.selection.cohorts import FeatureCohort
from deplib.selection.courses import SETTINGS, Candidate, predictions, score
from deplib.selection.rules import stopped
from deplib.selection.surrogate import Surrogate

WORLD = "default"
N_DRAWS = 40
SEED = 11


def compare_with_report(surrogate: Surrogate, *, jobs: int = 2) -> pd.DataFrame:
    """Compare the surrogate with the rendered cohort; its features are extracted if need be."""
    cohort = study.open_cohort(WORLD)
    store, recordings = study.prepare_features(cohort, embedded_encoder(), jobs=jobs)
    windows = study.load_windows(recordings, store, RunSpec("", world=WORLD))
    code, found = pd.factorize(windows.index["recording"])
    names = list(found)
    table = recordings.set_index("recording").loc[names].reset_index()
    means = np.stack(
        [x[m].mean(axis=0) for x, m in zip(windows.features, windows.mask, strict=True)]
    )
    latents = cohort.truth.set_index("recording").loc[names, list(LATENT_NAMES)].to_numpy()
    rendered = FeatureCohort(table, means.astype(np.float32), code)
    return compare(surrogate, rendered, latents)


def compare(
    surrogate: Surrogate, rendered: FeatureCohort, latents: np.ndarray, *, n_draws: int = N_DRAWS
) -> pd.DataFrame:
    """Set every measure of a rendered cohort beside its distribution over draws.

    Parameters
    ----------
    surrogate
        What draws.
    rendered
        Window means of rendered recordings; ``recordings`` has ``n_frames`` too.
    latents
        (n_recordings, n_latents), the truth behind them.
    n_draws
        Draws of features.

    Returns
    -------
    DataFrame
        ``measure``, ``rendered``, and ``mean``, ``low`` and ``high`` (2.5 and 97.5 %) over draws.
    """
    protocol = Protocol()
    table = rendered.recordings
    n_frames = np.minimum(table["n_frames"].to_numpy(), protocol.sequence_length)
    rows = []
    for stream in np.random.SeedSequence(SEED).spawn(n_draws):
        features, recording = surrogate.draw(
            latents,
            table["person"].to_numpy(str),
            n_frames,
            window_length=protocol.window_length,
            rng=np.random.default_rng(stream),
        )
        rows.append(measures(FeatureCohort(table, features, recording), latents))
    draws = pd.DataFrame(rows)
    low, high = np.nanpercentile(draws, [2.5, 97.5], axis=0)
    return pd.DataFrame(
        {
            "measure": draws.columns,
            "rendered": list(measures(rendered, latents).values()),
            "mean": draws.mean().to_numpy(),
            "low": low,
            "high": high,
        }
    )


def measures(cohort: FeatureCohort, latents: np.ndarray) -> dict[str, float]:
    """Return what a cohort's features are like, and what can be learnt from them."""
    n = len(cohort.recordings)
    x = np.stack([cohort.features[cohort.recording == k].mean(axis=0) for k in range(n)])
    x = x.astype(float)
    person = cohort.recordings["person"].to_numpy(str)
    spectrum = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
    total = spectrum.sum() / (n - 1)
    _, code, counts = np.unique(person, return_inverse=True, return_counts=True)
    of_person = np.stack([x[code == k].mean(axis=0) for k in range(len(counts))])
    within = np.square(x - of_person[code]).sum() / (n - len(counts))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    closeness = unit @ unit.T - 2 * np.eye(n)
    again = counts[code] > 1
    found = person[closeness.argmax(axis=1)] == person
    out = {
        "variance, sum over dimensions": total,
        "share of it in the first 10 directions": spectrum[:10].sum() / spectrum.sum(),
        "share of it in the first 50 directions": spectrum[:50].sum() / spectrum.sum(),
        "share of it within persons": within / total,
        "same person is the nearest other recording": found[again].mean(),
        "latents read from features, mean correlation": _latents_read(x, latents, person),
    }
    fitted = baselines.ridge(x, cohort.recordings.assign(recording=np.arange(n).astype(str)))
    for split in ("dev", "test"):
        part = fitted.predictions[fitted.predictions["split"] == split]
        out[f"ridge, {split.title()} MAE"] = mae(part["bdi"], part["bdi_hat"])
        out[f"ridge, {split.title()} PCC"] = pcc(part["bdi"], part["bdi_hat"])
    for split, scores in _protocol(cohort).items():
        out[f"TemporalMeanMLP, {split.title()} MAE"] = scores["mae"]
        out[f"TemporalMeanMLP, {split.title()} PCC"] = scores["pcc"]
    return {name: float(value) for name, value in out.items()}


def _latents_read(x: np.ndarray, latents: np.ndarray, person: np.ndarray) -> float:
    """Return how well ridge predicts the latents of new persons: mean correlation."""
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 5, 11)))
    guess = cross_val_predict(model, x, latents, groups=person, cv=GroupKFold(5))
    return float(np.mean([pcc(*pair) for pair in zip(latents.T, guess.T, strict=True)]))


def _protocol(cohort: FeatureCohort) -> dict[str, dict[str, float]]:
    """Return the scores of the protocol's training at one seed, its epoch chosen on Dev."""
    bdi = cohort.recordings["bdi"].to_numpy()
    rows = {split: cohort.rows(split) for split in ("dev", "test")}
    held_out = np.sort(np.concatenate(list(rows.values())))
    columns = {split: np.searchsorted(held_out, part) for split, part in rows.items()}
    alone = [Candidate(SETTINGS[0], 0)]
    epochs = predictions(cohort, cohort.rows("train"), held_out, alone, protocol=Protocol())
    y_hat = np.concatenate(list(epochs))  # (n_epochs, n_held_out)
    course = score(bdi[rows["dev"]], y_hat[:, columns["dev"]])["mae"]
    kept = y_hat[stopped(course, Protocol().patience)][None]
    return {
        split: {
            name: float(value[0])
            for name, value in score(bdi[part], kept[:, columns[split]]).items()
        }
        for split, part in rows.items()
    }
