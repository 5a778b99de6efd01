"""The pool of items and its embeddings."""
