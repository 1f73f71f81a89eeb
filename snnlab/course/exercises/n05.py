"""Exercises of notebook 5: train it, live."""

from collections.abc import Mapping

from snnlab import _check, encode
from snnlab.course.exercises.registry import close, images, question
from snnlab.neurons import LIF

TARGET = 0.88  # share of test images


@question(
    "n05.q1",
    "Small enough batches make enough steps of three epochs, and the rate fits them.",
)
def _three_epochs(answer):
    from snnlab.learning.evaluation import evaluate
    from snnlab.learning.optim import Adam
    from snnlab.learning.training import train
    from snnlab.network import Network

    if not isinstance(answer, Mapping) or set(answer) != {"lr", "batch_size"}:
        return "The answer is a dict like {'lr': 0.001, 'batch_size': 100}."
    try:
        optimizer = Adam(lr=answer["lr"])
        batch = _check.integer("batch_size", answer["batch_size"], at_least=1)
    except (TypeError, ValueError) as fault:
        return f"{fault}."
    data = images()
    network = Network((256, 100, 10), LIF.brainscales2(), n_steps=20, rng=0)
    inputs = encode.latency(data.x_train[:5000])
    train(
        network,
        inputs,
        data.y_train[:5000],
        epochs=3,
        rng=0,
        batch_size=batch,
        optimizer=optimizer,
        schedule="constant",
        progress=False,
    )
    test = encode.latency(data.x_test[:1000])
    accuracy = evaluate(network, test, data.y_test[:1000]).accuracy
    if accuracy > TARGET:
        return None
    steps = 3 * -(-len(inputs) // batch)
    return (
        f"These settings reach {100 * accuracy:.1f} % in {steps} steps. More, smaller steps, or "
        "fewer, larger ones? Watch both in the panel."
    )


@question("n05.q2", "The images that are left over make one more, smaller batch.")
def _how_many_steps(answer):
    return close(
        answer,
        len(range(0, 5000, 64)),
        0,
        "More. Are the images that are left over at the end forgotten?",
        "Fewer. Divide the images by the batch size.",
        "a number of steps",
    )


@question(
    "n05.q3",
    "What counts is the number of steps, and small batches make more of them in an epoch.",
)
def _as_many_steps(answer):
    return close(
        answer,
        200 * len(range(0, 5000, 500)) / len(range(0, 5000, 20)),
        0,
        "More. How many steps does each take in one epoch?",
        "Fewer. Small batches take more steps in an epoch, not fewer.",
        "a number of epochs",
    )
