"""One round of the labeling cycle: a file per step, `run.py` puts them in order.

pull -> settle -> train -> measure -> (open the next) -> select -> push
"""
