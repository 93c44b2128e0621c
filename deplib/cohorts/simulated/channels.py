"""The per-frame parameters that behaviour writes and the renderer reads.

A trajectory is a float32 array ``(n_frames, len(CHANNELS))``; all zero is a neutral, frontal,
evenly lit, perfectly aligned face with open eyes and a closed mouth.
"""

CHANNELS = (
    "smile",  # AU12, 0 to 1
    "cheek_raise",  # AU6, 0 to 1
    "brow_lower",  # AU4, 0 to 1
    "brow_raise",  # AU1 + AU2, 0 to 1
    "lid_tighten",  # AU7, 0 to 1
    "dimpler",  # AU14, 0 to 1
    "lip_corner_down",  # AU15, 0 to 1
    "jaw_open",  # AU26, 0 to 1
    "lip_pucker",  # AU18, 0 to 1
    "blink",  # AU45, 0 open to 1 closed
    "gaze_x",  # -1 to 1, positive to the image's right
    "gaze_y",  # -1 to 1, positive down
    "yaw",  # degrees, positive to the image's right
    "pitch",  # degrees, positive down
    "roll",  # degrees, positive clockwise in the image; alignment removes it from the crop
    "light_gain",  # natural logarithm of the exposure
    "light_azimuth",  # -1 to 1, the side that the key light comes from
    "align_x",  # pixels of the 112-pixel crop: the landmark detector's jitter
    "align_y",  # pixels
    "align_rotation",  # degrees
    "align_scale",  # natural logarithm
)
INDEX = {name: column for column, name in enumerate(CHANNELS)}
