"""One contract for every registered model; what is a model's own is tested in its own file."""

import numpy as np
import pytest
import torch
from golden import recorded
from safetensors.torch import load, save
from samples import CHANNELS, batch, close, every_model, make

from deplib.errors import ModelError
from deplib.models import REGISTRY, build, n_parameters


@every_model
def test_output_is_one_number_a_window(name):
    (x, mask), (x_before, mask_before) = batch(), batch()
    y = make(name)(x, mask)
    assert torch.equal(x, x_before)
    assert torch.equal(mask, mask_before)
    assert (y.shape, y.dtype) == ((3,), torch.float32)
    assert len(set(y.tolist())) == 3  # windows differ, and so do their outputs


@every_model
def test_gradient_reaches_every_parameter(name):
    x, mask = batch(n=8)
    model = build(name, seed=0)
    model(x, mask).square().sum().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        assert parameter.grad.abs().sum() > 0, key


@every_model
@pytest.mark.parametrize("extra", [1, 3, 8, 83])
def test_appended_padding_changes_nothing(name, extra):
    x, mask = batch()
    model = make(name)
    longer = torch.cat([x, torch.full((3, CHANNELS, extra), 7.0)], dim=2)
    longer_mask = torch.cat([mask, torch.zeros(3, extra, dtype=torch.bool)], dim=1)
    close(model(longer, longer_mask), model(x, mask))


@every_model
@pytest.mark.parametrize("garbage", [-3.0, 1e6, float("nan"), float("inf")])
def test_what_stands_in_a_masked_frame_changes_nothing(name, garbage):
    x, mask = batch()
    model = make(name)
    spoilt = torch.where(mask[:, None, :], x, torch.tensor(garbage))
    assert torch.equal(model(spoilt, mask), model(x, mask))


@every_model
def test_gradient_stops_at_masked_frames(name):
    x, mask = batch()
    x.requires_grad_()
    make(name)(x, mask).sum().backward()
    at_frame = x.grad.abs().sum(dim=1)
    assert (at_frame[~mask] == 0).all()
    assert (at_frame[mask] > 0).all()  # every real frame counts


@every_model
def test_windows_of_a_batch_do_not_mix(name):
    x, mask = batch(n=5)
    model = make(name)
    y = model(x, mask)
    order = torch.tensor([3, 0, 4, 2, 1])
    close(model(x[order], mask[order]), y[order])
    alone = torch.cat([model(x[i : i + 1], mask[i : i + 1]) for i in range(5)])
    close(alone, y)


@every_model
def test_seed_determines_the_weights_and_the_state_is_all_of_them(name):
    x, mask = batch()
    state = torch.random.get_rng_state()
    model, same, other = (make(name, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(same(x, mask), model(x, mask))
    assert not torch.equal(other(x, mask), model(x, mask))
    other.load_state_dict(load(save(model.state_dict())))
    assert torch.equal(other(x, mask), model(x, mask))


@every_model
def test_a_window_of_one_frame_is_enough(name):
    x, _ = batch()
    model = make(name)
    mask = torch.zeros(3, 45, dtype=torch.bool)
    mask[:, 0] = True
    alone = model(x[:, :, :1], mask[:, :1])
    close(model(x, mask), alone)


@every_model
def test_single_precision_is_close_to_double(name):
    x, mask = batch(time=256)
    model = make(name)
    y = model(x, mask)
    close(y.double(), model.double()(x.double(), mask), 1e-4)


RECORDED = recorded()


@every_model
def test_parameter_count_and_output_are_the_recorded_ones(name):
    """Weights from seed 0, windows from NumPy; 1e-4 allows for another CPU's rounding."""
    if name not in RECORDED:
        pytest.fail(f"record its golden numbers: `python tests/models/golden.py {name}`")
    assert n_parameters(make(name)) == RECORDED[name]["parameters"]
    np.testing.assert_allclose(make(name)(*batch()).tolist(), RECORDED[name]["output"], atol=1e-4)


ORDERLESS = {"TemporalMeanMLP", "AttentionMIL", "HybridPooling", "HybridPooling-dropout"}


@every_model
def test_order_of_frames_matters_only_to_temporal_models(name):
    x, mask = batch()
    order = torch.randperm(45, generator=torch.Generator().manual_seed(0))
    model, x = make(name).double(), x.double()
    change = (model(x[:, :, order], mask[:, order]) - model(x, mask)).abs()
    assert (change < 1e-12 if name in ORDERLESS else change > 1e-6).all()


# Bad input


@every_model
def test_bad_input_is_refused(name):
    model = make(name)
    (x, mask), (_, empty), (nan, _) = batch(), batch(), batch()
    empty[1] = False
    nan[0, 0, 0] = float("nan")
    for message, bad_x, bad_mask in [
        ("expected \\(batch, 512, time\\)", x[:, :100], mask),
        ("expected \\(batch, 512, time\\)", x[0], mask),
        ("mask is torch.float32", x, mask.float()),
        ("mask is torch.bool", x, mask[:, :-1]),
        ("window 1 of the batch has no real frame", x, empty),
        ("window 0 of the batch has no real frame", x[:, :, :0], mask[:, :0]),
        ("NaN or infinity", nan, mask),
        ("NaN or infinity", nan.nan_to_num(float("inf")), mask),
    ]:
        with pytest.raises(ModelError, match=message):
            model(bad_x, bad_mask)


LIMITS = {name: 2000 for name in REGISTRY if "LDBM" in name}
LIMITS |= {"VanillaTransformer": 1000, "MambaGRU": 2000}


@every_model
def test_only_positions_limit_the_length(name):
    model, limit = make(name), LIMITS.get(name, 2001)
    x, mask = torch.ones(1, CHANNELS, limit + 1), torch.ones(1, limit + 1, dtype=torch.bool)
    if name not in LIMITS:
        assert torch.isfinite(model(x, mask)).all()
        return
    with pytest.raises(ModelError, match=f"{limit} learned positions"):
        model(x, mask)


def test_bad_configuration_is_refused():
    for message, name, config in [
        ("unknown model 'S4'", "S4", {}),
        ("cannot be built", "LDBM", {"patches": 4}),
        ("stride 9", "LDBM", {"patch": 8, "stride": 9}),
        ("5 heads", "VanillaTransformer", {"heads": 5}),
        ("at least one block", "Mamba", {"layers": 0}),
    ]:
        with pytest.raises(ModelError, match=message):
            build(name, seed=0, **config)


def test_a_variants_settings_give_way_to_the_callers():
    assert build("LDBM-patch4", seed=0).patch == 4
    assert build("LDBM-patch4", seed=0, patch=16).patch == 16
    assert build("LDBM-overlap", seed=0).stride == 4
