"""The licensed corpus AVEC2014: which clips, splits and labels a folder of it holds.

Two layouts are understood, and mixtures of them: the official one
(``AVEC2014_AudioVisual/Video/Training/Freeform/...`` with ``Final_Labels`` and
``AVEC2014_Labels_Testset``) and the common re-packing (``train/Freeform/...`` with
``label/DepressionLabels``). A recording is a folder named like ``203_1_Freeform_video_aligned``
that holds images numbered like ``frame_det_00_000001.bmp`` or ``frame_000001.png``, or a video
``203_1_Freeform_video.mp4``, which needs an aligner; where there are both, the frames are used.
Its label is the one number in ``203_1_Depression.csv``, shared by both tasks.

The corpus, its labels and anything that reveals them stay with the licensee: nothing here copies
a label anywhere but into memory.
"""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from deplib.cohorts import images
from deplib.cohorts.base import BDI, SIMULATED_MARKER
from deplib.cohorts.images import shown
from deplib.cohorts.scan import Listing, of_tasks, problems
from deplib.errors import CohortError

_SPLITS = {"training": "train", "development": "dev", "testing": "test"}
_SPLITS |= {split: split for split in _SPLITS.values()}
_CLIP = r"(\d+_\d+)_(freeform|northwind)(?:_video)?"
_FOLDER = re.compile(_CLIP + "(?:_aligned)?", re.IGNORECASE)
_VIDEO = re.compile(_CLIP + r"\.(?:mp4|avi|mov|mkv)", re.IGNORECASE)
_LABEL = re.compile(r"(\d+_\d+)_(depression)\.csv", re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,3}(\.0*)?")
_KINDS = ["empty", "video", "frames"]  # of what is there of a recording, the last one is used
EXPECTED = "such as Training/Freeform/203_1_Freeform_video_aligned, and 203_1_Depression.csv"


def list_folder(root: Path, tasks: Collection[str] = ()) -> Listing:
    """List the clips of some tasks, or of all, below a folder of AVEC2014.

    Raises
    ------
    CohortError
        If there is no such folder or task, or a folder below it cannot be listed.
    """
    if not root.is_dir():
        raise CohortError(f"no folder or table {shown(root)}: give one that is there")
    entries = _walk(root)
    clips = entries[entries["kind"].isin(_KINDS) & (entries["session"] != "")]
    clips = _chosen(of_tasks(clips, tasks, root))
    labels = _labels(entries[entries["kind"] == "label"], clips)
    clips = clips.assign(
        bdi=clips["session"].map(labels.groupby("session")["bdi"].first()),
        person=[session.split("_")[0] for session in clips["session"]],
    )
    strange = entries[entries["session"] == ""].assign(recording="")
    simulated = (root / SIMULATED_MARKER).is_file()
    found = pd.concat([*_of_paths(strange, clips), *_of_labels(labels, clips)])
    name = "simulated/AVEC2014 layout" if simulated else "AVEC2014"
    return Listing(name, simulated, BDI, root, clips, found)


def _walk(root: Path) -> pd.DataFrame:
    """Return labels, clips and strange folders; the nearest folder that names a split tells it."""
    rows = []
    for kind, path, match in _named(root):
        session, task = (match[1], match[2].capitalize()) if match else ("", "")
        inside = path.relative_to(root)
        above = map(str.lower, inside.parts[-2::-1])
        split = next((_SPLITS[part] for part in above if part in _SPLITS), "")
        rows.append((f"{session}_{task}", session, task, split, kind, path, shown(inside)))
    columns = ["recording", "session", "task", "split", "kind", "path", "where"]
    return pd.DataFrame(rows, columns=columns)


def _named(root: Path) -> Iterator[tuple[str, Path, re.Match[str] | None]]:
    """Yield labels, clips by their kind, and with None folders whose images are of no recording."""
    for folder, files in _folders(root):
        for file in files:
            for kind, pattern in (("label", _LABEL), ("video", _VIDEO)):
                if match := pattern.fullmatch(file):
                    yield kind, folder / file, match
        own = _FOLDER.fullmatch(folder.name)
        if any(map(images.is_image, files)):
            yield "frames", folder, own or _FOLDER.fullmatch(folder.parent.name)
        elif own:
            yield "empty", folder, own


