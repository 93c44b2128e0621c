"""``results/selection/``: the surrogate, and what each rule chose on every cohort of a scenario.

Each file carries a key over the code and settings that made it; one that no longer fits is refused.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deplib import versioned
from deplib.errors import ResultError
from deplib.extraction.encoders.encoder import embedded_encoder
from deplib.protocol import Protocol
from deplib.provenance import NO_NUMBERS, digest, source_digest
from deplib.selection.cohorts import scenario_named
from deplib.selection.surrogate import Surrogate

FORMAT = 1
N_COHORTS = 200
REMEDY = "run `make sweep`"
CARRIERS = ("deplib.models.registry", "deplib.selection")
"""Modules that only name others."""
SURROGATE = "surrogate.json"


@dataclass(frozen=True, eq=False)
class Selection:
    """What the rules chose in one scenario.

    Attributes
    ----------
    scenario, n_cohorts
        A name of ``deplib.selection.cohorts.SCENARIOS``, and how many cohorts were drawn.
    rules
        Rule -> one row a cohort: ``dev_mae``, ``dev_pcc``, ``test_mae``, ``test_pcc``,
        ``test_sigma_ratio``, ``epoch``.
    constant
        ``dev_mae``, ``test_mae`` of the Train median; one row a cohort.
    growth
        ``dev_mae``, ``test_mae``: (n_cohorts, n_candidates), see ``rules.Many.growth``.
    courses
        ``dev_mae``, ``test_mae``, ``dev_pcc``, ``test_pcc``: (n_settings, n_epochs), means over
        cohorts.
    """

    scenario: str
    rules: Mapping[str, pd.DataFrame]
    constant: pd.DataFrame
    growth: Mapping[str, np.ndarray]
    courses: Mapping[str, np.ndarray]

    @property
    def n_cohorts(self) -> int:
        """Number of cohorts."""
        return len(self.constant)

    def save(self, path: Path, *, key: str) -> None:
        """Write the file, whole or not at all.

        Raises
        ------
        ResultError
            If it cannot be written.
        """
        content = {
            "format": FORMAT,
            "key": key,
            "scenario": self.scenario,
            "constant": _columns(self.constant),
            "rules": {name: _columns(table) for name, table in self.rules.items()},
            "growth": {name: _rounded(array) for name, array in self.growth.items()},
            "courses": {name: _rounded(array) for name, array in self.courses.items()},
        }
        versioned.write_json(path, content)

    @classmethod
    def load(cls, path: Path, *, key: str) -> "Selection":
        """Read a file and check its key.

        Raises
        ------
        ResultError
            If it is missing, damaged or stale.
        """
        content = read(path, key=key)
        try:
            return cls(
                scenario=content["scenario"],
                rules={n: pd.DataFrame(t, dtype=float) for n, t in content["rules"].items()},
                constant=pd.DataFrame(content["constant"], dtype=float),
                growth={n: np.array(v, float) for n, v in content["growth"].items()},
                courses={n: np.array(v, float) for n, v in content["courses"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ResultError(f"{path} is no whole file ({error!r}); {REMEDY}") from error


def load(scenario: str, folder: Path | None = None) -> Selection:
    """Return the versioned file of one scenario.

    Raises
    ------
    ResultError
        If it, or the surrogate's, is missing, damaged or stale.
    """
    place = folder or default_folder()
    surrogate = load_surrogate(place)
    return Selection.load(place / f"{scenario}.json", key=rules_key(scenario, surrogate))


def load_surrogate(folder: Path | None = None) -> Surrogate:
    """Return the versioned surrogate.

    Raises
    ------
    ResultError
        If it is missing, damaged or stale.
    """
    path = (folder or default_folder()) / SURROGATE
    content = read(path, key=surrogate_key())
    return Surrogate.from_json(content["surrogate"])


def load_validation(folder: Path | None = None) -> pd.DataFrame:
    """Return how the surrogate compares with the rendered cohort, as ``validation.compare`` has it.

    Raises
    ------
    ResultError
        If the file is missing, damaged or stale, or holds no comparison.
    """
    path = (folder or default_folder()) / SURROGATE
    content = read(path, key=surrogate_key())
    if not content.get("validation"):
        raise ResultError(f"{path} holds no comparison with the rendered cohort; {REMEDY}")
    return pd.DataFrame(content["validation"])


def save_surrogate(surrogate: Surrogate, folder: Path, validation: pd.DataFrame | None) -> None:
    """Write the surrogate with how it compares with the rendered cohort.

    Raises
    ------
    ResultError
        If the file cannot be written.
    """
    rows = [] if validation is None else json.loads(validation.to_json(orient="records"))
    content = {"format": FORMAT, "key": surrogate_key(), "validation": rows}
    versioned.write_json(folder / SURROGATE, content | {"surrogate": surrogate.to_json()})


@cache
def surrogate_key() -> str:
    """Return the hash of what determines the surrogate."""
    source = source_digest("deplib.selection.calibration", without=(*NO_NUMBERS, *CARRIERS))
    return digest({"source": source, "protocol": Protocol(), "encoder": embedded_encoder().id})


def courses_key(scenario: str, surrogate: Surrogate) -> str:
    """Return the hash of what determines the courses of a scenario's cohorts."""
    return digest(
        {
            "source": _source("deplib.selection.courses"),
            "protocol": Protocol(),
            "scenario": asdict(scenario_named(scenario)),
            "surrogate": surrogate.to_json(),
        }
    )


def rules_key(scenario: str, surrogate: Surrogate, n_cohorts: int = N_COHORTS) -> str:
    """Return the hash of what determines a scenario's file."""
    source = _source("deplib.selection.rules")
    return digest([courses_key(scenario, surrogate), source, n_cohorts])


@cache
def _source(module: str) -> str:
    model = "deplib.models.mean_mlp"  # which is built by name
    return source_digest(module, model, without=(*NO_NUMBERS, *CARRIERS))


def default_folder() -> Path:
    """Return where the versioned files lie, in a checkout or in an installed package."""
    return versioned.folder() / "selection"


def read(path: Path, *, key: str) -> dict[str, Any]:
    """Read JSON of ``results/selection/``, and check its format and key.

    Raises
    ------
    ResultError
        If it is missing, damaged or stale.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}, this library reads {FORMAT}")
        theirs = str(content["key"])
    except FileNotFoundError:
        raise ResultError(f"{path} does not exist; {REMEDY}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultError(f"{path} is no whole file ({error}); {REMEDY}") from error
    if theirs != key:
        raise ResultError(
            f"{path} is stale: its key begins {theirs[:12]}, and the present code and settings "
            f"give {key[:12]}; {REMEDY}"
        )
    return content


def _columns(table: pd.DataFrame) -> dict[str, list[float | None]]:
    return {str(name): _rounded(column.to_numpy(float)) for name, column in table.items()}


def _rounded(array: np.ndarray) -> list[Any]:
    """Return numbers to three decimals as nested lists, nan as None."""
    rounded = np.round(np.asarray(array, dtype=float), 3).astype(object)
    rounded[~np.isfinite(array)] = None
    return rounded.tolist()
