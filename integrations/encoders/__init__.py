"""Encoders: items in, embeddings of unit length out; `registry` knows them all."""
