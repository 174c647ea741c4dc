"""The one table of keys: bindings, footer, help screen and README are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.binding import Binding, BindingType

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Key:
    """What one key does in some places."""

    key: str
    """In Textual's words; several, separated by commas, where any of them will do."""
    action: str
    label: str
    """A word or two for the footer; empty: not in the footer."""
    help: str
    where: tuple[str, ...]
    """`board`, `table`, `log`, `metrics`, `info`, `specs`, `files`, `runs`, `script`, `edit`, `help`."""
    shown: str = ""
    """How the key is written, where Textual's word is not what the keyboard says."""
    changes: bool = False
    """Changes something outside of the screen: switched off by `--readonly`."""

    @property
    def name(self) -> str:
        """How the key is written."""
        return self.shown or self.key


PANES = (
    *("table", "log", "info", "curves", "grid", "layers", "compared"),
    "findings",
    "commands",
    "host_list",
    "profile_list",
    "resources",
    "table_list",
    "told",
    *("results_table", "results_drawing"),
    *("confusion", "drawing"),
    *("passage", "rows"),
)
LISTS = ("files", "runs", "script")
"""The panes of the spec screen, but its text."""

SCREENS = (
    *("board", "run", "compare"),
    "findings_screen",
    "commands_screen",
    "hosts",
    "profile",
    *("cluster", "why", "history"),
    *("outputs", "errors", "sequence", "samples", "embedding"),
    "results",
)
"""The screens from which one asks for help, or leaves."""

