"""From a trained model to two checked ONNX files, and from those to predictions.

``card`` and ``bundle`` open and run the files and need no torch; ``exporting`` and ``tracing``
write them; ``quantising`` makes them smaller.
"""
