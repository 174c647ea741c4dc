"""What `rocm-smi --json` and `amd-smi --json` print → GPUs. Pure; what the figures are called differs by version."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backends.machine import Gpu
from backends.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = ("Card series", "Card Series", "Card model", "Card Model", "Device Name")
UUID = ("Unique ID", "Serial Number", "PCI Bus")
USE = ("GPU use (%)", "GPU Utilization (%)")
USED, TOTAL = ("VRAM Total Used Memory (B)",), ("VRAM Total Memory (B)",)
TEMPERATURE = ("Temperature (Sensor edge) (C)", "Temperature (Sensor junction) (C)", "Temperature (Sensor #1) (C)")
POWER = ("Average Graphics Package Power (W)", "Current Socket Graphics Package Power (W)")
LIMIT = ("Max Graphics Package Power (W)",)

NO_DRIVER = re.compile(r"driver not initialized|no amd gpus|not found in modules|no such device", re.IGNORECASE)
"""There is the tool, and no GPU for it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The GPUs, by which number the driver knows each, and what is wrong."""

    gpus: tuple[Gpu, ...] = ()
    numbers: tuple[tuple[str, str], ...] = ()
    """The driver's number for a GPU, and its uuid."""
    trouble: str = ""


def parse_amd(texts: Mapping[str, str]) -> Seen:
    """What was printed, by tool: `rocm`, or `static` and `metric` of amd-smi."""
    try:
        if "rocm" in texts:
            return _rocm(_json(texts["rocm"]))
        if "metric" in texts:
            return _amd_smi(_json(texts.get("static", "[]")), _json(texts["metric"]))
    except (ValueError, TypeError, AttributeError, RecursionError):
        said = one_line(" ".join(texts.values()), 200)
        return (
            Seen() if NO_DRIVER.search(said) or not said else Seen(trouble=f"the tool for AMD GPUs answers: {said}")
        )
    return Seen()


def _json(text: str) -> Any:  # noqa: ANN401 - whatever a tool prints
    """The value in what a tool prints; warnings may stand before it. Raises `ValueError`."""
    begin = re.search(r"^[\[{]", text, re.MULTILINE)
    if begin is None:
        raise ValueError("no JSON")
    return json.JSONDecoder().raw_decode(text[begin.start() :])[0]


def _rocm(said: Mapping[str, Mapping[str, Any]]) -> Seen:
    cards = {key: value for key, value in said.items() if re.fullmatch(r"card\d{1,4}", key)}
    gpus = tuple(_card(int(key[4:]), card) for key, card in cards.items())
    numbers = [(_first(card, ("GUID",)), gpu.uuid) for card, gpu in zip(cards.values(), gpus, strict=True)]
    return Seen(gpus, tuple((number, uuid) for number, uuid in numbers if number))


def _card(index: int, card: Mapping[str, Any]) -> Gpu:
    used, total = _number(_first(card, USED)), _number(_first(card, TOTAL))
    return Gpu(
        index=index,
        uuid=one_line(_first(card, UUID), 64) or f"card{index}",
        name=one_line(_first(card, NAME), 64) or "AMD GPU",
        utilization=_number(_first(card, USE)),
        memory_used=None if used is None else int(used),
        memory_total=None if total is None else int(total),
        temperature=_number(_first(card, TEMPERATURE)),
        power=_number(_first(card, POWER)),
        power_limit=_number(_first(card, LIMIT)),
        vendor="amd",
    )


def _first(card: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The first of these that is told."""
    found = (str(card[name]).strip() for name in names if card.get(name) is not None)
    return next((value for value in found if value and not value.startswith("N/A")), "")


def _amd_smi(static: Any, metric: Any) -> Seen:  # noqa: ANN401 - whatever a tool prints
    known = {each["gpu"]: each for each in _list(static)}
    return Seen(tuple(_metric(each, known.get(each["gpu"], {})) for each in _list(metric)))


def _list(said: Any) -> list[Any]:  # noqa: ANN401 - whatever a tool prints
    """Newer versions put it into an object."""
    return list(said["gpu_data"] if isinstance(said, dict) else said)


def _metric(said: Mapping[str, Any], static: Mapping[str, Any]) -> Gpu:
    index, asic = int(said["gpu"]), static.get("asic", {})
    return Gpu(
        index=index,
        uuid=one_line(str(asic.get("asic_serial") or f"card{index}"), 64),
        name=one_line(str(asic.get("market_name") or "AMD GPU"), 64),
        utilization=_value(said, "usage", "gfx_activity"),
        memory_used=_megabytes(_value(said, "mem_usage", "used_vram")),
        memory_total=_megabytes(_value(said, "mem_usage", "total_vram")),
        temperature=next(
            (each for name in ("edge", "hotspot") if (each := _value(said, "temperature", name)) is not None), None
        ),
        power=_value(said, "power", "socket_power"),
        vendor="amd",
    )


def _value(said: Mapping[str, Any], part: str, name: str) -> float | None:
    """A figure; with its unit in newer versions."""
    value = said.get(part, {}).get(name)
    return _number(str(value.get("value") if isinstance(value, dict) else value))


def _megabytes(value: float | None) -> int | None:
    return None if value is None else int(value * 2**20)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,18}(\.\d{1,9})?", text, re.ASCII) else None
