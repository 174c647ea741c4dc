"""Variants of a spec, and specs that extend others."""

from __future__ import annotations

from pathlib import Path

import pytest

from specs.expand import expand
from specs.fields import KNOWN
from specs.load import errors, load, loads
from specs.model import Scalar, Spec, SpecError

SPEC = """\
name: x
command: train {args}
params: {hidden: 64, opt: {name: adam, lr: 0.1}}
resources: {gpus: 1, memory: 8G}
env: {A: 1, KEY: null}
variants:
  small: {params: {hidden: 32, opt.lr: 1}, resources: {memory: null}}
  tiny: {extends: small, params: {hidden: 8, opt: null}}
  big:
    extends: [small]
    params: {opt: {name: sgd}}
    resources: {gpus: 4}
    command: train --big {hidden}
"""


def read(text: str, *words: str) -> Spec:
    return loads(text, Path("x.yaml"), words)


def complaints(text: str, *words: str) -> list[str]:
    found = [str(error) for error in errors(text, Path("x.yaml"), words)]
    assert all(each.isprintable() for each in found)
    return found


def params(text: str, *words: str) -> list[dict[str, Scalar]]:
    return [dict(run.params) for run in expand(read(text, *words))]


def written(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def test_without_a_choice_the_spec_is_itself_and_names_its_variants() -> None:
    spec = read(SPEC)
    assert (spec.variants, spec.variant, spec.params["hidden"]) == (("small", "tiny", "big"), None, 64)
    assert "variant" not in spec.params


def test_a_variant_is_laid_over_the_spec_key_by_key() -> None:
    spec = read(SPEC, "variant=small")
    assert spec.params == {"hidden": 32, "opt.name": "adam", "opt.lr": 1, "variant": "small"}
    assert (spec.resources.gpus, spec.resources.memory) == (1, None)
    assert (spec.variant, spec.overrides) == ("small", ("variant=small",))


def test_a_variant_may_extend_another_and_take_parameters_away() -> None:
    assert read(SPEC, "variant=tiny").params == {"hidden": 8, "variant": "tiny"}
    spec = read(SPEC, "variant=big")
    assert (spec.params["hidden"], spec.params["opt.name"], spec.params["opt.lr"]) == (32, "sgd", 1)
    assert (spec.resources.gpus, spec.command) == (4, "train --big {hidden}")


def test_overrides_go_before_the_variant_wherever_they_stand() -> None:
    assert read(SPEC, "hidden=1", "variant=big", "resources.gpus=2").params["hidden"] == 1
    assert read(SPEC, "resources.gpus=2", "variant=big").resources.gpus == 2
    assert read(SPEC, "variant=big", "variant=null").variant is None


def test_null_stays_null_where_nothing_is_taken_away() -> None:
    text = SPEC + "  secret: {env: {KEY: null, NEW: null, A: null}}\n"
    assert read(text, "variant=secret").env == {"KEY": None, "NEW": None}


def test_variants_that_only_set_parameters_can_be_swept() -> None:
    text = (
        SPEC.replace(", resources: {memory: null}", "") + "sweep: {variant: [small, tiny], opt.lr: [3], seeds: 1}\n"
    )
    assert params(text) == [
        {"hidden": 32, "opt.name": "adam", "opt.lr": 3, "variant": "small", "seed": 1},
        {"hidden": 8, "variant": "tiny", "opt.lr": 3, "seed": 1},
    ]
    assert [run.name for run in expand(read(text))] == ["variant=small", "variant=tiny"]
    assert params(text, "hidden=5", "variant=tiny") == [{"hidden": 5, "variant": "tiny", "opt.lr": 3, "seed": 1}]
    assert [run["hidden"] for run in params(text, "hidden=5")] == [5, 5]


def test_variants_may_be_points_choices_and_conditions() -> None:
    text = "name: x\ncommand: a {args}\nparams: {h: 1}\nvariants: {s: {params: {h: 2}}, b: {}}\n"
    assert params(text + "sweep: {method: list, points: [{variant: b}, {variant: s, h: 3}, {h: 4}]}") == [
        {"h": 1, "variant": "b"},
        {"h": 3, "variant": "s"},
        {"h": 4},
    ]
    assert params(text + "sweep: {variant: [s, b], k: {values: [7], when: {h: 2}}}") == [
        {"h": 2, "variant": "s", "k": 7},
        {"h": 1, "variant": "b"},
    ]
    drawn = params(text + "sweep: {method: random, variant: {choice: [s, b]}, samples: 9}")
    assert sorted(drawn, key=str) == [{"h": 1, "variant": "b"}, {"h": 2, "variant": "s"}]


def test_without_variants_the_word_is_a_parameter_like_any_other() -> None:
    text = "name: x\ncommand: a {variant}\nparams: {variant: a}\n"
    assert read(text, "variant=b").params == {"variant": "b"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "extends: small",
            "extends: smal",
            'x.yaml:8:19: "variants.tiny.extends" is no variant: "smal" (did you mean "small"?)',
        ),
        (
            "small: {",
            "small: {extends: big, ",
            '10:15: "variants.big.extends[1]" goes round in a circle: "small" extends',
        ),
        (
            "hidden: 8",
            "hidden: [8]",
            '8:43: "variants.tiny.params.hidden" must be a single value; a list of values to try',
        ),
        (
            "gpus: 4",
            "gpu: 4",
            '12:17: unknown key "variants.big.resources.gpu" (did you mean "variants.big.resources.gpus"?)',
        ),
        (
            "gpus: 4",
            "gpus: x",
            '12:23: "variants.big.resources.gpus" must be a whole number, not "x" (in the variant "big")',
        ),
        ("tiny:", "tiny: {name: y}\n  other:", '8:10: unknown key "variants.tiny.name"'),
        ("tiny:", "a/b:", '8:3: "a/b" is no name for a variant: letters, digits, . _ and -'),
        (
            "hidden: 64",
            "variant: big",
            '3:10: "params.variant" is the name of the variant: choose it by variant=NAME, or',
        ),
        ("--big {hidden}", "--big {hiden}", '13:26: "command": unknown parameter "hiden" (did you mean "hidden"?)'),
        (
            "env:",
            "sweep: {variant: [smal]}\nenv:",
            '5:19: "sweep.variant[1]" is no variant: "smal" (did you mean "small"?)',
        ),
        (
            "env:",
            "sweep: {variant: [big]}\nenv:",
            '13:5: "variants.big.resources" cannot differ within a sweep, where a variant may set params only; subm',
        ),
    ],
)
def test_a_mistake_in_a_variant_is_told_at_its_place(old: str, new: str, message: str) -> None:
    assert old in SPEC
    found = complaints(SPEC.replace(old, new, 1))
    assert [each for each in found if message in each], found


