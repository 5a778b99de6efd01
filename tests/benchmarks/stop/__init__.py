"""When a campaign should have ended, in hindsight, and when rules would have ended it."""
