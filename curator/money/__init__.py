"""What answers cost and what rounds gained."""
