"""Load and faults against a real Label Studio: the parts of `bench_faults.py`, each also run small by the tests."""
