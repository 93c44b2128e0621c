"""Compute ``results/pretraining/``: what MambaGRU predicts that saw video without labels first.

    python bench/pretraining/pretrained_runs.py

Hours of a core, most of them to render and embed; it can be stopped at any time, and goes on from
its tables, to which each finished run is added. They are those of ``deplib.results``; their keys
cover ``pretraining.py`` too. The chapter *The study's advice* compares them with the same model
without pretraining.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pretraining
from joblib import cpu_count, delayed
from tqdm import tqdm

from deplib import results, study
from deplib.extraction import embedded_encoder
from deplib.keys import code_of
from deplib.protocol import Protocol
from deplib.results import Result, RunSpec
from deplib.study.runs import in_processes
from deplib.windows import WindowSet

WORLD = "published"  # where the link is strong, pretraining would help first
RUNS = [RunSpec("MambaGRU", s, WORLD, features="affect", recipe="pretrained") for s in range(5)]


def complete(runs: Sequence[RunSpec], root: Path, *, jobs: int) -> None:
    """Compute the runs, of one world and features, that the tables lack or have of other code.

    Raises
    ------
    ResultError
        If a file cannot be written.
    """
    keys = {spec: key(spec) for spec in runs}
    held = results.holding(WORLD, keys, root=root)
    missing = [spec for spec in runs if spec not in held]
    if not missing:
        return
    inputs = study.Inputs(study.open_cohort(WORLD), embedded_encoder(), jobs=jobs, progress=True)
    video = pretraining.unlabelled(WORLD, missing[0].features, jobs=jobs, progress=True)
    seen = inputs.windows(missing[0]), video
    done = in_processes(jobs, [delayed(run)(spec, keys[spec], *seen) for spec in missing])
    for result in tqdm(done, total=len(missing), desc="pretraining", unit="run"):
        results.merge(WORLD, [result], root=root)


def key(spec: RunSpec) -> str:
    """Return the hash of what determines a run: what does without pretraining, and its code."""
    plain = results.versioned_key(replace(spec, recipe=RunSpec.recipe))
    content = [plain, spec.recipe, code_of(Path(pretraining.__file__))]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def run(spec: RunSpec, its_key: str, windows: WindowSet, video: WindowSet) -> Result:
    """Pretrain and train one model, in one thread."""
    protocol = Protocol()
    done = pretraining.pretrained(spec.model, windows, protocol, seed=spec.seed, unlabelled=video)
    about = {name: value for name, value in vars(done).items() if name != "state_dict"}
    return Result(spec, its_key, chosen_by=protocol.chosen_by, **about)


if __name__ == "__main__":
    import pretrained_runs  # by this name a worker finds it, too

    pretrained_runs.complete(RUNS, results.folder() / "pretraining", jobs=cpu_count())
