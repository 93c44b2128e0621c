"""Compute ``results/order/`` and ``results/population/``: what every predictor said.

    python bench/order_map/sweep.py

Some three hours of a core for the map of order, and three for what is rendered; it can be stopped
at any time, and goes on from its tables. A row whose key is not that of the present code is
computed again. The chapters *When order matters* and *Results* read the tables.
"""

from itertools import product
from typing import Any, get_args

import cells
import rendered
import tables
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from deplib import results
from deplib.scaling import Scaling

SIZES = (50, 150, 500, 1500)
COHORTS = (0, 1, 2)
SEEDS = (0, 1)


def order_map() -> list[cells.Run]:
    """Return the runs of the map, so ordered that a part of them is already a picture.

    Pace at shares 0 and 1, what other inputs do there, stroke, then pace at the shares between. In
    each, small Train sets come first. Of a mean over time nothing is left when recordings are
    z-scored, so TemporalMeanMLP sees inputs that are not.
    """
    shallow, convolutions = cells.SHALLOW[:-1], cells.CONVOLUTIONS
    own: dict[str, Scaling] = dict.fromkeys((*shallow, "TemporalMeanMLP"), "none")
    learn = [*cells.NETWORKS, convolutions]
    main = [(own.get(name, "z-scored"), name, 0) for name in (*shallow, *learn)]
    main += [(own.get(name, "z-scored"), name, seed) for seed in SEEDS[1:] for name in learn]
    other = [(scaling, name, 0) for scaling in get_args(Scaling)[:2] for name in learn]
    stages = (
        ("pace", (0.0, 1.0), SIZES, main),
        ("pace", (0.0, 1.0), (500,), other),
        ("stroke", (1.0,), SIZES, main),
        ("pace", (0.5,), SIZES, main),
        ("pace", (0.25, 0.75), SIZES, main),
    )
    runs = [
        cells.Run(movement, share, n_train, cohort, *which)
        for movement, shares, sizes, predictors in stages
        for n_train, cohort, share in product(sizes, COHORTS, shares)
        for which in predictors
    ]
    return list(dict.fromkeys(runs))


def population() -> list[list[rendered.Run]]:
    """Return the runs on rendered faces, part by part: the four models in three cohorts first."""
    levels = [
        _rendered(world, rendered.N_TRAIN, cohort, "identity")
        for cohort, world in product(COHORTS, ("published", "default"))
    ]
    paced = [
        _rendered("pace", n_train, 0, features)
        for features, n_train in product(rendered.ENCODERS, SIZES[:3])
    ]
    affect = [_affect(cohort) for cohort in COHORTS]
    null = [_rendered("null", rendered.N_TRAIN, 0, features) for features in rendered.ENCODERS]
    return [*levels, *paced, *affect, *tuning(), *null]


def _rendered(world: str, n_train: int, cohort: int, features: str) -> list[rendered.Run]:
    """Return the runs of a cell: models as the report has them, then z-scored in recordings."""
    where = (world, n_train, cohort, features)
    usual = "raw" if world in rendered.LEVELS else "none"
    mean, *temporal = rendered.NETWORKS  # z-scored, a mean over time has nothing left
    inputs = [(usual, name, seed) for seed in SEEDS for name in (mean, *temporal)]
    inputs += [("z-scored", name, SEEDS[0]) for name in temporal]
    if world not in rendered.LEVELS:
        inputs += [("z-scored", name, seed) for seed in SEEDS[1:] for name in temporal]
    # What knows order by hand takes a recording for one window, as those of pace are.
    shallow = rendered.SHALLOW[: -1 if world in rendered.LEVELS else None]
    return [rendered.Run(*where, "raw", name) for name in shallow] + [
        rendered.Run(*where, *which) for which in inputs
    ]


def _affect(cohort: int) -> list[rendered.Run]:
    """Return the runs on affect features; of z-scored frames also without their order.

    Attention that has no positions stands beside them: it can read no order.
    """
    where = ("published", rendered.N_TRAIN, cohort, "affect")
    best = ("VanillaTransformer", SEEDS[1])
    orders = [(name, SEEDS[0]) for name in rendered.NETWORKS[1:]] + [best]
    blind = [("AttentionMIL", seed) for seed in SEEDS]
    return [
        *_rendered(*where),
        *(rendered.Run(*where, "shuffled", *one) for one in orders),
        *(rendered.Run(*where, "z-scored", *one) for one in [best, *blind]),
    ]


def tuning() -> list[list[rendered.Run]]:
    """Return the runs that tell an architecture from its tuning, and from what it is given.

    Rate, scale and dropout vary together; whole recordings and the mean of the states, alone. What
    a mean over time sees is not z-scored, see above. Where order was found, a second seed and the
    other encoder.
    """
    mean, *temporal = rendered.NETWORKS
    settings = [*product((1e-4, 3e-4, 1e-3), (0.0, 0.3))]
    tried = [("raw", name, 0, *how) for name in (mean, *temporal) for how in settings]
    tried += [("raw", cells.MEAN_OF_STATES, 0)]
    scaled = [
        [("z-scored", name, seed, *how) for name in temporal for how in settings]
        + [("z-scored", cells.MEAN_OF_STATES, seed)]
        for seed in SEEDS
    ]
    # The Transformer has learned positions for 1,000 frames, no more.
    long = [name for name in temporal if name != "VanillaTransformer"]
    whole = [(inputs, name, 0, 0.0, 0.0, True) for name in long for inputs in ("raw", "z-scored")]

    def runs(world: str, n_train: int, features: str, chosen: list[Any]) -> list[rendered.Run]:
        return [rendered.Run(world, n_train, 0, features, *one) for one in chosen]

    sizes = product(SIZES[:2], rendered.ENCODERS)
    of_states = [("z-scored", cells.MEAN_OF_STATES, seed) for seed in SEEDS]
    return [
        *(runs("pace", n_train, features, of_states) for n_train, features in sizes),
        runs("pace", SIZES[2], "affect", [*tried, *scaled[0], *scaled[1]]),
        runs("pace", SIZES[2], "identity", [*scaled[0], *scaled[1]]),
        runs("published", rendered.N_TRAIN, "affect", [*tried, *scaled[0], *whole]),
    ]


def embed(runs: list[rendered.Run], jobs: int) -> None:
    """Render and embed what the runs need and the data folder lacks."""
    for world, cohort in dict.fromkeys((run.world, run.cohort) for run in runs):
        missing = rendered.not_embedded(world, cohort)
        calls = [delayed(rendered.embed)(world, cohort, name) for name in missing]
        done = Parallel(n_jobs=jobs, return_as="generator_unordered")(calls)
        list(tqdm(done, total=len(missing), desc=f"frames of {world} {cohort}", unit="clip"))


def main() -> None:
    """Complete both studies, the cheaper first."""
    jobs = cpu_count()
    tables.complete(cells, order_map(), results.folder() / "order", jobs=jobs)
    for runs in population():
        embed(runs, jobs)
        tables.complete(rendered, runs, results.folder() / "population", jobs=jobs)


if __name__ == "__main__":
    main()
