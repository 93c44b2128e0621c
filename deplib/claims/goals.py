"""The study's targets for a next architecture, and the reasons that it gives for them."""

from deplib.claims.arithmetic import GAUSSIAN
from deplib.claims.entry import CODE, PUBLISHED, Finding, claim
from deplib.claims.evidence import Evidence
from deplib.statistics import fisher_interval


@claim(
    line=153,
    says="A Test MAE below 9.5 would improve on the best result, 10.4",
    rests_on=PUBLISHED,
)
def target_mae(evidence: Evidence) -> Finding:
    """Compare with the least of the table, and with a constant."""
    targets, best = evidence.study.targets, float(evidence.study.column("test_mae").min())
    constant = evidence.published.constant_mae()
    return Finding(
        f"the best is {best:.3f}. A constant has {constant:.2f}: the target differs "
        f"from knowing nothing by {targets.test_mae - constant:+.2f}",
        round(best, 1) == targets.mae_to_improve and targets.test_mae < best,
    )


@claim(line=154, says="A Test PCC above 0.30 would double the best result, 0.267")
def target_pcc(evidence: Evidence) -> Finding:
    """Divide."""
    targets, best = evidence.study.targets, float(evidence.study.column("test_pcc").max())
    low, high = fisher_interval(targets.test_pcc, evidence.published.n_test)
    return Finding(
        f"0.30 is {targets.test_pcc / best:.2f} times {best:.3f}; twice that is {2 * best:.2f}. "
        f"A PCC of 0.30 would itself have a 95 % interval of {low:.2f} to {high:.2f}".replace(
            "0.30", f"{targets.test_pcc:.2f}"
        ),
        targets.test_pcc / best >= 2,
    )


@claim(line=155, says="A gap below 1.0 MAE would halve the gap")
def target_gap(evidence: Evidence) -> Finding:
    """Take the share from the mean of the four rows."""
    targets, gap = evidence.study.targets, float(evidence.study.gaps("mae").mean())
    left = gap * (1 - targets.gap_cut)
    return Finding(
        f"half of {gap:.2f} is {left:.2f}; of the stated {evidence.study.gap_mae:+.1f} it is "
        f"{evidence.study.gap_mae * (1 - targets.gap_cut):.2f}",
        round(left, 2) == targets.gap_mae,
    )


@claim(line=156, says="Below 100 ms a frame, a system runs in real time", rests_on=PUBLISHED)
def target_time(evidence: Evidence) -> Finding:
    """Compare with the time that a frame lasts."""
    limit, rate = evidence.study.targets.ms_per_frame, evidence.published.frames_a_second
    lasts = 1e3 / rate
    return Finding(
        f"at {rate:g} frames a second a frame lasts {lasts:.0f} ms: {limit:g} ms a frame is "
        f"{limit / lasts:.1f} times as long as the video, unless frames are left out",
        limit <= lasts,
    )


@claim(line=157, says="Below 5 M parameters, a model fits an edge device", rests_on=CODE)
def target_size(evidence: Evidence) -> Finding:
    """Count with and without the encoder, without which no model runs."""
    limit = evidence.study.targets.parameters
    heads = max(evidence.built.parameters.values())
    whole = heads + evidence.published.encoder_parameters
    same = (heads < limit) == (whole < limit)
    return Finding(
        f"the largest of the four has {heads / 1e6:.2f} M, with the encoder {whole / 1e6:.1f} M; "
        "whether the encoder counts is not said, nor which device is meant",
        bool(whole < limit) if same else None,
    )


@claim(
    line=112, says="One BDI-II score for 2000 frames means much noise in labels", rests_on=PUBLISHED
)
def noise_of_labels(evidence: Evidence) -> Finding:
    """Set the least MAE that retest noise allows beside the reported MAEs."""
    sd, best = evidence.published.label_sd, float(evidence.study.column("test_mae").min())
    low, week, high = (GAUSSIAN * sd * (1 - r) ** 0.5 for r in evidence.published.retest)
    r_low, r_week, r_high = evidence.published.retest
    return Finding(
        f"as a measure of a person, BDI-II is noisy by an MAE of {high:.1f} (retest r "
        f"{r_high}), {week:.1f} ({r_week}) or {low:.1f} ({r_low}), if Gaussian: at most "
        f"{100 * low / best:.0f} % of the least Test MAE. How noisy it is as a label of single "
        "frames cannot be known without scores of frames",
        True if low >= best else None,
    )
