"""The embedded encoder's network, in the manner of MobileFaceNet (Chen et al., 2018), smaller.

A 4 x 4 patch stem, inverted bottlenecks (Sandler et al., 2018), and a global depthwise convolution
in place of average pooling, so that each place of the aligned face keeps a weight of its own. ReLU
throughout: PReLU is slow in onnxruntime and gains nothing at this size.
"""

from collections.abc import Sequence

from torch import Tensor, nn

INPUT_SIZE = 112
EMBEDDING_DIM = 512


def _convolution(
    inputs: int,
    outputs: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    active: bool = True,
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if active else nn.Sequential(*layers)


class Bottleneck(nn.Module):
    """Widen, filter each channel in space, narrow; add the input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, *, expansion: int, stride: int = 1) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.body = nn.Sequential(
            _convolution(inputs, hidden, 1),
            _convolution(hidden, hidden, 3, stride=stride, padding=1, groups=hidden),
            _convolution(hidden, outputs, 1, active=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        y = self.body(x)
        return x + y if self.residual else y


class EmbeddedEncoder(nn.Module):
    """Aligned face to embedding.

    Parameters
    ----------
    stages
        ``(channels, blocks)`` of each stage; each stage after the first halves the resolution.
    expansion
        Widening factor inside a bottleneck.
    pooled
        Channels of the global depthwise convolution.
    """

    def __init__(
        self,
        *,
        stages: Sequence[tuple[int, int]] = ((32, 1), (64, 3), (96, 2)),
        expansion: int = 2,
        pooled: int = 320,
    ) -> None:
        super().__init__()
        width = stages[0][0]
        self.stem = _convolution(3, width, 4, stride=4)
        blocks: list[nn.Module] = []
        for stage, (channels, depth) in enumerate(stages):
            for block in range(depth):
                stride = 2 if stage and not block else 1
                blocks.append(Bottleneck(width, channels, expansion=expansion, stride=stride))
                width = channels
        self.blocks = nn.Sequential(*blocks)
        side = INPUT_SIZE // 4 // 2 ** (len(stages) - 1)
        self.widen = _convolution(width, pooled, 1)
        self.pool = _convolution(pooled, pooled, side, groups=pooled, active=False)
        self.head = nn.Linear(pooled, EMBEDDING_DIM, bias=False)
        self.norm = nn.BatchNorm1d(EMBEDDING_DIM, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 3, 112, 112), scaled to -1 to 1, to embeddings (n, 512)."""
        x = self.stem(x)  # n 32 28 28
        x = self.blocks(x)  # n 96 7 7
        x = self.pool(self.widen(x))  # n 320 1 1
        return self.norm(self.head(x.flatten(1)))  # n 512
