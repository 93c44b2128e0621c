# ruff: noqa: I001 (one line a module, where one does)
"""Frames to features: the encoder, the store it fills, and the checks on what is in it."""

import os

# Since 1.29 onnxruntime reports each opened network to its maker unless told not to before it
# starts. Nothing about work on clinical recordings leaves the machine; a user's own choice stands.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from deplib.extraction.embedding import MAX_TEMPLATE_DISTANCE, alignment_told, embed_recording
from deplib.extraction.embedding import require_aligned, require_few
from deplib.extraction.encoder import Embedded, OnnxEncoder, embedded_encoder, network_card
from deplib.extraction.encoder import network_path, open_encoder
from deplib.extraction.onnx_graph import first_line, open_session, parse, read_file
from deplib.extraction.onnx_graph import rewrite_prelu, told
from deplib.extraction.pipeline import Estimate, ExtractionReport, duration, estimate, extract
from deplib.extraction.pipeline import plan, store_folder, store_header
from deplib.extraction.preprocess import ARCFACE, IMAGENET, PRESETS, RAW, UNIT, Preprocess
from deplib.extraction.reference import Reference, check_reference, embedded_reference
from deplib.extraction.reference import load_reference, reference_cosine, save_reference
from deplib.extraction.renders import SHOWN, known_renders, stream
from deplib.extraction.store import FeatureStore, LedgerEntry, StoreHeader, fill_invalid
from deplib.extraction.verification import CHECKS, DEFAULT_BOUNDS, FAULT, WARNING, Bounds
from deplib.extraction.verification import VerificationReport, verify
