"""Streams beside the texture features, and how several become the input of one model.

``action`` is facial action as OpenFace measures it (29 numbers a frame), ``pulse`` a remote
photoplethysmogram's spectrum and rate (23). Both are simulated from the same behaviour as the
frames of a simulated cohort, or read from files. ``join.join`` puts streams side by side (early
fusion), ``late.fuse`` averages the predictions of one model a stream (late fusion).

Nothing is imported here, so that a result depends on the modules that made its streams alone.
"""
