# ruff: noqa: I001 (the imports below are for type checkers; __getattr__ does the same)
"""Frames to features: the encoder, the store it fills, and the checks on what is in it.

Users import from here; what they name is loaded then, and no more, since onnxruntime is heavy.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Since 1.29 onnxruntime reports each opened network to its maker unless told not to before it
# starts. Nothing about work on clinical recordings leaves the machine; a user's own choice stands.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_PUBLIC = {
    "preprocess": "ARCFACE IMAGENET PRESETS RAW UNIT Preprocess",
    "onnx_graph": "first_line not_a_network open_session parse read_file rewrite_prelu",
    "encoder": "Embedded OnnxEncoder embedded_encoder network_card network_path open_encoder",
    "renders": "SHOWN known_renders stream",
    "store": "FeatureStore LedgerEntry StoreHeader fill_invalid",
    "embedding": "MissCount embed_recording is_miss",
    "pipeline": "ExtractionReport extract plan store_folder store_header",
    "dry_run": "Estimate duration estimate",
    "reference": "Reference embedded_reference load_reference reference_cosine save_reference",
    "findings": "CHECKS DEFAULT_BOUNDS FAULT WARNING Bounds",
    "verification": "VerificationReport check_reference verify",
}
_MODULE = {name: module for module, names in _PUBLIC.items() for name in names.split()}

if TYPE_CHECKING:
    from deplib.extraction.dry_run import Estimate, duration, estimate
    from deplib.extraction.embedding import MissCount, embed_recording, is_miss
    from deplib.extraction.encoder import Embedded, OnnxEncoder, embedded_encoder, network_card
    from deplib.extraction.encoder import network_path, open_encoder
    from deplib.extraction.findings import CHECKS, DEFAULT_BOUNDS, FAULT, WARNING, Bounds
    from deplib.extraction.onnx_graph import first_line, not_a_network, open_session
    from deplib.extraction.onnx_graph import parse, read_file, rewrite_prelu
    from deplib.extraction.pipeline import ExtractionReport, extract, plan
    from deplib.extraction.pipeline import store_folder, store_header
    from deplib.extraction.preprocess import ARCFACE, IMAGENET, PRESETS, RAW, UNIT, Preprocess
    from deplib.extraction.reference import Reference, embedded_reference, load_reference
    from deplib.extraction.reference import reference_cosine, save_reference
    from deplib.extraction.renders import SHOWN, known_renders, stream
    from deplib.extraction.store import FeatureStore, LedgerEntry, StoreHeader, fill_invalid
    from deplib.extraction.verification import VerificationReport, check_reference, verify  # type: ignore[no-redef]


def __getattr__(name: str) -> Any:
    """Load a public name where it is first asked for."""
    if name not in _MODULE:
        raise AttributeError(f"deplib.extraction has no {name!r}")
    return getattr(import_module(f"deplib.extraction.{_MODULE[name]}"), name)