KEYS = (
    Key("j,down", "down", "", "down", (*PANES, *LISTS, "help"), "j ↓"),
    Key("k,up", "up", "", "up", (*PANES, *LISTS, "help"), "k ↑"),
    Key("g,home", "top", "", "to the top", (*PANES, *LISTS, "help"), "g"),
    Key("G,end", "bottom", "", "to the end; in a log, follow it", (*PANES, *LISTS, "help"), "G"),
    Key("ctrl+d,pagedown", "half_down", "", "half a page down", (*PANES, *LISTS, "help"), "ctrl-d"),
    Key("ctrl+u,pageup", "half_up", "", "half a page up", (*PANES, *LISTS, "help"), "ctrl-u"),
    Key("tab,shift+tab", "switch_pane", "", "between the table and the pane below", ("board",), "tab"),
    Key("enter", "open", "open", "the run, or what is folded into the line", ("board",)),
    Key("escape", "back", "back", "back; clears a filter or a search", ("board", "run"), "esc"),
    Key("n", "new", "new", "new runs from a spec", ("board",)),
    Key("e", "edit", "edit", "edit the spec of the run", ("board",)),
    Key("space", "mark", "mark", "mark the job, or all that is folded into the line", ("table",)),
    Key("M", "mark_group", "", "mark the whole experiment, also what the filter hides", ("table",)),
    Key("z", "fold", "fold", "fold the experiment or array into one line, or unfold it", ("table",)),
    Key("Z", "fold_all", "", "fold all of them, or unfold all", ("table",)),
    Key("C", "compare", "compare", "the marked runs side by side; without marks, the whole experiment", ("board",)),
    Key("T", "results", "", "what came of the experiment: its table of results", ("board", "run", "compare")),
    Key("c", "cancel", "cancel", "cancel the marked jobs, or this line's", ("board",), changes=True),
    Key("h", "hold", "hold", "hold what waits; release it where all of it is held", ("board",), changes=True),
    Key("R", "requeue", "requeue", "run again, as a new attempt", ("board",), changes=True),
    Key("plus", "raise_priority", "", "priority of what waits: one more", ("board",), "+", changes=True),
    Key("minus", "lower_priority", "", "priority of what waits: one less", ("board",), "-", changes=True),
    Key("t", "to_top", "", "to the top of your own queue", ("board",), changes=True),
    Key("slash", "find", "filter", "filter jobs; in the log, search", ("board", "log"), "/"),
    Key("l", "tab_log", "log", "the log", ("board",)),
    Key("m", "tab_metrics", "metrics", "the metrics", ("board",)),
    Key("i", "tab_info", "info", "all that is known of the job", ("board",)),
    Key("d", "tab_findings", "findings", "what was found wrong with the job", ("board",)),
    Key("u", "tab_resources", "use", "what the job uses of what it holds, and what to ask for next time", ("board",)),
    Key("F", "findings", "", "the findings of all jobs", ("board",)),
    Key("W", "why", "", "why the job waits, and what would start sooner", ("board",)),
    Key("A", "history", "", "jobs that are over, also those of long ago", ("board",)),
    Key("s", "shell", "shell", "a shell in the job's folder, on its node while it runs", ("board",), changes=True),
    Key("L", "commands", "", "every command that was run on any host", ("board",)),
    Key("H", "hosts", "", "the hosts: GPUs, processes, memory, disks", ("board",)),
    Key("P", "profile", "", "look into the running program: hot functions, flame graph, threads", ("board",)),
    Key("O", "outputs", "", "what the run wrote that can be looked at", ("board", "run")),
    Key("left_square_bracket", "previous_tab", "", "the tab before", ("board", "run"), "["),
    Key("right_square_bracket", "next_tab", "tabs", "the next tab", ("board", "run"), "]"),
    Key("1,m", "tab('curves')", "", "the curves", ("run",), "1 m"),
    Key("2", "tab('grid')", "", "all metrics, small", ("run",)),
    Key("3", "tab('layers')", "", "the layers of the network", ("run",)),
    Key("4", "tab('time')", "", "where the time goes", ("run",)),
    Key("5,l", "tab('log')", "", "the log", ("run",), "5 l"),
    Key("6,i", "tab('info')", "", "all that is known of the run", ("run",), "6 i"),
    Key("7,d", "tab('findings')", "", "what was found wrong with the run", ("run",), "7 d"),
    Key("8", "tab('resources')", "", "what the run uses of what it holds", ("run",)),
    Key("u", "use", "", "the same, where u is no scale", ("run",)),
    Key("E", "advise", "spec", "write what to ask for next time into the spec", ("resources",), changes=True),
    Key("a", "ask_nodes", "GPUs now", "GPUs of a Slurm job as its nodes see them now", ("resources",), changes=True),
    Key("f", "follow", "follow", "follow the log as it grows, or stop", ("board", "log")),
    Key("w", "wrap", "wrap", "wrap long lines of the log", ("board", "log")),
    Key("n", "next_match", "", "next match of the search", ("log",)),
    Key("N", "previous_match", "", "match before", ("log",)),
    Key("x", "next_error", "error", "next line that tells of an error", ("log",)),
    Key("X", "previous_error", "", "such a line before", ("log",)),
    Key("ctrl+s", "save_log", "save", "save the whole log to a file of this machine", ("log",), "ctrl-s"),
    Key("left", "left", "", "to the left in long lines", ("log", "script"), "←"),
    Key("right", "right", "", "to the right in long lines", ("log", "script"), "→"),
    Key("j,down", "next_metric", "", "next metric", ("metrics",), "j ↓"),
    Key("k,up", "previous_metric", "", "metric before", ("metrics",), "k ↑"),
    Key("L", "log_scale", "log scale", "logarithmic scale", ("metrics",)),
    Key("space", "choose", "draw", "draw the metric over the others, or not any more", ("curves",)),
    Key("enter", "alone", "alone", "draw this metric alone", ("curves", "grid")),
    Key("left", "step(-1)", "cursor", "cursor to the sample before", ("curves",), "←"),
    Key("right", "step(1)", "", "cursor to the next sample", ("curves",), "→"),
    Key("shift+left", "step(-10)", "", "cursor ten cells to the left", ("curves",), "shift-←"),
    Key("shift+right", "step(10)", "", "cursor ten cells to the right", ("curves",), "shift-→"),
    Key("plus,equals_sign", "zoom(2)", "zoom", "zoom in, around the cursor", ("curves",), "+"),
    Key("minus", "zoom(0.5)", "", "zoom out", ("curves",), "-"),
    Key("comma", "pan(-0.25)", "", "what is to the left", ("curves",), ","),
    Key("full_stop", "pan(0.25)", "", "what is to the right", ("curves",), "."),
    Key("0", "whole", "", "all of it, without a cursor", ("curves",)),
    Key("s", "smooth(1)", "smooth", "smoother", ("curves",)),
    Key("S", "smooth(-1)", "", "less smooth; at last as it was measured", ("curves",)),
    Key("x", "next_axis", "axis", "by step, by epoch, by time since the start, by time of day", ("curves",)),
    Key("L", "flip('log_y')", "log", "logarithmic scale", ("curves",)),
    Key("X", "flip('log_x')", "", "logarithmic scale of x", ("curves",)),
    Key("o", "flip('robust')", "", "leave outliers out of the scale, or not", ("curves",)),
    Key("u", "flip('own')", "", "a scale of its own for every curve, or one for all", ("curves",)),
    Key("left", "left", "", "to the left", ("grid",), "←"),
    Key("right", "right", "", "to the right", ("grid",), "→"),
    Key("L", "log_scale", "log", "logarithmic scale", ("grid",)),
    Key("slash", "find", "filter", "filter the metrics", ("run",), "/"),
    Key("y", "copy", "copy", "copy the values under the cursor", ("curves",)),
    Key("n", "next_quantity", "quantity", "next quantity of the layers", ("layers",)),
    Key(
        "h",
        "distributions",
        "histogram",
        "the distribution of the layer's numbers: over steps, at two, or none",
        ("layers",),
    ),
    Key(
        "b",
        "next_trouble",
        "misbehaved",
        "to the layer and step that misbehaved first; then to the next",
        ("layers",),
    ),
    Key("N", "previous_quantity", "", "quantity before", ("layers",)),
    Key("left", "left", "cursor", "cursor to the step before", ("layers",), "←"),
    Key("right", "right", "", "cursor to the next step", ("layers",), "→"),
    Key("shift+left", "far_left", "", "cursor ten cells to the left", ("layers",), "shift-←"),
    Key("shift+right", "far_right", "", "cursor ten cells to the right", ("layers",), "shift-→"),
    Key("L", "log_scale", "log", "logarithmic scale, or a linear one", ("layers",)),
    Key("u", "own_scales", "own", "a scale of its own for every layer, or one for all", ("layers",)),
    Key("z", "fold", "fold", "all layers at once, several on a line, or a line for each", ("layers",)),
    Key("space", "pin", "pin", "compare with this step's distribution, or with the first again", ("layers",)),
    Key("S", "shades", "", "logarithmic shades of the distributions, or linear ones", ("layers",)),
    Key("o", "whole", "", "distributions from the least number to the greatest, or no outliers", ("layers",)),
    Key("y", "copy", "copy", "copy the value under the cursor", ("layers",)),
    Key("left_square_bracket", "step(-1)", "", "the step before", ("embedding",), "["),
    Key("right_square_bracket", "step(1)", "steps", "the next step", ("embedding",), "]"),
    Key("x", "turn(0)", "across", "the next component, to the right", ("cloud",)),
    Key("v", "turn(1)", "up", "the next component, upwards", ("cloud",)),
    Key("n", "alone(1)", "class", "the next class alone; after the last, all", ("cloud",)),
    Key("N", "alone(-1)", "", "the class before alone", ("cloud",)),
    Key("d", "cosine", "distance", "neighbours by the angle, or by the Euclidean distance", ("cloud",)),
    Key("left,h", "go(-1,0)", "", "to the nearest point on the left", ("cloud",), "← h"),
    Key("right,l", "go(1,0)", "", "to the nearest point on the right", ("cloud",), "→ l"),
    Key("up,k", "go(0,1)", "", "to the nearest point above", ("cloud",), "↑ k"),
    Key("down,j", "go(0,-1)", "", "to the nearest point below", ("cloud",), "↓ j"),
    Key("shift+left", "go(-10,0)", "", "to a point ten cells to the left", ("cloud",), "shift-←"),
    Key("shift+right", "go(10,0)", "", "to a point ten cells to the right", ("cloud",), "shift-→"),
    Key("plus,equals_sign", "zoom(2)", "zoom", "zoom in, around the point under the cursor", ("cloud",), "+"),
    Key("minus", "zoom(0.5)", "", "zoom out", ("cloud",), "-"),
    Key("0", "whole", "", "all points", ("cloud",)),
    Key("r", "look", "", "read the file again", ("embedding",)),
    Key("y", "copy", "copy", "copy the point under the cursor", ("embedding",)),
    Key("escape", "back", "back", "back", ("embedding",), "esc"),
    Key("r", "record", "record", "record the process under the cursor, or the same once more", ("profile",)),
    Key("d", "dump", "threads", "where all threads of all its processes stand now", ("profile",)),
    Key("enter", "open", "open", "record the process; open the file; show the function in the graph", ("profile",)),
    Key("c", "compare", "compare", "the file against what is open", ("profile",)),
    Key("R", "look", "look", "look for the processes again", ("profile",)),
    Key("n", "next_node", "node", "the next node of the job", ("profile",)),
    Key("plus,equals_sign", "longer", "seconds", "record for longer", ("profile",), "+"),
    Key("minus", "shorter", "", "record for a shorter time", ("profile",), "-"),
    Key("N", "flip('native')", "native", "stacks of C and C++ too; pauses the program for each sample", ("profile",)),
    Key("o", "flip('gil')", "", "only threads that hold the GIL", ("profile",)),
    Key("i", "flip('idle')", "", "threads that wait, too", ("profile",)),
    Key("s", "flip('children')", "", "subprocesses of the process, too", ("profile",)),
    Key("1", "tab('processes')", "", "the Python processes of the job", ("profile",)),
    Key("2", "tab('functions')", "", "the functions that take most time", ("profile",)),
    Key("3", "tab('flame')", "", "the flame graph", ("profile",)),
    Key("4", "tab('threads')", "", "where the threads stand", ("profile",)),
    Key("5", "tab('files')", "", "profiles that were kept, and traces that the run wrote", ("profile",)),
    Key("6", "tab('trace')", "", "what a trace says", ("profile",)),
    Key("left_square_bracket", "previous_tab", "", "the tab before", ("profile",), "["),
    Key("right_square_bracket", "next_tab", "tabs", "the next tab", ("profile",), "]"),
    Key("slash", "find", "find", "find functions, and mark them in the graph", ("profile",), "/"),
    Key("escape", "back", "back", "stop recording; zoom out; back", ("profile",), "esc"),
    Key("j,down", "down", "", "to what it calls", ("flame",), "j ↓"),
    Key("k,up", "up", "", "to its caller", ("flame",), "k ↑"),
    Key("h,left", "left", "", "to the call on the left", ("flame",), "h ←"),
    Key("l,right", "right", "", "to the call on the right", ("flame",), "l →"),
    Key("g,home", "top", "", "to the first row", ("flame",), "g"),
    Key("enter", "zoom", "zoom", "make the call as wide as the screen", ("flame",)),
    Key("left", "left", "", "to the column before", ("compared",), "←"),
    Key(
        "right",
        "right",
        "column",
        "to the next column: a metric's curves, or against a parameter",
        ("compared",),
        "→",
    ),
    Key("o", "sort", "sort", "sort by the column; once more, the other way round", ("compare",)),
    Key("v", "next_kind", "values", "the best values, the newest, or those of runs that completed", ("compare",)),
    Key("space", "choose", "draw", "draw the run's curve, or not any more", ("compare",)),
    Key("a", "choose_all", "", "draw all curves, or this run's alone", ("compare",)),
    Key("enter", "open", "open", "the run", ("compare",)),
    Key("s", "smooth(1)", "smooth", "smoother", ("compare",)),
    Key("S", "smooth(-1)", "", "less smooth; at last as it was measured", ("compare",)),
    Key("x", "next_axis", "axis", "by step, by epoch, by time since the start, by time of day", ("compare",)),
    Key("L", "flip('log_y')", "log", "logarithmic scale", ("compare",)),
    Key("X", "flip('log_x')", "", "logarithmic scale of x", ("compare",)),
    Key(
        "shift+left", "step(-1)", "", "cursor to the sample before; the table has its values", ("compare",), "shift-←"
    ),
    Key("shift+right", "step(1)", "", "cursor to the next sample", ("compare",), "shift-→"),
    Key("plus,equals_sign", "zoom(2)", "", "zoom in, around the cursor", ("compare",), "+"),
    Key("minus", "zoom(0.5)", "", "zoom out", ("compare",), "-"),
    Key("comma", "pan(-0.25)", "", "what is to the left", ("compare",), ","),
    Key("full_stop", "pan(0.25)", "", "what is to the right", ("compare",), "."),
    Key("0", "whole", "", "all of it, without a cursor", ("compare",)),
    Key("y", "copy", "copy", "copy the table", ("compare",)),
    Key("escape", "back", "back", "back", ("compare",), "esc"),
    Key("left", "left", "", "to the column before", ("results_table",), "←"),
    Key("right", "right", "column", "to the next column", ("results_table",), "→"),
    Key("left", "previous_param", "", "the parameter before", ("results_plot",), "←"),
    Key("right", "next_param", "parameter", "the next parameter", ("results_plot",), "→"),
    Key("p", "next_other", "second", "another second parameter, in the map", ("results_plot",)),
    Key("m", "next_metric", "metric", "the next metric", ("results_plot",)),
    Key("L", "log('y')", "log", "logarithmic scale", ("results_plot",)),
    Key("X", "log('x')", "", "logarithmic scale of x", ("results_plot",)),
    Key("o", "sort", "sort", "sort by the column; once more, the other way round", ("results",)),
    Key("slash", "find", "filter", "filter: words, lr>0.001, state=FAILED, val_loss:final<0.3", ("results",), "/"),
    Key("z", "fold", "seeds", "fold runs that differ in their seeds alone, or unfold them", ("results",)),
    Key("b", "group", "group", "group by the parameter of the column, or not any more", ("results",)),
    Key("v", "next_kind", "values", "the best values, the newest, or those of runs that completed", ("results",)),
    Key("c", "columns", "columns", "choose the columns", ("results",)),
    Key("minus", "hide", "", "leave the column out", ("results",), "-"),
    Key("enter", "open", "open", "the run, or the runs that are folded", ("results",)),
    Key("n", "narrow", "next", "new spec: this one with ranges around the best runs", ("results",), changes=True),
    Key("ctrl+s", "save", "write", "write the table: CSV, XLSX, LaTeX or JSON", ("results",), "ctrl-s"),
    Key("y", "copy", "copy", "copy the table, as CSV", ("results",)),
    Key("r", "load", "refresh", "read again what has changed", ("results",)),
    Key("1", "tab('table')", "", "the table", ("results",)),
    Key("2", "tab('param')", "", "a metric against one parameter", ("results",)),
    Key("3", "tab('map')", "", "a metric over two parameters", ("results",)),
    Key("4", "tab('importance')", "", "which parameters matter", ("results",)),
    Key("5", "tab('parallel')", "", "runs as lines across the axes of their parameters", ("results",)),
    Key("left_square_bracket", "previous_tab", "", "the tab before", ("results",), "["),
    Key("right_square_bracket", "next_tab", "tabs", "the next tab", ("results",), "]"),
    Key("escape", "back", "back", "out of folded runs; clears a filter; back", ("results",), "esc"),
    Key("enter", "open", "curve", "the curve and the step that show it", ("findings_screen",)),
    Key("l", "log", "log", "the lines of the log that show it", ("findings_screen",)),
    Key("space", "read", "read", "mark as read, and go on", ("findings_screen",)),
    Key("A", "read_all", "", "mark all that are listed as read", ("findings_screen",)),
    Key("m", "mute", "mute", "mute the rule, or show again what it finds", ("findings_screen",), changes=True),
    Key("a", "every", "all", "list also what is muted or over, or not any more", ("findings_screen",)),
    Key("slash", "find", "filter", "filter the findings", ("findings_screen",), "/"),
    Key("y", "copy", "copy", "copy the finding", ("findings_screen",)),
    Key("escape", "back", "back", "back; clears a filter", ("findings_screen",), "esc"),
    Key("slash", "find", "filter", "filter the commands", ("commands_screen",), "/"),
    Key("y", "copy", "copy", "copy the command", ("commands_screen",)),
    Key("escape", "back", "back", "back; clears a filter", ("commands_screen",), "esc"),
    Key("enter", "open", "open", "what is inside of the host; of a process, its run", ("hosts",)),
    Key("z", "fold", "fold", "unfold the host, or fold it again", ("hosts",)),
    Key("Z", "fold_all", "", "unfold all, or fold all", ("hosts",)),
    Key("o", "sort", "sort", "in the order of the config, by name, by free GPUs, by use", ("hosts",)),
    Key("slash", "find", "filter", "filter the hosts", ("hosts",), "/"),
    Key("y", "copy", "copy", "copy the GPU's uuid, the pid, the disk's path, or the host's name", ("hosts",)),
    Key("r", "refresh_hosts", "refresh", "query every host now", ("hosts",)),
    Key("escape", "back", "back", "back; clears a filter", ("hosts",), "esc"),
    Key("o", "sort", "sort", "nodes by name, those out of use first, or most free GPUs first", ("cluster",)),
    Key("slash", "find", "filter", "filter partitions and nodes", ("cluster",), "/"),
    Key("y", "copy", "copy", "copy the name of the node or partition", ("cluster",)),
    Key("r", "look", "refresh", "look again; the site is asked once a minute at most", ("cluster",)),
    Key("escape", "back", "back", "back; clears a filter", ("cluster",), "esc"),
    Key("a", "smaller", "smaller", "ask the scheduler when the same job and smaller ones would start", ("why",)),
    Key("n", "cluster", "nodes", "the nodes and partitions of its cluster", ("why",)),
    Key("r", "look", "refresh", "ask again", ("why",)),
    Key("y", "copy", "copy", "copy all of it", ("why",)),
    Key("escape", "back", "back", "back", ("why",), "esc"),
    Key("enter", "open", "open", "the run, where it is still on the board", ("history",)),
    Key("plus", "further", "further", "further back: a month, three, a year, three years", ("history",), "+"),
    Key("Z", "fold_all", "arrays", "unfold the arrays, or fold them", ("history",)),
    Key("slash", "find", "filter", "filter the jobs", ("history",), "/"),
    Key("r", "look", "refresh", "ask again", ("history",)),
    Key("y", "copy", "copy", "copy the job id", ("history",)),
    Key("escape", "back", "back", "back; clears a filter", ("history",), "esc"),
    Key("enter", "open", "all", "all that belongs to the line, on the whole screen", ("errors",)),
    Key("c", "compare", "compare", "compare with the other run that is marked on the board", ("errors",)),
    Key("x", "other_run", "other", "the views of the other run", ("errors",)),
    Key("1", "view('overview')", "", "metrics, and what should be known of the file", ("errors",)),
    Key("2", "view('confusion residuals')", "", "the confusion matrix, or the residuals", ("errors",)),
    Key("3", "view('classes against')", "", "each class, or residuals over prediction and inputs", ("errors",)),
    Key("4", "view('calibration')", "", "the reliability diagram", ("errors",)),
    Key("5", "view('features')", "", "how the error depends on each input", ("errors",)),
    Key("6", "view('slices')", "", "where errors gather", ("errors",)),
    Key("7", "view('worst')", "", "the samples with the greatest errors", ("errors",)),
    Key("8", "view('both')", "", "two runs: their metrics side by side", ("errors",)),
    Key("9", "view('changed')", "", "two runs: slices that got better or worse", ("errors",)),
    Key("0", "view('moved')", "", "two runs: samples that got better or worse", ("errors",)),
    Key("left_square_bracket", "previous_tab", "", "the view before", ("errors",), "["),
    Key("right_square_bracket", "next_tab", "views", "the next view", ("errors",), "]"),
    Key("tab", "switch_pane", "pairs", "between the matrix and the list of pairs", ("errors",)),
    Key("o", "order", "order", "classes in the order of the file, or the worst first", ("errors",)),
    Key("slash", "find", "filter", "filter the lines", ("errors",), "/"),
    Key("r", "look", "read", "read the file again", ("errors",)),
    Key("y", "copy", "copy", "copy the line", ("errors",)),
    Key("escape", "back", "back", "give up reading; back to the list; clears a filter; back", ("errors",), "esc"),
    Key("n", "norm", "norm", "rows, per cent of the target, or per cent of the prediction", ("confusion",)),
    Key("o", "order", "order", "classes by name, or those first that are confused most", ("confusion",)),
    Key("h,left", "left", "", "to the class on the left", ("confusion",), "h ←"),
    Key("l,right", "right", "", "to the class on the right", ("confusion",), "l →"),
    Key("H,shift+left", "far_left", "", "a screen to the left", ("confusion",), "H"),
    Key("L,shift+right", "far_right", "", "a screen to the right", ("confusion",), "L"),
    Key("enter", "open", "open", "look at it", ("outputs",)),
    Key("v", "next_kind", "kind", "look at it as something else: the next kind", ("outputs",)),
    Key("slash", "find", "filter", "filter by kind and name", ("outputs",), "/"),
    Key("r", "look", "refresh", "look again", ("outputs",)),
    Key("y", "copy", "copy", "copy the path of the newest file", ("outputs",)),
    Key("escape", "back", "back", "back; clears a filter", ("outputs",), "esc"),
    Key("left,left_square_bracket", "step(-1)", "", "the step before", ("samples",), "← ["),
    Key("right,right_square_bracket", "step(1)", "step", "the next step", ("samples",), "→ ]"),
    Key("c", "pin", "beside", "keep this step on the left, and look at others beside it; or no more", ("samples",)),
    Key("d", "differ", "differences", "what changed in the texts since the step before, or beside", ("samples",)),
    Key("plus,equals_sign", "wider(1)", "larger", "larger pictures", ("samples",), "+"),
    Key("minus", "wider(-1)", "", "smaller pictures", ("samples",), "-"),
    Key("r", "look", "", "read it again", ("samples",)),
    Key("y", "copy", "copy", "copy the texts of the step", ("samples",)),
    Key("escape", "back", "back", "back", ("samples",), "esc"),
    Key("h,left", "left", "", "to the token before", ("passage",), "h ←"),
    Key("l,right", "right", "", "to the next token", ("passage",), "l →"),
    Key("w", "next_word", "word", "to the next word", ("passage",)),
    Key("b", "previous_word", "", "to the word before", ("passage",)),
    Key("enter", "open", "open", "the unit, the place or the step in the text", ("sequence",)),
    Key("n", "worst(1)", "surprise", "to the next place that surprised", ("sequence",)),
    Key("N", "worst(-1)", "", "to such a place before", ("sequence",)),
    Key("u", "unit(1)", "unit", "colour the text by a unit's activation; once more, by the next unit", ("sequence",)),
    Key("U", "unit(-1)", "", "by the unit before", ("sequence",)),
    Key("c", "change", "change", "colour the text by what changed since the step before", ("sequence",)),
    Key("p", "surprise", "p", "colour the text by the probability of what came", ("sequence",)),
    Key("left_square_bracket", "step(-1)", "", "the step before", ("sequence",), "["),
    Key("right_square_bracket", "step(1)", "steps", "the next step", ("sequence",), "]"),
    Key("comma", "part(-1)", "", "the part of a large file before", ("sequence",), ","),
    Key("full_stop", "part(1)", "part", "the next part of a large file", ("sequence",), "."),
    Key("1", "tab('text')", "", "the text", ("sequence",)),
    Key("2", "tab('units')", "", "the units, by how much of them the text explains", ("sequence",)),
    Key("3", "tab('worst')", "", "the places that surprised most", ("sequence",)),
    Key("4", "tab('steps')", "", "the steps side by side", ("sequence",)),
    Key("r", "look", "", "read it again", ("sequence",)),
    Key("y", "copy", "copy", "copy the token with what is around it", ("sequence",)),
    Key("escape", "back", "back", "back", ("sequence",), "esc"),
    Key("y", "copy", "copy", "copy: of a job what you choose, of a log the lines on screen", ("board", "log")),
    Key("r", "refresh_hosts", "refresh", "query every host now", ("board",)),
    Key("p", "pause", "pause", "pause polling, or go on", ("board",)),
    Key("colon,ctrl+p", "palette", "", "all commands", ("board",), ":"),
    Key("question_mark", "help", "help", "this help", SCREENS, "?"),
    Key("q", "quit", "quit", "quit; jobs go on", SCREENS),
    Key("enter", "submit", "submit", "submit the runs of the spec", ("specs",), changes=True),
    Key("n", "new", "new", "new spec: this one under another name", ("specs",), changes=True),
    Key("e", "edit", "edit", "edit the text; in the runs, the value under the cursor", ("specs",)),
    Key("c", "check", "check", "check whether the runs can run there", ("specs",)),
    Key("b", "next_backend", "backend", "next backend", ("specs",)),
    Key("B", "previous_backend", "", "backend before", ("specs",)),
    Key("v", "next_variant", "variant", "next variant of the spec", ("specs",)),
    Key("tab", "next_pane", "panes", "next pane", ("specs",)),
    Key("shift+tab", "previous_pane", "", "pane before", ("specs",), "shift-tab"),
    Key("left_square_bracket,right_square_bracket", "other_tab", "", "script or checks", ("specs",), "[ ]"),
    Key("left", "left", "", "parameter before", ("runs",), "←"),
    Key("right", "right", "", "next parameter", ("runs",), "→"),
    Key("ctrl+s", "save", "save", "save the file", ("specs", "edit"), "ctrl-s", changes=True),
    Key(
        "escape",
        "back",
        "back",
        "to the files; from there back, after a question if there are changes",
        ("specs", "edit"),
        "esc",
    ),
    Key("q", "leave", "", "leave; asks if there are changes", ("specs",)),
    Key("tab", "complete", "complete", "complete the word; where a line begins, indent", ("edit",)),
    Key("ctrl+z", "undo", "undo", "take back what was typed", ("edit",), "ctrl-z"),
    Key("ctrl+y", "redo", "", "do it again", ("edit",), "ctrl-y"),
    Key("escape,q,question_mark", "back", "back", "back", ("help",), "esc"),
)

