"""Camera frames to aligned 112 x 112 crops: a face detector, five landmarks, one warp."""
