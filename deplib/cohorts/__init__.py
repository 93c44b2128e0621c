"""Where recordings, persons, splits, labels and frames come from; no encoder is known here."""