def test_variants_that_are_no_mapping_are_told_beside_other_mistakes() -> None:
    assert complaints("name: x\ncommand: a\nvariants: 3\nresources: {gpus: x}\n") == [
        'x.yaml:3:11: "variants" must be a mapping of keys to values, not 3',
        'x.yaml:4:19: "resources.gpus" must be a whole number, not "x"',
    ]


def test_a_mistake_of_the_spec_is_told_once_and_not_for_each_variant() -> None:
    assert complaints(SPEC.replace("memory: 8G", "memory: 8")) == [
        'x.yaml:4:30: "resources.memory" must be a size with its unit, as 8G or 500M, not 8'
    ]


def test_a_mistake_in_another_variant_stops_nobody() -> None:
    assert read(SPEC.replace("gpus: 4", "gpus: x"), "variant=small").resources.gpus == 1


def test_a_variant_that_is_not_there_is_an_error_of_the_command_line() -> None:
    assert complaints(SPEC, "variant=bigg") == ['command line: no variant is called "bigg" (did you mean "big"?)']


@pytest.mark.parametrize("word", ["extends=x.yaml", "variants.small.params.hidden=3"])
def test_what_belongs_into_the_file_cannot_be_given_on_the_command_line(word: str) -> None:
    (found,) = complaints(SPEC, word)
    assert "belongs into the file; a variant is chosen by variant=NAME" in found


def test_a_spec_extends_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    base = "command: train {args}\nworkdir: .\nparams: {hidden: 64, optim: {name: adam, lr: 0.1}}\nwhere: [a, b]\n"
    (tmp_path / "base.yaml").write_text(base + "sweep: {lr: {min: 0, max: 1}, a: [1]}\n")
    source = tmp_path / "sub" / "x.yaml"
    source.write_text(
        "extends: ../base.yaml\nname: x\nparams: {optim.name: sgd, hidden: null}\nwhere: c\n"
        "sweep: {lr: [1], a: null}\n"
    )
    spec = load(source)
    assert spec.params == {"optim.name": "sgd", "optim.lr": 0.1}
    assert (spec.where, spec.workdir, dict(spec.sweep.axes)) == (("c",), tmp_path, {"lr": (1,)})
    assert [*spec.bases] == [str(tmp_path / "base.yaml")]
    assert spec.text == source.read_text()


def test_of_several_bases_the_later_wins_and_they_may_meet_in_one(tmp_path: Path) -> None:
    written(
        tmp_path,
        root="name: x\ncommand: run\nparams: {a: 0, b: 0, c: 0}",
        one="extends: root.yaml\nparams: {a: 1, b: 1}",
        two="extends: ./root.yaml\nparams: {b: 2}",
        x="extends: [one.yaml, two.yaml]\nparams: {c: 3}",
    )
    spec = load(tmp_path / "x.yaml")
    assert spec.params == {"a": 0, "b": 2, "c": 3}
    assert sorted(Path(path).name for path in spec.bases) == ["one.yaml", "root.yaml", "two.yaml"]


