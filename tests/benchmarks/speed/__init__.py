"""The speed benchmark: data, workloads and peers, one module each; `row.py` measures."""
