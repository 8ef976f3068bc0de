"""The layout of the project: names, files, sentences, what a wheel holds. These hold for the project as a whole."""

import ast
import inspect
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from string import Formatter

import pytest

import carecircle
from carecircle.language import catalogue

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "coverage" / "carecircle"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ADDRESS = {"file", "sheet", "row", "column"}

CONDA_NAMES = {"osmium": "pyosmium", "matplotlib": "matplotlib-base"}
"""Names on conda-forge that differ from those in pyproject.toml."""
CONDA_ONLY = {"python", "pip"}
FROM_PIP = {"xstatic-leaflet", "xstatic-leaflet-markercluster"}
"""What conda-forge does not have."""

FORBIDDEN = re.compile(
    r"p[y]pi\.(org|python)|p[y]thonhosted|n[p]mjs|deb\.d[e]bian\.org|anac[o]nda\.(com|org)|tsingh[u]a|aliy[u]n"
    r"|(^|[\s\"'=(:])/(w[o]rk|r[o]ot|h[o]me|f[a]rm|U[s]ers)/")
"""Hosts of package registries, and folders of somebody's machine."""


def python(*arguments, cwd=ROOT, **environment):
    ran = subprocess.run([sys.executable, *arguments], cwd=cwd, env={**os.environ, **environment}, check=False,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.strip()


def own_files():
    """Files of the project: what git tracks, or would track."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, check=False)
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    hidden = re.compile(r"^(\.(?!ci$|pre-commit|gitignore)|__pycache__$|results$|cache$|build$|dist$)|\.egg-info$")
    return [path for path in ROOT.rglob("*")
            if path.is_file() and not any(hidden.search(part) for part in path.relative_to(ROOT).parts)]


def sources():
    return sorted(PACKAGE.rglob("*.py"))


# Layout


def test_source_root_holds_only_the_package():
    """Anything else there could be imported as `coverage` or beside it, and break numba."""
    assert {path.name for path in (ROOT / "coverage").iterdir()} - {"__pycache__"} == {"carecircle"}


def test_names_of_the_top_level():
    wanted = ["coverage", "data/boundaries", "data/facilities", "notebooks", "scripts", "tests", "environment.yml",
              "README.md"]
    assert [name for name in wanted if not (ROOT / name).exists()] == []


def test_nothing_that_would_shadow_a_module():
    assert list(ROOT.glob("*.py")) == []
    assert not (ROOT / "tests" / "__init__.py").exists()
    assert "!/coverage/" in (ROOT / ".gitignore").read_text("utf-8").split()


def test_numba_and_coverage_work_from_the_root():
    code = "import numba, coverage, coverage.types; print(coverage.__file__); coverage.types.Tracer"
    assert Path(python("-c", code)).parent.parent != ROOT


@pytest.mark.parametrize("name", ["scripts/demo", "scripts/check", "scripts/test", ".ci/run"])
def test_scripts_can_be_run(name):
    assert os.access(ROOT / name, os.X_OK)
    subprocess.run(["bash", "-n", ROOT / name], check=True)


def test_no_long_module():
    long = {path.name: count for path in sources() if (count := len(path.read_text("utf-8").splitlines())) > 500}
    assert long == {}


def test_imports_flow_one_way():
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    python("-c", code)


def test_no_registry_and_no_machine_is_named():
    found = [f"{path.relative_to(ROOT)}:{number}" for path in own_files()
             for number, line in enumerate(path.read_bytes().decode("utf-8", "ignore").splitlines(), 1)
             if FORBIDDEN.search(line)]
    assert found == []


# What is installed


def floors(requirements):
    """Return name -> floor of requirements written as ``name>=floor``."""
    split = [re.fullmatch(r"([A-Za-z0-9._-]+)(?:>=([0-9.]+))?", text) for text in requirements]
    return {found[1].lower(): found[2] for found in split}


def conda_requirements():
    """Return (conda, pip) requirements; the file is simple enough to be read by its lines."""
    lines = (ROOT / "environment.yml").read_text("utf-8").split("dependencies:\n")[1].splitlines()
    items = [line for line in lines if line.lstrip().startswith("- ") and not line.endswith("pip:")]
    deep = [item.strip().removeprefix("- ") for item in items if item.startswith("      ")]
    return [item.strip().removeprefix("- ") for item in items if not item.startswith("      ")], deep


def test_conda_environment_has_the_same_floors():
    optional = PROJECT["project"]["optional-dependencies"]
    extra = [*optional["notebooks"], *(line for line in optional["postgis"] if "binary" not in line)]  # conda has libpq
    ours = floors([*PROJECT["project"]["dependencies"], *extra])
    conda, pip = conda_requirements()
    assert "--editable ." in pip
    from_pip = floors([line for line in pip if not line.startswith("--")])
    theirs = floors(conda)
    assert set(from_pip) == FROM_PIP
    assert set(theirs) >= CONDA_ONLY
    named = {CONDA_NAMES.get(name, name): floor for name, floor in ours.items() if name not in FROM_PIP}
    assert {name: floor for name, floor in theirs.items() if name not in CONDA_ONLY} == named
    assert from_pip == {name: ours[name] for name in FROM_PIP}
    assert theirs["python"] == PROJECT["project"]["requires-python"].removeprefix(">=")


def test_lock_pins_everything_the_project_names():
    extra = PROJECT["project"]["optional-dependencies"]["test"]
    named = set(floors([*PROJECT["project"]["dependencies"], *extra]))
    lines = [line for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    assert named - pinned == set()
    assert "carecircle" not in pinned


def test_wheel_carries_the_demo_city(tmp_path):
    python("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist"))
    version, installed = PROJECT["project"]["version"], tmp_path / "installed"
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    held = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    assert {name.split("/")[0] for name in held} == {"carecircle", f"carecircle-{version}.dist-info"}
    assert {f"carecircle/{path.relative_to(PACKAGE).as_posix()}" for path in sources()} <= held
    assert {"carecircle/texts.toml", "carecircle/traffic.toml", "carecircle/py.typed"} <= held
    code = "from carecircle import demo_path, demo_file, load_plan; load_plan(demo_file('plan')); print(demo_path())"
    where = python("-c", code, cwd=tmp_path, PYTHONPATH=str(installed))
    assert Path(where) == installed / "carecircle" / "datasets" / "demo_city"
    data = {path.relative_to(ROOT / "data").as_posix() for path in own_files() if path.is_relative_to(ROOT / "data")}
    assert {path.relative_to(where).as_posix() for path in Path(where).rglob("*") if path.is_file()} == data


# The public names


def test_public_names_are_sorted():
    def order(name):
        return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)

    assert carecircle.__all__ == sorted(carecircle.__all__, key=order)


@pytest.mark.parametrize("name", [name for name in carecircle.__all__ if not name.isupper()])
def test_public_names_are_described(name):
    assert inspect.getdoc(getattr(carecircle, name))


# Sentences


def gaps(sentence):
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def test_every_sentence_is_there_in_both_languages():
    assert {key: sorted(texts) for key, texts in catalogue().items() if sorted(texts) != ["en", "zh"]} == {}
    assert {key for key, texts in catalogue().items() if gaps(texts["zh"]) != gaps(texts["en"])} == set()
    assert {key for key, texts in catalogue().items() if not (texts["zh"].strip() and texts["en"].strip())} == set()


def strings():
    """Return (all string constants, all f-strings as patterns) of the package; in a pattern, gaps are groups."""
    trees = [ast.parse(path.read_text("utf-8")) for path in sources()]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    constants = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    patterns = {"".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"([\w\-]+)"
                        for part in node.values) for node in nodes if isinstance(node, ast.JoinedStr)}
    return constants, patterns


def words_of_data():
    """Return words that fill gaps of keys without standing in the code: of templates, and profile names."""
    folders = (PACKAGE / "report" / "templates", PACKAGE / "report" / "static")
    pages = " ".join(path.read_text("utf-8") for folder in folders for path in folder.iterdir())
    return set(re.findall(r"[\w\-]+", pages)) | set(carecircle.PROFILES)


OWN_VERBS = {"figure", "word"}
"""Sections with a function of their own that takes names without the section: ``said("title")``."""


def test_every_sentence_is_used():
    """A key counts as used when the code has it, or an f-string that makes it out of words that the code has."""
    constants, patterns = strings()
    words = constants | words_of_data()
    endings = tuple(value for value in constants if re.fullmatch(r"_\w+", value))
    prefixes = {value for value in constants if re.fullmatch(r"\w+\.(\w+_)?", value)}

    def is_word(name):
        return name in words or any(name.endswith(end) and name.removesuffix(end) in words for end in endings)

    def is_made(name):
        """Whether an f-string that begins with a word of its own (``f"title_{kind}"``) makes a name out of words."""
        made = (re.fullmatch(pattern, name) for pattern in patterns if re.match(r"[a-z]{4,}_", pattern))
        return any(found and all(map(is_word, found.groups())) for found in made)

    def used(key):
        section, name = key.split(".", 1)
        made = (re.fullmatch(pattern, key) for pattern in patterns if pattern.startswith(section + r"\."))
        return (key in constants or (section == "problem" and name in constants)
                or any(found and all(map(is_word, found.groups())) for found in made)
                or any(key.startswith(prefix) and is_word(key.removeprefix(prefix)) for prefix in prefixes)
                or (section in OWN_VERBS and (is_word(name) or is_made(name))))

    assert [key for key in catalogue() if not used(key)] == []


def calls(name):
    """Return every call of a function whose first argument is a plain string: (place, key, keywords or None for **)."""
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
            if called and node.args and isinstance(node.args[0], ast.Constant):
                given = {keyword.arg for keyword in node.keywords}
                found.append((f"{path.name}:{node.lineno}", node.args[0].value, None if None in given else given))
    return found


def test_every_key_in_the_code_exists():
    keys = {key for _, key, _ in calls("text")} | {f"problem.{key}" for _, key, _ in calls("problem")}
    assert keys - set(catalogue()) == set()
    assert len(keys) > 50


def test_every_gap_is_filled():
    """`str.format` raises for a gap that is not given; one that is given and not there is a sentence gone stale."""
    wanted = {key: gaps(texts["zh"]) for key, texts in catalogue().items()}
    plain = [(place, key, given, wanted[key]) for place, key, given in calls("text") if given is not None]
    about = [(place, f"problem.{key}", given, wanted[f"problem.{key}"] | (given & ADDRESS))
             for place, key, given in calls("problem") if given is not None]
    assert [(place, key) for place, key, given, gap in plain + about if given != gap] == []
