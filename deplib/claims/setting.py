"""Motivation, problem and protocol: clips, persons, scale, encoder, batch, settings tried."""

from deplib.claims.arithmetic import can_be
from deplib.claims.entry import CODE, PUBLISHED, Finding, claim
from deplib.claims.evidence import Evidence
from deplib.cost.ways import LENGTHS
from deplib.models import MODELS
from deplib.protocol import Protocol

GB = 1e9 / 2**20
"""MiB in a GB, the unit of data sheets."""


@claim(line=12, says="Clips are long: 1000 to 2000 frames", rests_on=PUBLISHED)
def clips_are_long(evidence: Evidence) -> Finding:
    """Set the range beside the quartiles of all clips."""
    low, high = evidence.study.long_sequences
    q25, median, q75 = evidence.published.clip_quartiles
    return Finding(
        f"the middle half of AVEC2014's clips has {q25} to {q75} frames, the median {median}",
        low <= q25 and q75 <= high,
    )


@claim(line=20, says="BDI-II runs from 0 to 63", rests_on=PUBLISHED)
def scale_of_bdi(evidence: Evidence) -> Finding:
    """Compare with the instrument."""
    low, high = evidence.published.scale
    return Finding(f"{low} to {high} points", evidence.study.scale == (low, high))


@claim(line=21, says="Train, Dev and Test hold 50 subjects each", rests_on=PUBLISHED)
def fifty_subjects(evidence: Evidence) -> Finding:
    """Count persons, not recordings."""
    known, n = evidence.published, evidence.study.n_split
    new = known.n_persons - known.n_persons_train_dev
    return Finding(
        f"{n} recordings each; together they show {known.n_persons} persons (second hand), "
        f"{known.n_persons_train_dev} of them in Train and Dev. So only {new} persons of Test are "
        f"new, and up to {known.n_test - new} of its {known.n_test} recordings show somebody whom "
        "a model may have met before",
        3 * n == known.n_persons,
    )


@claim(line=22, says="Frames of 112 x 112 pixels are what the encoder takes", rests_on=PUBLISHED)
def frame_size(evidence: Evidence) -> Finding:
    """Compare with the graph of the encoder."""
    size = evidence.published.encoder_size
    return Finding(f"w600k_r50 takes {size} x {size}", evidence.study.frame_size == size)


@claim(line=23, says="The embedding has 512 dimensions", rests_on=PUBLISHED)
def feature_dim(evidence: Evidence) -> Finding:
    """Compare with the graph of the encoder."""
    dim = evidence.published.encoder_dim
    return Finding(
        f"w600k_r50 returns {dim} numbers, not of unit length: L2 is a step of its own",
        evidence.study.feature_dim == dim,
    )


@claim(
    line=27,
    says="The encoder, named after WebFace260M, is the state of the art",
    rests_on=PUBLISHED,
)
def encoder_training(evidence: Evidence) -> Finding:
    """Compare what the package holds with what its data set's name says."""
    known = evidence.published
    all_of_it = known.encoder_identities >= known.webface260m_identities
    return Finding(
        "no score is given. buffalo_l, the package that the study names, holds w600k_r50, trained "
        f"on {known.encoder_identities / 1e3:.0f} thousand of the "
        f"{known.webface260m_identities / 1e6:.0f} million identities; that this is the study's "
        "encoder is an inference",
        True if all_of_it else None,
    )


@claim(line=25, says="A video has one BDI-II score for all of its frames", rests_on=PUBLISHED)
def one_label(evidence: Evidence) -> Finding:
    """Count labels and clips."""
    known = evidence.published
    return Finding(
        f"{known.n_recordings} scores for {known.n_clips} clips: the two tasks of a recording "
        "share one",
        known.n_recordings <= known.n_clips,
    )


@claim(line=26, says="sigma_ratio is prediction variance over label variance", rests_on=PUBLISHED)
def which_sigma_ratio(evidence: Evidence) -> Finding:
    """Ask whether the reported column can be a ratio of SDs, of variances, or of either."""
    # Both readings give predictions of some spread, so each is possible unless the error is not.
    possible = {
        name: all(spread_fits(evidence, model, power) for model in MODELS)
        for name, power in (("standard deviations", 1.0), ("variances", 0.5))
    }
    fitting = [name for name, fits in possible.items() if fits]
    widest = evidence.study.results["sigma_ratio"].max()
    return Finding(
        "the name says standard deviations, the text variances. The reported errors allow a ratio "
        f"of {' and one of '.join(fitting) or 'neither'}: {widest:.2f} is a ratio of SDs of "
        f"{widest:.2f} or of {widest**0.5:.2f}",
        None if len(fitting) == 2 else fitting == ["variances"],
    )


def spread_fits(evidence: Evidence, model: str, power: float) -> bool:
    """Return whether a model's Test MAE can go with its PCC and sigma_ratio to a power."""
    row = evidence.study.row(model)
    s = row["sigma_ratio"] ** power
    return can_be(row["test_mae"], row["test_pcc"], s, evidence.published.label_sd)


@claim(line=28, says="2000 frames are the protocol of the LDBM paper", rests_on=PUBLISHED)
def length_of_the_paper(evidence: Evidence) -> Finding:
    """Look for the length in the public code of the paper's authors."""
    lengths, wanted = evidence.published.authors_lengths, evidence.study.sequence_length
    return Finding(
        "no public code has a model of that name; other models of its authors take "
        f"{' and '.join(map(str, lengths))} frames",
        True if wanted in lengths else None,
    )


@claim(line=34, says="512 numbers a frame are what LDBM takes in the paper", rests_on=PUBLISHED)
def width_of_the_paper(evidence: Evidence) -> Finding:
    """Say what can be known of the width."""
    same = evidence.study.feature_dim == evidence.published.encoder_dim
    return Finding(
        "no public code has a model of that name; the width is that of the encoder's output",
        None if same else False,
    )


@claim(
    line=35, says="2000 frames give every recording the same temporal context", rests_on=PUBLISHED
)
def same_context(evidence: Evidence) -> Finding:
    """Count the clips that fill so many frames."""
    known, length = evidence.published, evidence.study.sequence_length
    padded = 1 - known.clips_over_2000 / known.n_clips
    return Finding(
        f"{100 * padded:.0f} % of the clips are not longer and get zeros; the median clip fills "
        f"{100 * known.clip_quartiles[1] / length:.0f} %",
        padded < 0.05,
    )


@claim(line=39, says="A batch of 32 windows fits a T4", rests_on=CODE)
def batch_fits(evidence: Evidence) -> Finding:
    """Take the largest measured peak of a training step."""
    at = LENGTHS.index(Protocol().window_length)
    peaks = {model: evidence.built.costs.peaks(model)[at] for model in MODELS}
    largest = max(peaks, key=lambda model: peaks[model])
    need = evidence.study.batch_size * peaks[largest]
    return Finding(
        f"the largest peak, {largest}'s, is {peaks[largest]:.1f} MiB a window or {need:.0f} MiB a "
        f"batch, measured on a processor with fused attention; a T4 has "
        f"{evidence.published.gpu_gb:.0f} GB",
        need < evidence.published.gpu_gb * GB,
    )


@claim(line=44, says="Patches of 4, 8 and 16 frames were tried for LDBM")
def patches_tried(evidence: Evidence) -> Finding:
    """Count the rows of LDBM in the results table."""
    tried = evidence.study.patches
    rows = int((evidence.study.results["model"].str.startswith("LDBM")).sum())
    return Finding(
        f"{rows} of {len(tried)} is reported, without its size: whether finer patches help cannot "
        "be seen",
        True if rows >= len(tried) else None,
    )
