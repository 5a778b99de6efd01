"""The model of a project: the head, its training, calibration, evaluation and checkpoints."""
