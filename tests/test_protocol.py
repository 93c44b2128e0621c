import pytest
import yaml

from deplib.errors import ProtocolError
from deplib.protocol import Protocol


def test_what_is_written_is_read_and_what_is_left_out_is_the_reports(tmp_path):
    Protocol(epochs=7, learning_rate=1e-3).write(tmp_path / "p.yml")
    assert Protocol.read(tmp_path / "p.yml") == Protocol(epochs=7, learning_rate=1e-3)
    (tmp_path / "q.yml").write_text("epochs: 20  # enough\nlearning_rate: 1\n")
    assert Protocol.read(tmp_path / "q.yml") == Protocol(epochs=20, learning_rate=1.0)
    (tmp_path / "empty.yml").write_text("")
    assert Protocol.read(tmp_path / "empty.yml") == Protocol()


WRONG = [
    ("epoch: 3", r"p\.yml: unknown variable 'epoch'; there are sequence_length, .*patience"),
    (
        "epochs: many",
        r"epochs is 'many'; it must be of type int and not negative, or 0, such as 40",
    ),
    ("epochs: 2.5", "must be of type int"),
    ("epochs: true", "must be of type int"),
    ("epochs: 0", "not negative, or 0"),
    ("optimizer: SGD", "optimizer can be nothing but Adam"),
    ("learning_rate: -1.0", "of type float and not negative"),
    ("- epochs", "is no list of variables"),
    ("epochs: [", "cannot read the protocol"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_file_is_told_how_to_mend(tmp_path, text, message):
    path = tmp_path / "p.yml"
    path.write_text(text)
    with pytest.raises(ProtocolError, match=message):
        Protocol.read(path)


def test_a_file_that_is_not_there_or_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ProtocolError, match=r"cannot read the protocol .*none\.yml"):
        Protocol.read(tmp_path / "none.yml")
    with pytest.raises(ProtocolError, match="cannot write"):
        Protocol().write(tmp_path / "no folder" / "p.yml")


def test_every_variable_stands_in_the_table_and_in_the_file(tmp_path):
    Protocol().write(tmp_path / "p.yml")
    content = yaml.safe_load((tmp_path / "p.yml").read_text())
    assert list(content) == Protocol().table()["variable"].tolist()
