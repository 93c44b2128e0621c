"""The licensed corpus AVEC2014: which clips, splits and labels a folder of it holds.

Layouts are understood, and mixtures of them: the official one
(``AVEC2014_AudioVisual/Video/Training/Freeform/...`` with ``Final_Labels`` and
``AVEC2014_Labels_Testset``), the common re-packing (``train/Freeform/...`` with
``label/DepressionLabels``), and plainer ones (``validate/203_1/*.jpg``, or clips in one folder
where the labels' folders name the splits). A recording is a folder named like
``203_1_Freeform_video_aligned`` that holds images numbered like ``frame_det_00_000001.bmp`` or
``frame_000001.png``, or a video ``203_1_Freeform_video.mp4``, which needs an aligner; where there
are both, the frames are used. Its label is the one number in ``203_1_Depression.csv``, shared by
both tasks. What is named otherwise is told.

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
from deplib.cohorts.base import BDI, SIMULATED_MARKER, SPLIT_NAMES
from deplib.cohorts.images import shown
from deplib.cohorts.scan import Listing, has_images, is_film, of_tasks, problems, text_of
from deplib.errors import CohortError

_TASK = "freeform|northwind"
_CLIP = rf"(\d+_\d+)(?:_({_TASK}))?(?:_video)?"
_FOLDER = re.compile(_CLIP + "(?:_aligned)?", re.IGNORECASE)
_VIDEO = re.compile(_CLIP + r"\.(?:mp4|m4v|avi|mov|mkv|webm)", re.IGNORECASE)
_LABEL = re.compile(r"(\d+_\d+)_(depression)\.csv", re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,3}(\.0*)?")
_KINDS = ["empty", "video", "frames"]  # of what is there of a recording, the last one is used
EXPECTED = "clips as Training/Freeform/203_1_Freeform_video_aligned with 203_1_Depression.csv"


def list_folder(root: Path, tasks: Collection[str] = ()) -> Listing:
    """List the clips of some tasks, or of all, below a folder of AVEC2014.

    Raises
    ------
    CohortError
        If there is no such folder or task, or a folder below it cannot be listed.
    """
    if not root.is_dir():
        raise CohortError(f"no folder or table {shown(root)}: give one that is there")
    entries, notes = _walk(root)
    named = entries["session"] != ""
    unnamed, labels = entries[~named].assign(recording=""), entries[entries["kind"] == "label"]
    clips = entries[named & entries["kind"].isin(_KINDS)]
    alone = labels[~labels["session"].isin(clips["session"])]
    clips = _chosen(of_tasks(clips, tasks, root))
    labels = _labels(labels, clips)
    of_label = clips["session"].map(labels.groupby("session")["split"].max()).fillna("")
    clips = clips.assign(
        bdi=clips["session"].map(labels.groupby("session")["bdi"].first()),
        person=[session.split("_")[0] for session in clips["session"]],
        split=clips["split"].where(clips["split"] != "", of_label),
    )
    simulated = (root / SIMULATED_MARKER).is_file()
    found = pd.concat([*_of_paths(unnamed, clips), *_of_labels(labels, clips, alone)])
    name = "simulated/AVEC2014 layout" if simulated else "AVEC2014"
    return Listing(name, simulated, BDI, root, clips, found, tuple(notes))


def _walk(root: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return labels, clips and what is named like neither, and folders that cannot be listed.

    The nearest folder that names a split or a task tells it, unless the clip's own name does.
    """
    rows, notes = [], list[str]()
    for kind, path, match in _named(root, notes):
        inside = path.relative_to(root)
        above = [*map(str.lower, inside.parts[::-1])]
        tasks = [part for part in above if part in _TASK.split("|")] if match else []
        session, task = (match[1], match[2] or "".join(tasks[:1])) if match else ("", "")
        words = (set(re.split("[^a-z]+", part)) & set(SPLIT_NAMES) for part in above[1:])
        split = next((SPLIT_NAMES[named.pop()] for named in words if len(named) == 1), "")
        task, name = task.capitalize(), f"{session}_{task.capitalize()}".rstrip("_")
        rows.append((name, session, task, split, kind, path, shown(inside)))
    columns = ["recording", "session", "task", "split", "kind", "path", "where"]
    return pd.DataFrame(rows, columns=columns), notes


