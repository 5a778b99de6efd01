"""The outside world behind small protocols: labelers, encoders, modAL."""
