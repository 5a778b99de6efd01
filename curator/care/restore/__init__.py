"""`curator restore`: rebuilds a lost or damaged `.curator` as far as it can be, and says what is missing."""
