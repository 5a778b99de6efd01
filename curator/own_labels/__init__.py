"""Labels that a user owns already: read from files, matched to the pool, training labels at no price."""
