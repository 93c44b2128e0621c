"""MambaGRU is torch's own GRU on the real frames."""

from samples import batch, close
from torch import nn

from deplib.models import build


def test_mamba_gru_is_torchs_gru_on_packed_real_frames():
    model = build("MambaGRU", seed=3)
    x, mask = batch(n=5, time=60)
    u = model.input_proj(x.transpose(1, 2)) + model.positions[:60]
    packed = nn.utils.rnn.pack_sequence(
        [row[real] for row, real in zip(u, mask, strict=True)], enforce_sorted=False
    )
    _, h = model.gru(packed)
    close(model(x, mask), model.regressor(h[-1]).squeeze(1))
