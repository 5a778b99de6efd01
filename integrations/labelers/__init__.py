"""Labelers: adapters to whoever answers the questions. `registry.LABELERS` names them."""
