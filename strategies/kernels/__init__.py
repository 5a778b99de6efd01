"""What strategies are computed with."""
