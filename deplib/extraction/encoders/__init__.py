"""Face encoders: any ONNX network of the ArcFace contract, its preprocessing, known weights."""
