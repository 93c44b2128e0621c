"""Frames to features: the encoder, the store it fills, and the checks on what is in it."""