TITLES = {
    "table": "Jobs",
    "board": "Everywhere",
    "log": "Log",
    "metrics": "Metrics",
    "info": "Info",
    "resources": "Resources",
    "run": "Run",
    "curves": "Run: curves",
    "grid": "Run: grid",
    "layers": "Run: layers",
    "embedding": "Embedding",
    "cloud": "Embedding: points",
    "findings_screen": "Findings",
    "findings": "Findings: list",
    "commands_screen": "Commands",
    "commands": "Commands: list",
    "hosts": "Hosts",
    "host_list": "Hosts: list",
    "cluster": "Cluster",
    "why": "Why a job waits",
    "history": "Jobs that are over",
    "outputs": "What a run wrote",
    "sequence": "Sequence",
    "passage": "Sequence: text",
    "samples": "Samples",
    "rows": "Samples: pane",
    "table_list": "Lists: cluster, history, outputs",
    "told": "Why: text",
    "compare": "Compare",
    "compared": "Compare: table",
    "results": "Results",
    "results_table": "Results: table",
    "results_drawing": "Results: drawings",
    "results_plot": "Results: plots",
    "profile": "Profile",
    "flame": "Profile: flame graph",
    "profile_list": "Profile: lists",
    "errors": "Errors",
    "confusion": "Errors: confusion matrix",
    "drawing": "Errors: detail",
    "specs": "Specs",
    "files": "Specs: files",
    "runs": "Specs: runs",
    "script": "Specs: script and checks",
    "edit": "Specs: text",
}
"""The groups of the help screen, in order; a key stands in the first of its places."""


