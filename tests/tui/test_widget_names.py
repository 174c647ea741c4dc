"""Our widgets beside Textual's: its style sheets go by a class's name alone."""

from __future__ import annotations

import importlib
import pkgutil

import textual.command
from textual.widget import Widget

import tui.screens
import tui.widgets


def test_no_widget_is_called_as_one_of_the_command_palette_whose_styles_would_then_hide_it() -> None:
    theirs = {
        name for name, each in vars(textual.command).items() if isinstance(each, type) and issubclass(each, Widget)
    }
    own = {
        name
        for package in (tui.screens, tui.widgets)
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
        for name, each in vars(importlib.import_module(module.name)).items()
        if isinstance(each, type) and issubclass(each, Widget) and each.__module__.startswith("tui.")
    }
    assert {"CommandsScreen", "JobTable"} <= own
    assert "CommandPalette" in theirs
    assert not own & theirs