def test_with_the_texts_of_its_bases_no_file_is_read(tmp_path: Path) -> None:
    written(tmp_path, base="command: run {a}\nparams: {a: 1}", x="extends: base.yaml\nname: x")
    spec = load(tmp_path / "x.yaml")
    for path in tmp_path.iterdir():
        path.unlink()
    assert loads(spec.text, spec.source, (), spec.bases) == spec
    with pytest.raises(SpecError, match=r'x\.yaml:1:10: "extends" "base.yaml": its text was not kept'):
        loads(spec.text, spec.source, (), {})
    with pytest.raises(SpecError, match=r'x\.yaml:1:10: "extends" "base.yaml": no such file'):
        loads(spec.text, spec.source)


def test_a_variant_may_be_in_a_base(tmp_path: Path) -> None:
    written(
        tmp_path,
        base="name: b\ncommand: run {a}\nparams: {a: 1}\nvariants: {v: {params: {a: 2}}}",
        x="extends: base.yaml\nname: x\nvariants: {v: {params: {a: 3}}, w: {extends: v}}",
    )
    assert load(tmp_path / "x.yaml", ["variant=w"]).params == {"a": 3, "variant": "w"}


def test_an_error_in_a_base_names_that_file(tmp_path: Path) -> None:
    folder = written(
        tmp_path, base="name: x\ncommand: run\nzzz: 1\nresources: {cpus: 0}", x="extends: base.yaml\nfoo: 1"
    )
    found = [str(error) for error in errors((folder / "x.yaml").read_text(), folder / "x.yaml")]
    keys = f"; known here: {', '.join(KNOWN[''])}"
    assert found == [
        f'{folder}/x.yaml:2:1: unknown key "foo"{keys}',
        f'{folder}/base.yaml:3:1: unknown key "zzz"{keys}',
        f'{folder}/base.yaml:4:19: "resources.cpus" must be at least 1, not 0',
    ]


@pytest.mark.parametrize(
    ("base", "text", "message"),
    [
        ("a: [", "extends: base.yaml", "base.yaml:1:5: not valid YAML"),
        (
            "extends: x.yaml",
            "extends: base.yaml",
            'base.yaml:1:10: "extends" goes round in a circle: "x.yaml" extends',
        ),
        ("a: 1", "extends: x.yaml", 'x.yaml:1:10: "extends" goes round in a circle: "x.yaml" extends this file'),
        ("a: 1", "extends: no.yaml", 'x.yaml:1:10: "extends" "no.yaml": no such file'),
        ("a: 1", "extends: [base.yaml, .]", 'x.yaml:1:22: "extends[2]" ".": this is a folder, not a file'),
        ("a: 1", "extends: {a: 1}", 'x.yaml:1:10: "extends" must be text, not a mapping'),
        ("a: 1", "extends: ' '", 'x.yaml:1:10: "extends" must be the path of a spec file, not " "'),
        ("", "extends: base.yaml", "base.yaml: the file is empty"),
    ],
)
def test_a_base_that_cannot_be_read_is_the_one_error(tmp_path: Path, base: str, text: str, message: str) -> None:
    written(tmp_path, base=base, x=text)
    found = [str(error) for error in errors(text, tmp_path / "x.yaml")]
    assert len(found) == 1
    assert found[0].startswith(f"{tmp_path}/{message}")


def test_bases_go_ten_files_deep_and_not_further(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number}.yaml").write_text(f"extends: {number + 1}.yaml\n" if number < 11 else "command: run")
    assert load_named(tmp_path, "extends: 2.yaml\nname: x").command == "run"
    with pytest.raises(SpecError, match=r'10\.yaml:1:10: "extends" goes more than 10 files deep'):
        load_named(tmp_path, "extends: 1.yaml\nname: x")


def load_named(folder: Path, text: str) -> Spec:
    return loads(text, folder / "x.yaml")


def test_files_that_all_extend_each_other_twice_are_read_once_each(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.yaml").write_text(
            f"extends: [{number + 1}.yaml, {number + 1}.yaml]\nparams: {{a: 1}}\n" * 1
        )
    (tmp_path / "9.yaml").write_text("name: x\ncommand: run\n")
    assert len(load(tmp_path / "0.yaml").bases) == 9


def test_too_many_bases_are_refused(tmp_path: Path) -> None:
    for number in range(101):
        (tmp_path / f"{number}.yaml").write_text("a: 1")
    text = f"extends: [{', '.join(f'{number}.yaml' for number in range(101))}]"
    with pytest.raises(SpecError, match="leads to more than 100 files"):
        loads(text, tmp_path / "x.yaml")
