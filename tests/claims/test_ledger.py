"""The ledger: its form, the figures found by hand, and verdicts that follow the evidence."""

import ast
import inspect
import textwrap
from dataclasses import replace
from types import MappingProxyType

import pytest

from deplib import claims
from deplib.claims import CONFIRMED, CONTRADICTED, NOT_TESTABLE, UNDECIDABLE, Evidence
from deplib.claims.entry import BASES, SIMULATED, VERDICTS, Finding, claim
from deplib.claims.evidence import Built
from deplib.claims.ledger import TOPICS, entries
from deplib.claims.reported import DESCRIBED, REPORTED, Summary
from deplib.errors import ResultError

ROWS = {entry.id: entry for rows in entries().values() for entry in rows}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence()


def test_every_statement_has_a_row_of_its_own():
    rows = [entry for topic in entries().values() for entry in topic]
    assert len(rows) >= 40
    assert len({row.id for row in rows}) == len(rows)
    assert len({row.says for row in rows}) == len(rows)
    assert sum(row.rests_on != SIMULATED for row in rows) >= 40
    assert all(1 <= row.line <= 175 for row in rows)
    assert {row.rests_on for row in rows} == set(BASES)
    assert list(entries()) == list(TOPICS)


def test_no_check_states_its_verdict():
    for row in ROWS.values():
        assert not ({"verdict", *VERDICTS} & set(row.check.__code__.co_consts)), row.id
    for module in TOPICS.values():
        tree = ast.parse(textwrap.dedent(inspect.getsource(module)))
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        # A module may name what an open row becomes, never that a row is confirmed or contradicted.
        assert not named & {"CONFIRMED", "CONTRADICTED", "Claim"}


@pytest.mark.parametrize(
    ("row", "line"),
    [("clips-are-long", "Motivation"), ("same-context", "Protocol"), ("order-LDBM", "Models")],
)
def test_a_line_belongs_to_a_section(row, line):
    assert ROWS[row].section == line


def test_a_row_outside_the_text_or_of_unknown_basis_is_refused():
    with pytest.raises(ValueError, match="12 to 175"):
        claim(line=3, says="")
    with pytest.raises(ValueError, match="choose from"):
        claim(line=30, says="", rests_on="a feeling")


def test_the_simulated_cohort_never_decides():
    @claim(line=97, says="x", rests_on=SIMULATED)
    def sure(evidence: Evidence) -> Finding:
        return Finding("", True)

    assert sure.judge(Evidence()).verdict == NOT_TESTABLE


def test_rows_of_the_simulated_cohort_ask_for_it(evidence):
    with pytest.raises(ResultError, match=r"Simulated\.read"):
        ROWS["simulated-winner"].judge(evidence)


BY_HAND = [
    ("mean-of-test-mae", "10.5725", CONFIRMED),
    ("sd-of-test-mae", "0.198 (population) or 0.228 (sample): 0.195 is neither", CONTRADICTED),
    ("mean-of-test-pcc", "0.184", CONFIRMED),
    ("sd-of-test-pcc", "0.059 (population) or 0.068 (sample)", CONFIRMED),
    ("gap-in-mae", "+1.86 on average, +1.47 to +2.16", CONTRADICTED),
    ("gap-in-pcc", "-0.29 on average", CONTRADICTED),
    ("range-of-dev-pcc", "rounded 0.43 to 0.51", CONTRADICTED),
    ("delta-of-mae", "middles +1.95", CONFIRMED),
    ("delta-of-pcc", "middles -0.280", CONTRADICTED),
    ("identical-gap", "differ by 0.69, the Test MAEs by 0.48", CONTRADICTED),
    ("test-pcc-LDBM", "-0.01 to 0.51, p = 0.061", NOT_TESTABLE),
    ("test-pcc-LDBM", "0.279", NOT_TESTABLE),
    ("other-patterns", "z = 0.84, p = 0.40", UNDECIDABLE),
    ("within-a-tenth", "LDBM +0.103, VanillaTransformer +0.002, MambaGRU +0.481", CONTRADICTED),
    ("target-pcc", "1.12 times 0.267", CONTRADICTED),
    ("target-gap", "half of 1.86 is 0.93", CONTRADICTED),
    ("target-time", "lasts 33 ms", CONTRADICTED),
    ("some-signal", "(9.54)", UNDECIDABLE),
    ("some-signal", "4 of 4 Test MAEs (10.43 to 10.91)", UNDECIDABLE),
    ("capacity-is-no-bottleneck", "1.2 to 2.4 with 80 % power", UNDECIDABLE),
    ("noise-of-labels", "1.8 (retest r 0.96), 2.4 (0.93) or 4.8 (0.73)", UNDECIDABLE),
    ("same-context", "the median clip fills 63 %", CONTRADICTED),
    ("fifty-subjects", "up to 24 of its 50", CONTRADICTED),
    ("training-times", "a ratio of 9", UNDECIDABLE),
    ("ten-times", "10.3 times by its table", CONFIRMED),
    ("gru-as-state-space", "that of the GRU is not", CONTRADICTED),
    ("zeros-collapse", "0.00 at most in the four", CONFIRMED),
    ("norms-and-variances", "norm 1.00", CONTRADICTED),
    ("no-better-error", "0 of 3 models", CONFIRMED),
    ("sigma-ratio-LDBM", "13.43 (13.66 ", NOT_TESTABLE),
    ("which-sigma-ratio", "0.93 or of 0.96", UNDECIDABLE),
    ("useful-spread", "11.06 instead of 13.43", UNDECIDABLE),
]


