"""The study's table checked by arithmetic: figures found by hand, and claims that can fail."""

import pytest

from deplib import claims


def found(fragment: str) -> claims.Claim:
    matching = [c for c in claims.check_claims() if fragment in c.statement]
    assert len(matching) == 1, fragment
    return matching[0]


def test_constant_has_the_mae_derived_by_hand():
    by_hand = 0.5 * (13.5 - 4.96) + 0.2 * (16.2 - 13.5) + 0.16 * (25 - 13.5) + 0.14 * (34.14 - 13.5)
    assert claims.constant_test_mae(13.5) == pytest.approx(by_hand)
    assert claims.constant_test_mae(13.0) == pytest.approx(claims.constant_test_mae(14.0))


@pytest.mark.parametrize("constant", [12.9, 14.1, 20.0])
def test_a_constant_that_the_bands_do_not_determine_is_refused(constant):
    with pytest.raises(ValueError, match=r"outside \[13, 14\]"):
        claims.constant_test_mae(constant)


def test_band_shares_are_a_distribution_with_the_published_mean():
    assert claims.TEST_BANDS["share"].sum() == pytest.approx(1)
    mean = (claims.TEST_BANDS["share"] * claims.TEST_BANDS["mean_bdi"]).sum()
    assert mean == pytest.approx(14.50, abs=0.01)


@pytest.mark.parametrize(
    ("fragment", "figure", "verdict"),
    [
        ("mean 10.573", "10.5725", claims.CONFIRMED),
        ("deviation 0.195", "0.198 (population), 0.228 (sample)", claims.CONTRADICTED),
        ("deviation 0.068", "0.059 (population), 0.068 (sample)", claims.CONFIRMED),
        ("+2.0 MAE", "+1.86 on average, +1.47 to +2.16", claims.CONTRADICTED),
        ("-0.25 PCC", "-0.29", claims.CONTRADICTED),
        ("within 0.1", "MambaGRU +0.481", claims.CONTRADICTED),
        ("0.267 shows", "-0.01 to 0.51", claims.UNDECIDABLE),
        ("double", "1.12 times", claims.CONTRADICTED),
        ("50 %", "0.93", claims.CONTRADICTED),
        ("signal", "(9.54)", claims.UNDECIDABLE),
    ],
)
def test_each_claim_reaches_the_figure_found_by_hand(fragment, figure, verdict):
    claim = found(fragment)
    assert figure in claim.found
    assert claim.verdict == verdict


def test_verdicts_follow_the_table_and_not_the_text():
    better = claims.REPORTED.assign(test_mae=claims.REPORTED["test_mae"] - 2, test_pcc=0.5)
    verdicts = {c.statement: c.verdict for c in claims.check_claims(better)}
    signal = next(v for s, v in verdicts.items() if "signal" in s)
    assert signal == claims.CONFIRMED
    mean = next(v for s, v in verdicts.items() if "mean 10.573" in s)
    assert mean == claims.CONTRADICTED
