"""Give the versioned results the keys of code that was rewritten without changing a number.

    python bench/keys/restamp.py

Of every model and recipe whose key has changed, one seed is trained for two epochs (a baseline is
fitted whole). Where Dev MAE (of a baseline: the predictions) is further than
``deplib.metrics.MAE_TOLERANCE`` from what is versioned, nothing is written: then `make sweep`.
Of runs in 8 bits the training is tried and not the rounding; where that alone has changed, the
script refuses. Of choosing on Dev, the protocol's setting is trained again on one cohort of each
scenario; of pretraining, one seed is pretrained whole; of the map of order and the population, one
small run of each predictor. What is fresh is not tried.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from deplib import results, study
from deplib.extraction import embedded_encoder
from deplib.metrics import MAE_TOLERANCE
from deplib.protocol import Protocol

sys.path += [str(Path(__file__).parents[1] / n) for n in ("choosing", "order_map", "pretraining")]
import candidates
import cells
import choosing
import drawing
import pretrained_runs
import pretraining
import rendered
import surrogate
import sweep
import tables

WORLDS = (*study.WORLDS, "small")


def difference(one: results.Result) -> float:
    """Train a run shortly, and return how far it is from what is versioned, in points."""
    spec = replace(one.spec, precision="float32")
    inputs = study.Inputs(study.open_cohort(spec.world), embedded_encoder())
    again = study.run(spec, inputs.windows(spec), "a trial", protocol=Protocol(epochs=2))
    if len(again.history):
        return (again.history["dev_mae"] - one.history["dev_mae"][:2]).abs().max()
    return (again.predictions["y_hat"] - one.predictions["y_hat"]).abs().mean() * one.label_std


def stamp_selection() -> None:
    """Try the first cohort of each scenario, and stamp the tables of choosing on Dev."""
    folder = results.folder() / "selection"
    fresh = {name: choosing.key(name, folder) for name in drawing.SCENARIOS}
    if choosing.keys_in(folder) == fresh:
        return
    fitted = surrogate.Surrogate.load(folder / choosing.SURROGATE)
    whole = {name: pd.read_parquet(folder / f"{name}.parquet") for name in choosing.TABLES}
    stored = whole["choices"].query("cohort == 0 and rule == 'last epoch'").set_index("scenario")
    for scenario in drawing.SCENARIOS:
        cohort = drawing.draw(scenario, 0, fitted)
        again = candidates.courses(cohort, seed=0, settings=candidates.SETTINGS[:1], n_seeds=1)
        apart = abs(again["test_mae"][0, -1] - stored.loc[scenario, "test_mae"])
        require_same(f"choosing on Dev, {scenario}", apart)
    for name, table in whole.items():
        results.write_table(table, folder / f"{name}.parquet", keys=json.dumps(fresh))


def stamp_pretraining() -> None:
    """Pretrain one seed, train it shortly, and stamp the tables of pretraining."""
    root, world = results.folder() / "pretraining", pretrained_runs.WORLD
    done = results.read_all(world, root=root)
    if all(one.key == pretrained_runs.key(one.spec) for one in done):
        return
    spec, stored = done[0].spec, done[0].history["dev_mae"][:2]
    windows = study.Inputs(study.open_cohort(world), embedded_encoder()).windows(spec)
    given = {"seed": spec.seed, "unlabelled": pretraining.unlabelled(world, spec.features)}
    again = pretraining.pretrained(spec.model, windows, Protocol(epochs=2), **given)
    require_same(spec.name, (again.history["dev_mae"] - stored).abs().max())
    fresh = [replace(one, key=pretrained_runs.key(one.spec)) for one in done]
    results.merge(world, fresh, root=root)


def stamp_answers(of: ModuleType, folder: Path) -> None:
    """Do the first run of each predictor again, and stamp the tables of a study."""
    runs = pd.read_parquet(folder / "runs.parquet")
    keys = [of.key(run) for run in tables.runs_in(of, runs)]
    stale = runs[runs["key"] != keys]
    tried = stale.groupby("predictor").head(1)  # of the smallest Train set
    if of is rendered:
        sweep.embed(tables.runs_in(of, tried), jobs=2)
    for run, said in zip(tables.runs_in(of, tried), tried["bdi_hat"], strict=True):
        again = of.answers(run)[0][of.evaluated(run)["recording"]]
        require_same(f"{folder.name}: {run}", np.abs(again.to_numpy() - said / 100).mean())
    if len(stale):
        results.write_table(runs.assign(key=keys), folder / "runs.parquet")


def require_same(name: str, apart: float) -> None:
    """Stop where a training is further from what is versioned than another processor's."""
    if not apart < MAE_TOLERANCE:
        raise SystemExit(f"{name}: {apart:.3f} points apart: run `make sweep`")
    print(f"{name}: {apart:.6f} points apart")


def main() -> None:
    """Try what is stale, and stamp all of a study or nothing."""
    every = [one for world in WORLDS for one in results.read_all(world)]
    stale = [one for one in every if one.key != results.versioned_key(one.spec)]
    plain = {one.spec for one in stale if one.spec.precision == "float32"}
    tried = {(one.spec.model, one.spec.recipe): one for one in reversed(stale)}
    for one in tried.values():
        if replace(one.spec, precision="float32") not in plain:
            raise SystemExit(
                f"{one.spec.name}: what rounds to 8 bits has changed: run `make sweep`"
            )
        require_same(one.spec.name, difference(one))
    for world in WORLDS:
        here = [one for one in every if one.spec.world == world]
        results.merge(world, [replace(one, key=results.versioned_key(one.spec)) for one in here])
    stamp_selection()
    stamp_pretraining()
    for of, folder in ((cells, "order"), (rendered, "population")):
        stamp_answers(of, results.folder() / folder)


if __name__ == "__main__":
    main()
