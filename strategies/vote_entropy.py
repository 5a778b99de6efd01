"""Vote entropy: ask about the items on whose class a committee's votes are spread the most.

Source: Dagan & Engelson, "Committee-Based Sampling for Training Probabilistic Classifiers", ICML 1995.
"""

from strategies.kernels.types import FloatArray


def score(member_probs: FloatArray) -> FloatArray:
    """Score each item by the entropy of the members' votes; a member votes for its likeliest class, of equals the first.

    Args:
        member_probs: (n_members, n_items, n_classes) class probabilities of each member, each row sums to 1.

    Returns:
        (n_items,) in [0, log(min(n_members, n_classes))], nats, not normalised; higher = ask first. 0 is a unanimous vote,
        as it is for every item when the members coincide.

    Raises:
        StrategyInputError: not three dimensions, fewer than two members or classes, or a row that is not a probability
            vector.
    """
    from strategies.kernels.member_scores import vote_entropies  # compiled code: loaded when used

    return vote_entropies(member_probs)