def _named(root: Path, notes: list[str]) -> Iterator[tuple[str, Path, re.Match[str] | None]]:
    """Yield labels and clips by their kind, and with None films and folders of no recording."""
    for folder, files, below in _folders(root, notes):
        for file in files:
            video, label = _VIDEO.fullmatch(file), _LABEL.fullmatch(file)
            if video or label or is_film(folder / file):
                kind = "video" if video else "label" if label else "a film"
                yield kind, folder / file, video or label
        own = _FOLDER.fullmatch(folder.name)
        if any(map(images.is_image, files)):
            yield "frames", folder, own or _FOLDER.fullmatch(folder.parent.name)
        elif has_images(folder):
            yield "images of no kind that is read", folder, None
        elif own and not below and not any(map(_VIDEO.fullmatch, files)):
            yield "empty", folder, own


def _folders(
    folder: Path, notes: list[str], above: frozenset[str] = frozenset()
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each folder, its files and folders; links are followed, but not in circles."""
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        _, below, files = next(os.walk(folder, onerror=images.unlisted))
    except CohortError as error:
        notes.append(str(error))
        return
    yield folder, sorted(files), below
    for name in sorted(below):
        yield from _folders(folder / name, notes, above | {real})


def _chosen(clips: pd.DataFrame) -> pd.DataFrame:
    """Keep one clip of those that are links to one place, and of a recording the best kind."""
    place = ["recording", "kind", "real"]
    clips = clips.assign(real=clips["path"].map(lambda path: Path(os.path.realpath(path))))
    clips = clips.drop_duplicates([*place, "split"])
    split = clips.groupby(place)["split"].transform("max")
    clips = clips[(clips["split"] != "") | (split == "")]
    rank = clips["kind"].map(_KINDS.index)
    return clips[rank == rank.groupby(clips["recording"]).transform("max")]


def _of_paths(unnamed: pd.DataFrame, clips: pd.DataFrame) -> Iterator[pd.DataFrame]:
    remedy = "name it as PPP_S_Task_video.mp4, converted if need be, or list it in a table"
    for kind, rows in unnamed.groupby("kind"):
        what = "images in a folder of no recording" if kind == "frames" else f"{kind}, not used"
        yield problems(rows, what, remedy)
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


def _of_labels(
    labels: pd.DataFrame, clips: pd.DataFrame, alone: pd.DataFrame
) -> Iterator[pd.DataFrame]:
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
            missed = sorted(sessions - set(there))
            names = [f"{session}_{task}".rstrip("_") for session in missed]
            rows = pd.DataFrame({"recording": names, "where": ""})
            text = "neither frames nor a video, which most sessions of this task have"
            yield problems(rows, text, "add the clip, or go on without it")
            alone = alone[~alone["session"].isin(missed)]
    yield problems(alone.assign(recording=""), "a label without a clip", "add the clip")


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
        text = text_of(file)
    except OSError as error:
        return np.nan, f"the label file cannot be read ({error.strerror})"
    lines = list(filter(None, (line.strip("\t \u00a0\"';,") for line in text.splitlines())))
    if len(lines) == 2 and not re.search(r"\d", lines[0]):
        del lines[0]  # a heading
    if not lines:
        return np.nan, "the label file is empty"
    if len(lines) > 1 or not _WHOLE_NUMBER.fullmatch(text := lines[0]):
        rule = "digits only, without sign, exponent or decimal comma; a label withheld is none"
        return np.nan, f"the label file does not hold one whole number: {rule}"
    if float(text) > BDI.high:
        return np.nan, f"the label is above {BDI.high:g}, where the {BDI.name} ends"
    return float(text), None
