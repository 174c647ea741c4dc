"""All that a file of predictions says, as one answer."""

import os
import time
from typing import Any, Dict, List, Mapping

from backends.predictions.bins import binned
from backends.predictions.chosen import chosen
from backends.predictions.features import Errors, explained, features
from backends.predictions.plain import Column, Plain
from backends.predictions.reading import CLASSIFICATION, Reading
from backends.predictions.residuals import distribution
from backends.predictions.slices import Search
from backends.predictions.tables import Table

YOUNG = 10.0
"""Seconds since the last change in which a file is still being written, as it seems."""


def summary(kernel: Plain, path: str, said: Mapping[str, Any]) -> Dict[str, Any]:
    """The answer. Raises `Refused`, `OSError`."""
    began, status = time.time(), os.stat(path)
    reading = Reading(kernel, Table(path, kernel.fast), said)
    if -1 < began - status.st_mtime < YOUNG:
        reading.notes.append("it changed a moment before it was read: it may still be being written")
    reading.run()
    found = looked_into(kernel, reading)
    found.update(
        {
            "path": path,
            "size": status.st_size,
            "mtime": status.st_mtime,
            "format": reading.table.format,
            "task": reading.task,
            "rows": reading.table.rows,
            "used": reading.used,
            "columns": columns(reading),
            "worst": [each for _, _, each in reading.worst],
            reading.task: dict(reading.metrics.answer(), **found.pop("distribution")),
        }
    )
    found["notes"] = reading.notes + [note for note in reading.metrics.notes if note not in reading.notes]
    found["fast"] = kernel.fast
    found["seconds"] = time.time() - began
    return found


def looked_into(kernel: Plain, reading: Reading) -> Dict[str, Any]:
    """Inputs and slices."""
    store, notes = reading.store, reading.notes
    errors = Errors(kernel, store.column("error"), store.column("weight"), reading.task == CLASSIFICATION)
    residual, predicted = store.column("residual"), store.column("predicted")
    spread = {} if residual is None else distribution(kernel, residual, predicted)
    if residual is not None:
        spread["by_prediction"] = by_prediction(kernel, residual, predicted, store.column("weight"))
    store.fixed.clear()
    found = []
    alike = []  # type: List[str]
    for column in store.inputs:
        each = binned(kernel, column, notes)
        if each is not None:
            found.append(each)
        elif not any(note.startswith(column.name + " has") for note in notes):
            alike.append(column.name)
    if alike:
        more = ", …" if len(alike) > 5 else ""
        notes.append("the same in all rows, or empty: %s%s" % (", ".join(alike[:5]), more))
    if store.part > 1:
        notes.append("inputs, slices and quantiles are of one of %d rows, by lot" % store.part)
    shares = [explained(errors.sums(each.codes, each.size), errors) for each in found]
    search = Search(errors, found, shares)
    if search.left:
        notes.append("%d pairs of inputs that explain least are not tried for slices" % search.left)
    return {
        "looked": errors.n,
        "mean_error": errors.mean,
        "features": features(errors, found, residual),
        "slices": chosen(search),
        "tried": search.tried,
        "distribution": spread,
    }


def by_prediction(kernel: Plain, residual: Column, predicted: Column, weight: Column) -> List[List[Any]]:
    """Mean residuals by ranges of the prediction."""
    from backends.predictions.bins import numbers
    from backends.predictions.features import bins

    ranges = numbers(kernel, "prediction", predicted)
    if ranges is None:
        return []
    signed = Errors(kernel, residual, weight, False)
    return bins(signed, ranges, signed.sums(ranges.codes, ranges.size))


def columns(reading: Reading) -> List[List[str]]:
    """Names and roles, in the order of the file."""
    of = reading.roles
    by_name = {of.target: "target", of.prediction: "prediction", of.id: "id", of.weight: "weight"}
    by_name.update((name, "scores") for name, _ in of.scores)
    by_name.update((name, "input") for name in of.inputs)
    return [[name[:80], by_name.get(name, "aside")] for name in reading.table.names[:1000]]