@pytest.mark.parametrize(("row", "figure", "verdict"), BY_HAND)
def test_a_row_reaches_the_figure_found_by_hand(evidence, row, figure, verdict):
    judged = ROWS[row].judge(evidence)
    assert figure in judged.found.replace("0.1838", "0.184")
    assert judged.verdict == verdict


def reported(**columns) -> Evidence:
    """Evidence of a study with other columns in its results table."""
    return with_study(results=REPORTED.assign(**columns))


def with_study(**changes) -> Evidence:
    return Evidence(study=replace(claims.Study(), **changes))


def with_published(**changes) -> Evidence:
    return Evidence(published=replace(claims.Published(), **changes))


def with_targets(**changes) -> Evidence:
    return with_study(targets=replace(claims.Study().targets, **changes))


TEST, DEV = REPORTED["test_mae"], REPORTED["dev_mae"]
CHANGED = [
    ("clips-are-long", with_study(long_sequences=(1500, 2000)), CONTRADICTED),
    ("scale-of-bdi", with_study(scale=(0, 60)), CONTRADICTED),
    ("fifty-subjects", with_published(n_persons=150, n_persons_train_dev=100), CONFIRMED),
    ("frame-size", with_study(frame_size=224), CONTRADICTED),
    ("feature-dim", with_study(feature_dim=256), CONTRADICTED),
    ("encoder-training", with_published(encoder_identities=4_000_000), CONFIRMED),
    ("length-of-the-paper", with_published(authors_lengths=(1000, 2000)), CONFIRMED),
    ("width-of-the-paper", with_study(feature_dim=128), CONTRADICTED),
    ("same-context", with_published(clips_over_2000=295), CONFIRMED),
    ("batch-fits", with_study(batch_size=32_000), CONTRADICTED),
    ("patches-tried", with_study(patches=(8,)), CONFIRMED),
    ("which-sigma-ratio", reported(test_mae=2.95), CONTRADICTED),
    ("order-VanillaTransformer", with_study(models=DESCRIBED.assign(order_reported="O(N)")),
     CONTRADICTED),
    ("order-LDBM", with_study(models=DESCRIBED.assign(order_reported="O(N^2)")), CONFIRMED),
    ("parameters-LDBM", Evidence(built=Built(parameters=MappingProxyType({"LDBM": 9}))),
     UNDECIDABLE),
    ("ten-times", with_study(times_parameters=5.0), CONTRADICTED),
    ("dev-mae-LDBM", reported(dev_mae=-1.0), CONTRADICTED),
    ("dev-pcc-LDBM", reported(dev_pcc=1.2), CONTRADICTED),
    ("test-mae-LDBM", reported(test_mae=70.0), CONTRADICTED),
    ("test-pcc-LDBM", reported(test_pcc=-1.5), CONTRADICTED),
    ("sigma-ratio-LDBM", reported(test_mae=1.0), CONTRADICTED),
    ("mean-of-test-mae", reported(test_mae=TEST + 0.01), CONTRADICTED),
    ("sd-of-test-mae", with_study(test_mae=Summary(10.573, 0.228, 0, 0)), CONFIRMED),
    ("sd-of-test-pcc", with_study(test_pcc=Summary(0.184, 0.080, 0, 0)), CONTRADICTED),
    ("range-of-test-mae", with_study(test_mae=Summary(0, 0, 10.4, 10.907)), CONTRADICTED),
    ("range-of-dev-pcc", reported(dev_pcc=[0.42, 0.45, 0.45, 0.51]), CONFIRMED),
    ("gap-in-mae", with_study(gap_mae=1.9), CONFIRMED),
    ("gap-in-pcc", with_study(gap_pcc=-0.29), CONFIRMED),
    ("delta-of-mae", with_study(gap_mae=1.5), CONTRADICTED),
    ("delta-of-pcc", with_study(gap_pcc=-0.28), CONFIRMED),
    ("identical-gap", reported(test_mae=DEV + 2), CONFIRMED),
    ("gap-has-one-sign", reported(test_mae=DEV - 1), CONTRADICTED),
    ("overfitting", reported(test_mae=DEV - 1), CONTRADICTED),
    ("spread-is-negligible", reported(test_mae=[8.0, 10.0, 11.0, 11.1]), CONTRADICTED),
    ("nobody-dominates", reported(dev_mae=[1, 2, 3, 4], dev_pcc=[0.9, 0, 0, 0],
                                  test_pcc=[0.9, 0, 0, 0]), CONTRADICTED),
    ("capacity-is-no-bottleneck", reported(test_mae=[10.0, 7.0, 10.0, 10.0]), CONTRADICTED),
    ("within-a-tenth", reported(test_mae=10.4), CONFIRMED),
    ("no-better-error", reported(test_mae=[10.4, 10.3, 10.5, 10.6]), UNDECIDABLE),
    ("no-better-correlation", reported(test_pcc=[0.3, 0.2, 0.1, 0.1]), CONFIRMED),
    ("patches-on-dev", reported(dev_mae=[9.0, 8.0, 8.5, 8.6]), CONTRADICTED),
    ("patches-for-accuracy", reported(test_mae=[10.4, 9.0, 10.4, 10.4]), CONTRADICTED),
    ("training-times", with_study(minutes={"TemporalMeanMLP": 10.0, "LDBM": 50.0}), CONFIRMED),
    ("lower-bound", reported(test_mae=9.0), CONFIRMED),
    ("dev-pcc-above", with_study(dev_pcc_above=0.45), CONTRADICTED),
    ("not-collapsed", reported(sigma_ratio=0.3), CONTRADICTED),
    ("some-signal", reported(test_mae=9.0), CONFIRMED),
    ("some-signal", reported(test_pcc=0.5), CONFIRMED),
    ("fall-of-pcc", reported(dev_pcc=0.8), CONFIRMED),
    ("fall-of-pcc", reported(dev_pcc=0.1), CONTRADICTED),
    ("highest-pcc", reported(test_pcc=[0.3, 0.2, 0.1, 0.1]), CONTRADICTED),
    ("other-patterns", reported(test_pcc=[0.0, 0.6, 0.1, 0.1]), CONFIRMED),
    ("other-patterns", reported(test_pcc=[0.3, 0.2, 0.1, 0.1]), CONTRADICTED),
    ("highest-sigma-ratio", reported(sigma_ratio=[0.9, 0.8, 0.7, 0.6]), CONTRADICTED),
    ("useful-spread", reported(test_pcc=0.6), CONFIRMED),
    ("target-mae", with_targets(mae_to_improve=10.5), CONTRADICTED),
    ("target-pcc", with_targets(test_pcc=0.54), CONFIRMED),
    ("target-gap", with_targets(gap_mae=0.93), CONFIRMED),
    ("target-time", with_targets(ms_per_frame=33.0), CONFIRMED),
    ("target-size", with_targets(parameters=50e6), CONFIRMED),
    ("target-size", with_targets(parameters=1e6), CONTRADICTED),
    ("noise-of-labels", with_published(retest=(0.0, 0.93, 0.96), label_sd=14.0), CONFIRMED),
    ("zeros-collapse", with_study(collapsed_sigma_ratio=0.2), CONTRADICTED),
]  # fmt: skip


@pytest.mark.parametrize(("row", "other", "verdict"), CHANGED)
def test_a_verdict_follows_the_evidence(evidence, row, other, verdict):
    before, after = (ROWS[row].judge(given) for given in (evidence, other))
    assert after.verdict == verdict
    assert after.verdict != before.verdict or after.found != before.found


def test_checks_of_this_code_follow_the_code(evidence, monkeypatch):
    from deplib.claims import described, pitfalls

    monkeypatch.setattr(described, "bend_of_gru", lambda: 0.0)
    assert ROWS["gru-as-state-space"].judge(evidence).verdict == CONFIRMED
    monkeypatch.setattr(pitfalls, "fill_invalid", lambda rows, valid, rng: rows)
    judged = ROWS["norms-and-variances"].judge(evidence)
    assert judged.verdict == CONFIRMED
    assert "are caught" in judged.found


def test_a_gru_bends_and_a_scan_does_not():
    from deplib.claims.described import BENDING, bend_of_gru, bend_of_scan

    assert bend_of_gru() > 2 * BENDING
    assert bend_of_scan() < 1e-5
