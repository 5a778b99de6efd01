"""All items: how they are read, kept and embedded."""
