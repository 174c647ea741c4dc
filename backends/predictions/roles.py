"""What the columns of a table are: as the user says, or by their usual names."""

import difflib
import fnmatch
import re
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from backends.predictions.refused import Refused

USUAL = {
    "target": (
        "target targets y_true true label labels y truth ground_truth groundtruth gt actual expected true_label"
        " label_true target_label class_true"
    ).split(),
    "prediction": (
        "prediction predictions pred preds y_pred ypred predicted predict y_hat yhat pred_label predicted_label"
        " label_pred prediction_label class_pred output"
    ).split(),
    "id": "id idx sample_id example_id row_id uuid guid key file filename path image_id sample".split(),
    "weight": "weight weights sample_weight sample_weights".split(),
}  # type: Dict[str, List[str]]
"""Usual names, the best first."""

SCORES = "scores probs probabilities proba logits softmax y_score y_prob prob score probability p".split()
"""Of one column that has all scores of a row, or the one of the second of two classes."""

SCORE = re.compile(r"^(?:probs?|probas?|probabilit(?:y|ies)|scores?|logits?|softmax)[_.:( \[]+(.+?)[)\]]?$", re.I)
"""Of a column that has the score of one class: its name."""

ASIDE = frozenset("loss nll error errors residual residuals abs_error squared_error correct wrong is_correct".split())
"""What follows from the others."""


class Roles(object):
    """The names of columns by what they are."""

    def __init__(self) -> None:
        self.target = ""
        self.prediction = ""
        """Empty: what has the greatest score."""
        self.scores = []  # type: List[Tuple[str, str]]
        """Columns and their classes; of one column with all scores the class is empty."""
        self.logits = False
        """Whether the scores' names say so."""
        self.id = ""
        self.weight = ""
        self.inputs = []  # type: List[str]
        self.aside = []  # type: List[str]
        self.guessed = False


def plain(name: str) -> str:
    """A name as it is looked for."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def roles(names: Sequence[str], said: Mapping[str, Any]) -> Roles:
    """What each is. Raises `Refused` where something that is needed is missing."""
    found, taken = Roles(), set()  # type: Tuple[Roles, Set[str]]
    for role in ("target", "prediction", "id", "weight"):
        name = said.get(role)
        if name:
            name = exact(name, names, role)
        else:
            name = usual(role, [each for each in names if each not in taken])
        setattr(found, role, name)
        if name:
            taken.add(name)
    found.scores = scores(names, said.get("scores") or (), taken)
    taken.update(name for name, _ in found.scores)
    found.logits = any("logit" in name.lower() for name, _ in found.scores)
    if not found.target:
        raise Refused(missing("target", names), "name it: outputs.predictions: {path: …, target: COLUMN}")
    if not found.prediction and not found.scores:
        raise Refused(missing("prediction", names), "name it: outputs.predictions: {path: …, prediction: COLUMN}")
    rest = [name for name in names if name not in taken]
    if said.get("inputs"):
        found.inputs = [exact(name, names, "inputs") for name in said["inputs"]]
    else:
        found.inputs = [name for name in rest if plain(name) not in ASIDE]
    found.aside = [name for name in rest if name not in found.inputs]
    return found


def exact(name: str, names: Sequence[str], role: str) -> str:
    """A column that the user named."""
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, 1, 0.5)
    hint = "did you mean %s?" % near[0] if near else "it has %s" % some(names)
    raise Refused("no column is called %s (outputs.predictions.%s)" % (name, role), hint)


def usual(role: str, names: Sequence[str]) -> str:
    """A column with a usual name; empty where there is none."""
    by_name = {}  # type: Dict[str, str]
    for name in names:
        by_name.setdefault(plain(name), name)
    return next((by_name[each] for each in USUAL[role] if each in by_name), "")


def missing(role: str, names: Sequence[str]) -> str:
    """That a column is not there, with the one that looks like it."""
    words = {word: name for name in names for word in [plain(name)] + plain(name).split("_")}
    near = None  # type: Optional[str]
    for each in USUAL[role][:8]:
        match = difflib.get_close_matches(each, words, 1, 0.75)
        if match:
            near = words[match[0]]
            break
    hint = ", %s is the nearest" % near if near else ""
    return "no column is the %s%s: it has %s" % (role, hint, some(names))


def some(names: Sequence[str]) -> str:
    """The first of them."""
    more = ", … (%d)" % len(names) if len(names) > 12 else ""
    return ", ".join(name[:40] for name in names[:12]) + more


def scores(names: Sequence[str], said: Sequence[str], taken: Set[str]) -> List[Tuple[str, str]]:
    """Columns of scores with their classes."""
    if said:
        found = []  # type: List[Tuple[str, str]]
        for each in said:
            if "*" in each:
                head, tail = each.split("*", 1)
                match = [name for name in names if name.startswith(head) and name.endswith(tail)]
                if not match:
                    raise Refused(
                        "no column is called %s (outputs.predictions.scores)" % each, "it has " + some(names)
                    )
                found += [(name, name[len(head) : len(name) - len(tail)].strip(" )]")) for name in match]
            else:
                name = exact_or_object(each, names)
                found += name
        if len(found) == 1 and found[0][0] == said[0]:
            return [(found[0][0], "")]
        return found
    free = [name for name in names if name not in taken]
    single = [(name, match.group(1)) for name, match in ((name, SCORE.match(name)) for name in free) if match]
    if len(single) > 1:
        return single
    by_name = {plain(name): name for name in free}
    whole = next((by_name[each] for each in SCORES if each in by_name), "")
    if whole:
        return [(whole, "")]
    return single


def exact_or_object(name: str, names: Sequence[str]) -> List[Tuple[str, str]]:
    """A column, or those that an object within JSON became."""
    within = [each for each in names if each.startswith(name + ".")]
    if name not in names and within:
        return [(each, each[len(name) + 1 :]) for each in within]
    own = exact(name, names, "scores")
    match = SCORE.match(own)
    return [(own, match.group(1) if match else re.split(r"[_.:]", own)[-1])]
