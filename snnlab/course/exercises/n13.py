"""Exercises of notebook 13: a wire that may return."""

import numpy as np

from snnlab.course.exercises.registry import close, floats, question, returned


def _both(found):
    """Two arrays of floats, no more and no fewer."""
    theta, w = found
    return floats(theta), floats(w)


@question(
    "n13.q1",
    "Pruned wires are treated like all others: they hear the slope that they would have.",
)
def _grad_r_step(answer):
    rng = np.random.default_rng(0)
    theta, s = rng.normal(0, 0.3, 50), rng.choice([-1.0, 1.0], 50)
    move, eta, alpha, mu = rng.normal(0, 1, 50), 0.05, 0.4, -0.2
    centred = theta - eta * (s * move + alpha * np.sign(theta - mu))
    given, more = (theta.copy(), s, move, eta, alpha, mu), " Two lines are to be filled in."
    found, hint = returned("n13.q1", answer, "step", *given, read=_both, dots=more)
    if hint is not None:
        return hint
    got, w = found
    if got.shape != theta.shape or w.shape != theta.shape:
        return "It should return two arrays, of one value per wire: strengths, and weights."
    if not np.allclose(got, centred):
        wrong = [
            ("Where is the pull? Strengths only follow the gradient.", theta - eta * s * move),
            (
                "A strength above μ is to go down, one below μ up: which way does yours go?",
                theta - eta * (s * move - alpha * np.sign(theta - mu)),
            ),
            (
                "The pull turns round at μ, not at 0.",
                theta - eta * (s * move + alpha * np.sign(theta)),
            ),
            (
                "For a wire of negative sign, more strength is less weight. What must the move be "
                "multiplied by?",
                theta - eta * (move + alpha * np.sign(theta - mu)),
            ),
            (
                "That is the true gradient: pruned wires hear nothing. Leave the mask out.",
                theta - eta * (s * move * (theta > 0) + alpha * np.sign(theta - mu)),
            ),
        ]
        for hint, other in wrong:
            if np.allclose(got, other):
                return hint
        return "The new strengths are not those of the rule. Compare term by term with section 4."
    if np.allclose(w, s * np.maximum(centred, 0)):
        return None
    if np.allclose(w, s * np.maximum(theta, 0)):
        return "These are the weights before the step."
    return "The strengths are right, the weights are not: s times θ where that is above 0, else 0."


@question(
    "n13.q2",
    "A larger α both brings the centre nearer and moves wires faster, so it helps twice.",
)
def _when_the_target_matters(answer):
    from snnlab.rewiring import smallest_alpha

    return close(
        answer,
        smallest_alpha(0.95, lr=1e-3, steps=513 * 468),
        0.005,
        "With that α no wire gets as far as μ: the target changes nothing yet. Larger.",
        "With that α wires get as far as μ before the end: a smaller α does it as well.",
    )


@question(
    "n13.q3",
    "Under the lower target wires wait just below zero and are back in time; under the "
    "higher one they have sunk too deep.",
)
def _where_two_targets_differ(answer):
    from snnlab.course import lessons

    try:
        clouds = [lessons.cloud(alpha=answer, lr=0.01, sparsity=p) for p in (0.6, 0.95)]
    except (TypeError, ValueError) as fault:
        return f"{fault}."
    kept, needed = [c.kept for c in clouds], int(clouds[0].needed[1].sum())
    if kept[0] == needed and kept[1] <= needed - 10:
        return None
    if kept[1] > needed - 10:
        return (
            f"Under p = 95 % still {kept[1]} of the {needed} needed wires are there at the end. "
            "A stronger pull sinks them deeper."
        )
    return (
        f"Under p = 60 % only {kept[0]} of the {needed} needed wires are there at the end: that "
        "pull is too much for wires in use. Weaker."
    )
