"""Which options for sbatch a spec may add: those that do not undo what the program itself sets."""

from __future__ import annotations

OURS = frozenset(
    {
        *("job-name", "comment", "output", "error", "open-mode", "chdir", "export", "export-file", "signal"),
        *("array", "wrap", "parsable", "wait", "test-only", "clusters", "help", "usage", "version"),
    }
)
"""Long options that would break how a job is named, found, logged, stopped, or how sbatch answers."""
OURS_SHORT = frozenset("JoeaDMWhV")
"""The same in one letter."""
NO_VALUE = frozenset("HIkOQsv")
"""Letters that take no value, so that another may follow in the same word."""


def problem(word: str) -> str:
    """What is wrong with an option as one word; empty where nothing is."""
    if not word.isprintable():
        return "holds a control character"
    if not word.startswith("-") or word in ("-", "--"):
        return 'must be an option in one word, as "--constraint=a100"'
    name = word.partition("=")[0]
    if any(letter.isspace() for letter in name):
        return 'must be one word, as "--constraint=a100"'
    ours = _long(name[2:]) if name.startswith("--") else _short(word[1:])
    return f"sets {ours}, which is set for every job already" if ours else ""


def _long(name: str) -> str:
    # sbatch takes any abbreviation that is not ambiguous.
    return next((f"--{option}" for option in sorted(OURS) if option.startswith(name)), "")


def _short(letters: str) -> str:
    for letter in letters:
        if letter in OURS_SHORT:
            return f"-{letter}"
        if letter not in NO_VALUE:
            break
    return ""
