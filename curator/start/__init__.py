"""How a project begins: what the data hold is inferred and shown, the project is written, more data are added."""
