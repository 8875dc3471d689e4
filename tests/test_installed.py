"""The package as a user installs it: a wheel in an empty environment, outside the checkout, beside a foreign ``app``."""

from __future__ import annotations

import json
import re
import shutil
import site
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

from app.__main__ import as_installed, main, overview
from app.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it; its dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    shutil.copytree(ROOT / "app", source / "app", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (wheel,) = folder.glob("*.whl")
    shutil.rmtree(source)
    venv.create(folder / "venv", with_pip=False)
    scripts = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    python = scripts / "python"
    place = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    found = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages(), *sys.path}
    others = sorted(path for path in found if path.endswith("-packages"))
    Path(place, "dependencies.pth").write_text("\n".join(others) + "\n", encoding="utf-8")
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", str(wheel)], check=True, capture_output=True)
    return scripts


def run(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([installed / "horei", *words], capture_output=True, text=True, cwd=folder)


def test_it_searches_and_plans_outside_the_checkout_beside_a_foreign_app(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise RuntimeError('a foreign app')\n", encoding="utf-8")
    made = run(installed, tmp_path, "index", "--source", str(ROOT / "sample" / "laws"), "--index-dir", "index")
    assert made.returncode == 0, made.stderr
    found = run(installed, tmp_path, "search", "届出の期限", "--index-dir", "index", "--top-k", "1", "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout.splitlines()[0])
    planned = run(installed, tmp_path, "plan", "--model-name", "Qwen/Qwen3-1.7B", "--vram", "10", "--max-seq-length", "256", "--batch-size", "1", "--json")  # fmt: skip
    assert planned.returncode == 0, planned.stderr
    assert json.loads(planned.stdout)["model"] == "Qwen/Qwen3-1.7B"


def test_it_speaks_of_its_own_commands(installed: Path, tmp_path: Path) -> None:
    helped = run(installed, tmp_path, "search", "--help")
    assert helped.returncode == 0
    assert 'horei search "' in helped.stdout
    assert "scripts/" not in helped.stdout
    missing = run(installed, tmp_path, "search", "届出", "--index-dir", "nothing")
    assert missing.returncode == 1
    assert "horei index で作ってください" in missing.stderr


def test_it_can_be_imported_by_name(installed: Path, tmp_path: Path) -> None:
    code = "from horei.llm.hf_llm import HFLLMConfig, HFLoRALLM; import horei, sys; print(horei.__name__, 'app' in sys.modules)"
    done = subprocess.run([installed / "python", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout.strip(), done.returncode) == ("horei False", 0), done.stderr


def test_the_wheel_names_every_room() -> None:
    rooms = {
        ".".join(("horei", *path.parent.relative_to(ROOT / "app").parts))
        for path in (ROOT / "app").rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == rooms


def test_every_program_of_the_package_is_a_subcommand() -> None:
    programs = {path.stem for path in (ROOT / "app" / "commands").glob("*.py")} - {"__init__"}
    assert set(COMMANDS.values()) == programs
    assert len(set(COMMANDS.values())) == len(COMMANDS)
    assert [re.match(r"  (\S+) ", line)[1] for line in overview().splitlines()[2:]] == list(COMMANDS)  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python scripts/build_index.py --add x.zip", "horei index --add x.zip"),
        ("scripts/train_qwen_law_ft.py で", "horei train で"),
        ("python scripts/demo.py", "python scripts/demo.py"),  # only the checkout has it
        ("my-scripts/other.py", "my-scripts/other.py"),
    ],
)
def test_programs_are_called_as_they_are_called_where_it_is_installed(text: str, expected: str) -> None:
    assert as_installed(text) == expected


def test_an_unknown_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian"]) == 2
    assert (
        capsys.readouterr().err
        == "horei: 使い方の誤り: 'trian' というコマンドはありません（horei --help で一覧を表示）\n"
    )