def _folders(folder: Path, above: frozenset[str] = frozenset()) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder and the names of its files; links are followed, but not in circles."""
    real = os.path.realpath(folder)
    if real not in above:
        _, below, files = next(os.walk(folder, onerror=images.unlisted))
        yield folder, sorted(files)
        for name in sorted(below):
            yield from _folders(folder / name, above | {real})


def _chosen(clips: pd.DataFrame) -> pd.DataFrame:
    """Keep one clip of those that are links to one place, and of a recording the best kind."""
    place = ["recording", "kind", "real"]
    clips = clips.assign(real=clips["path"].map(lambda path: Path(os.path.realpath(path))))
    clips = clips.drop_duplicates([*place, "split"])
    split = clips.groupby(place)["split"].transform("max")
    clips = clips[(clips["split"] != "") | (split == "")]
    rank = clips["kind"].map(_KINDS.index)
    return clips[rank == rank.groupby(clips["recording"]).transform("max")]


def _of_paths(strange: pd.DataFrame, clips: pd.DataFrame) -> Iterator[pd.DataFrame]:
    remedy = "name the folder PPP_S_Task_video_aligned if it is a recording"
    yield problems(strange, "images in a folder of no recording", remedy)
    splits = clips.groupby("session")["split"].transform("nunique")
    remedy = "keep it in its official split only"
    yield problems(clips[splits > 1], "its session is in several splits", remedy)
    remedy = "put it below train, dev or test"
    yield problems(clips[clips["split"] == ""], "no folder above names a split", remedy)


def _labels(labels: pd.DataFrame, clips: pd.DataFrame) -> pd.DataFrame:
    """Read label files: ``bdi``, or NaN and why, one row a file and recording that it concerns."""
    read = labels["path"].map(read_label)
    labels = labels.assign(bdi=read.str[0].astype(float), wrong=read.str[1])
    concerned = clips[["session", "recording"]].drop_duplicates()
    labels = labels.drop(columns="recording").merge(concerned, "left", "session")
    return labels.fillna({"recording": ""})


def _of_labels(labels: pd.DataFrame, clips: pd.DataFrame) -> Iterator[pd.DataFrame]:
    without = clips[~clips["session"].isin(labels["session"])]
    yield problems(without, "no label", "add the corpus's PPP_S_Depression.csv")
    for text, rows in labels.groupby("wrong"):
        yield problems(rows, str(text), "restore the file from the corpus")
    values = labels.groupby("session")["bdi"].transform("nunique")
    text = "label files of one session disagree"
    yield problems(labels[values > 1], text, "keep the corpus's own")
    sessions = {*labels["session"], *clips["session"]}
    for task, there in clips.groupby("task")["session"]:
        if 2 * there.nunique() >= len(sessions):
            names = [f"{session}_{task}" for session in sorted(sessions - set(there))]
            rows = pd.DataFrame({"recording": names, "where": ""})
            text = "neither frames nor a video, which most sessions of this task have"
            yield problems(rows, text, "add the clip, or go on without it")


def read_label(file: Path) -> tuple[float, str | None]:
    """Read the one number of a label file.

    Returns
    -------
    bdi : float
        BDI-II points from 0 to 63; NaN if the file cannot be read, or holds anything but one whole
        number of the scale.
    wrong : str or None
        Why it is NaN. Names neither the file, whose place the report states, nor its content.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig", errors="replace").strip()
    except OSError as error:
        return np.nan, f"the label file cannot be read ({error.strerror})"
    if not text:
        return np.nan, "the label file is empty"
    if not _WHOLE_NUMBER.fullmatch(text):
        rule = "digits only, without sign, exponent, decimal comma or heading"
        return np.nan, f"the label file does not hold one whole number: {rule}"
    if float(text) > BDI.high:
        return np.nan, f"the label is above {BDI.high:g}, where the {BDI.name} ends"
    return float(text), None
