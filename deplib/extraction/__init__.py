"""Frames to features: the encoder, the store it fills, and the checks on what is in it."""

import os

# Since 1.29 onnxruntime reports each opened network to its maker unless told not to before it
# starts. Nothing about work on clinical recordings leaves the machine; a user's own choice stands.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
