"""Classes that change while a campaign runs: what changed, and what answers from before mean since."""
