"""Pictures of models: what depends on what is what is drawn."""

import numpy as np

from deplib.figures.diagrams import Row, diagram


def grid(*real: bool) -> tuple[np.ndarray, np.ndarray]:
    left = np.arange(len(real), dtype=float)
    return np.stack([left, left + 1], axis=1), np.array(real)


def two_rows(*, chained: bool = False) -> list[Row]:
    edges, real = grid(True, False, True)
    below = Row("frames", edges, real, 0, np.zeros(0), chained)
    above = Row("mean", np.array([[0.0, 3.0]]), np.ones(1, bool), 0, np.array([1.0, 0.0, 0.5]))
    return [below, above]


def test_a_line_leads_from_each_source_and_fades_with_its_share():
    axis = diagram(two_rows(), colour="#0072B2").axes[0]
    assert [list(line.get_xdata()) for line in axis.lines] == [[0.5, 1.5], [2.5, 1.5]]
    strong, weak = (line.get_alpha() for line in axis.lines)
    assert strong == 1.0
    assert weak < strong


def test_masked_cells_are_hatched_and_the_picked_one_is_dark():
    axis = diagram(two_rows(), colour="#0072B2").axes[0]
    picked, masked, other, whole = axis.patches
    assert [bool(cell.get_hatch()) for cell in axis.patches] == [False, True, False, False]
    assert picked.get_facecolor()[3] == whole.get_facecolor()[3] == 1.0
    assert other.get_facecolor()[3] < 1.0
    assert masked.get_facecolor()[:3] == (1.0, 1.0, 1.0)


def test_steps_of_a_recurrence_pass_over_masked_cells():
    plain = diagram(two_rows(), colour="#0072B2").axes[0]
    chained = diagram(two_rows(chained=True), colour="#0072B2").axes[0]
    assert len(chained.patches) == len(plain.patches) + 1  # from the first cell to the third


def test_rows_are_labelled_from_below():
    labels = diagram(two_rows(), colour="#0072B2").axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["frames", "mean"]
