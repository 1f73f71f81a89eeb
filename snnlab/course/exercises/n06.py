"""Exercises of notebook 6: the clinic."""

from collections.abc import Mapping

from snnlab import encode
from snnlab.course.exercises.registry import question

ASKED = {2, 5, 6}  # patients that the text does not diagnose itself
CURED = {"n06.q2": 0.85, "n06.q3": 0.9}  # share of test images


def _trained_patient(question, patient, network, training):
    """A hint if a patient is not cured after its ten epochs."""
    from snnlab import datasets
    from snnlab.learning.evaluation import evaluate
    from snnlab.learning.training import train

    data, settings = datasets.load("digits16"), patient.training | training
    network = network.copy()
    train(network, patient.inputs, patient.labels, rng=0, progress=False, **settings)
    test = encode.latency(data.x_test)
    accuracy = evaluate(network, test, data.y_test, loss=settings["loss"]).accuracy
    if accuracy < CURED[question]:
        return f"Better, perhaps, but {100 * accuracy:.0f} % of test images right is not yet well."
    return None


@question(
    "n06.q1",
    "Each of these has one vital sign in the sick range, and that sign names the disease.",
)
def _diagnoses(answer):
    from snnlab.course import patients
    from snnlab.reports import clinic

    beds = range(1, len(patients.BEDS) + 1)
    if not isinstance(answer, Mapping) or not set(answer) <= set(beds):
        return "The answer is a dict from a patient's number, 1 to 6, to a diagnosis."
    wrong = []
    for bed, name in answer.items():
        patient = patients.admit(bed)
        report = clinic.examine(
            patient.network,
            patient.inputs[:300],
            patient.labels[:300],
            loss=patient.training["loss"],
        )
        if name != report.findings[0].name:
            wrong.append(bed)
    if wrong:
        return f"Look again at patient {', '.join(map(str, sorted(wrong)))}: which sign is sick?"
    missing = [str(bed) for bed in sorted(ASKED - set(answer))]
    if missing:
        return f"Right so far. What of patient {' and '.join(', '.join(missing).rsplit(', ', 1))}?"
    return None


@question(
    "n06.q2",
    "With weights of the right size its units spike, so gradients arrive and training can do "
    "the rest.",
)
def _cured_by_weights(answer):
    from snnlab.course import patients
    from snnlab.network import Network
    from snnlab.reports import clinic

    patient = patients.admit(3)
    if not isinstance(answer, Network):
        return "The answer is the network itself."
    if answer.sizes != patient.network.sizes or answer.neurons != patient.network.neurons:
        return "Nothing but the weights may change: same sizes, same neurons."
    report = clinic.examine(answer, patient.inputs[:300], patient.labels[:300])
    if report.findings:
        return f"It still suffers: {report.findings[0].measured}"
    return _trained_patient("n06.q2", patient, answer, {})


@question(
    "n06.q3",
    "It was too sure of its wrong answers; with scores that differ by about 1 the gradient "
    "says something again.",
)
def _cured_by_training(answer):
    from snnlab.course import patients

    if not isinstance(answer, Mapping) or not answer:
        return "The answer is a dict of settings for snnlab.train."
    fixed = sorted({"optimizer", "schedule", "epochs", "batch_size", "rng"} & set(answer))
    if fixed:
        return f"Leave {fixed[0]} as it is: that is not what it suffers from."
    patient = patients.admit(4)
    try:
        return _trained_patient("n06.q3", patient, patient.network, dict(answer))
    except (TypeError, ValueError) as fault:
        return f"snnlab.train does not accept that: {fault}"
