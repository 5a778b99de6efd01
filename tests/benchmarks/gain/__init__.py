"""The check of the gain's interval: campaigns whose truth is known, hold-outs drawn from it, and how often it was covered."""
