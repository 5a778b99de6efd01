"""What is read off a campaign and never changes it."""
