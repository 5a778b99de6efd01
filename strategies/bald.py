"""BALD: ask about the items on which the members of a committee are each sure, and differ.

Source: Houlsby, Huszár, Ghahramani & Lengyel, "Bayesian Active Learning for Classification and Preference Learning", 2011;
with dropout: Gal, Islam & Ghahramani, "Deep Bayesian Active Learning with Image Data", ICML 2017.
"""

from strategies.kernels.types import FloatArray


def score(member_probs: FloatArray) -> FloatArray:
    """Score each item by the mutual information of its class and the member: what the label says about which is right.

    Args:
        member_probs: (n_members, n_items, n_classes) class probabilities of each member, each row sums to 1.

    Returns:
        (n_items,) in [0, log(min(n_members, n_classes))], nats; higher = ask first: the entropy of the mean less the mean
        of the entropies. Exactly 0 where all members coincide to within rounding, however unsure they are.

    Raises:
        StrategyInputError: not three dimensions, fewer than two members or classes, or a row that is not a probability
            vector.
    """
    from strategies.kernels.member_scores import mutual_informations  # compiled code: loaded when used

    return mutual_informations(member_probs)
