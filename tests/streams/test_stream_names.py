import pytest

from deplib.errors import CohortError
from deplib.streams import action, pulse
from deplib.streams.names import ENCODED, WIDTHS, parse, width_of


def test_streams_are_parsed_in_their_order_and_widths_add_up() -> None:
    assert parse("pulse+identity") == ("pulse", "identity")
    assert parse("action") == ("action",)
    assert width_of("identity") == 512
    assert width_of("action") == 29
    assert width_of("identity+action") == 512 + 29 + 2
    assert width_of("identity+action+pulse") == 512 + 29 + 23 + 3
    assert width_of("identity+affect") == 1024 + 2


def test_widths_are_those_of_the_columns() -> None:
    assert len(action.COLUMNS) == len(set(action.COLUMNS)) == WIDTHS["action"]
    assert len(pulse.COLUMNS) == len(set(pulse.COLUMNS)) == WIDTHS["pulse"]
    assert set(ENCODED) < set(WIDTHS)


@pytest.mark.parametrize("features", ["", "voice", "identity+", "identity + action", "Action"])
def test_unknown_names_are_refused_and_the_known_ones_told(features: str) -> None:
    with pytest.raises(CohortError, match=r"no stream is named .*identity, affect, random"):
        parse(features)


def test_a_stream_named_twice_is_refused() -> None:
    with pytest.raises(CohortError, match="'action' occurs twice"):
        width_of("action+identity+action")