CHANGING = frozenset(key.action for key in KEYS if key.changes and "board" in key.where)
"""Actions of the board that `--readonly` switches off."""


def bindings(where: str, *, priority: bool = True) -> list[BindingType]:
    """The bindings of one place.

    All have priority: others take effect only once the key has travelled through the widgets, when the next one,
    typed ahead over a slow line, is already on its way to the wrong place. Only a text that is typed into takes its
    keys by itself, in the order of the letters.
    """
    return [
        Binding(key.key, key.action, key.label or key.help, bool(key.label), key.name, priority=priority)
        for key in KEYS
        if where in key.where
    ]


def groups() -> Iterable[tuple[str, tuple[Key, ...]]]:
    """The keys by the title of their place, for help and README."""
    for where, title in TITLES.items():
        keys = tuple(key for key in KEYS if first_place(key) == where)
        if keys:
            yield title, keys


def first_place(key: Key) -> str:
    """The place that a key is listed under."""
    return next(where for where in (*TITLES, "help") if where in key.where)


BOARD = ("table", "board")
"""The places whose keys the README lists; `docs/keys.md` lists all."""


def key_table(places: Iterable[str] = tuple(TITLES)) -> str:
    """The keys of these places as a Markdown table."""
    shown = {TITLES[place] for place in places}
    rows = [(title, key) for title, keys in groups() if title in shown for key in keys]
    return "\n".join(
        [
            "| where | key | does |",
            "|---|---|---|",
            *(f"| {title} | `{key.name}` | {key.help} |" for title, key in rows),
        ]
    )


def page() -> str:
    """`docs/keys.md`, as `make docs` writes it."""
    told = "`?` shows them on the screen; those of the board are in the [README](../README.md#keys), too."
    return f"# Keys\n\n{told}\n\n{key_table()}"


if __name__ == "__main__":
    print(page())
