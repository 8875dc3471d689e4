"""What travels to a machine with a card and no internet, and what is said there of what is missing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from app.core.errors import ConfigError
from app.core.manifests import REPOSITORY
from benchmarks.gpu import carry_wheels, check_offline
from tests.training.gpu_check.test_random_check import CONFIG

LIBRARIES = ("cpu", "cuda118", "cuda130", "cuda132", "rocm72", "xpu2026")


def make_wheel(folder: Path, name: str, files: dict[str, bytes], *, requires: tuple[str, ...] = ()) -> Path:
    """A wheel that pip takes, with its RECORD."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n" + "".join(
        f"Requires-Dist: {one}\n" for one in requires
    )
    files = {
        **files,
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}"
        for path, data in files.items()
    ]
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for inside, data in files.items():
            wheel.writestr(inside, data)
        wheel.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]) + "\n")
    return path


@pytest.fixture
def bitsandbytes(tmp_path: Path) -> Path:
    files = {f"bitsandbytes/libbitsandbytes_{name}.so": name.encode() * 1000 for name in LIBRARIES}
    return make_wheel(tmp_path, "bitsandbytes", {"bitsandbytes/__init__.py": b"", **files})


def test_one_cuda_library_is_kept_and_pip_takes_the_wheel(bitsandbytes: Path, tmp_path: Path) -> None:
    carry_wheels.keep_one_library(bitsandbytes, "13.0")
    with zipfile.ZipFile(bitsandbytes) as wheel:
        inside = sorted(name for name in wheel.namelist() if name.endswith(".so"))
        record = wheel.read("bitsandbytes-1.0.dist-info/RECORD").decode("utf-8")
        recorded = [line.partition(",")[0] for line in record.splitlines()]
        assert sorted(recorded) == sorted(wheel.namelist())
    assert inside == ["bitsandbytes/libbitsandbytes_cpu.so", "bitsandbytes/libbitsandbytes_cuda130.so"]
    target = tmp_path / "site"
    assert check_offline.install(tmp_path.glob("*.whl"), target) is None
    assert (target / "bitsandbytes" / "libbitsandbytes_cuda130.so").read_bytes() == b"cuda130" * 1000


def test_a_cuda_without_a_library_is_one_line(bitsandbytes: Path) -> None:
    before = bitsandbytes.read_bytes()
    with pytest.raises(
        ConfigError, match=r"--cuda 12\.8: .*この CUDA の部品がありません（あるのは 11\.8、13\.0、13\.2）"
    ):
        carry_wheels.keep_one_library(bitsandbytes, "12.8")
    assert bitsandbytes.read_bytes() == before


def test_versions_are_those_of_the_constraints() -> None:
    text = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8")
    wanted = carry_wheels.pinned(carry_wheels.PINNED, text)
    assert "bitsandbytes==0.50.2" in wanted
    assert len(wanted) == len(carry_wheels.PINNED)
    assert carry_wheels.pinned(["pillow"], text) == ["pillow==12.3.0"]  # what stands behind a # is no version
    with pytest.raises(ConfigError, match="nothing の版がありません"):
        carry_wheels.pinned(["torch", "nothing"], text)


def test_what_is_missing_is_said_by_name(tmp_path: Path) -> None:
    make_wheel(tmp_path, "root", {"root.py": b""}, requires=("old>=2", "gone", 'other; extra == "x"', "fine<2"))
    make_wheel(tmp_path, "old", {"old.py": b""})
    make_wheel(tmp_path, "fine", {"fine.py": b""}, requires=("deep",))
    target = tmp_path / "site"
    assert check_offline.install(tmp_path.glob("*.whl"), target) is None
    assert check_offline.missing(["root"], [str(target)]) == [
        "deep がありません", "gone がありません", "old>=2 が要りますが、1.0 です",
    ]  # fmt: skip
    assert check_offline.missing(["fine", "absent"], [str(target)]) == ["absent がありません", "deep がありません"]


def test_this_environment_lacks_nothing() -> None:
    assert check_offline.missing(check_offline.NEEDED, sys.path) == []


def test_trl_is_left_out_with_the_reason_and_kept_from_what_is_ours(tmp_path: Path) -> None:
    ours, beside, wheels = tmp_path / "ours", tmp_path / "beside", tmp_path / "wheels"
    assert check_offline._without_trl(wheels, ours, beside) == "wheel を運んでいません"
    wheels.mkdir()
    make_wheel(wheels, "trl", {"trl.py": b"raise ImportError('no such part')\n"}, requires=("lacking-part>=24",))
    assert check_offline._without_trl(wheels, ours, beside) == "lacking-part>=24 がありません"
    make_wheel(ours_wheels := tmp_path / "more", "lacking_part", {"lacking_part.py": b""})
    assert check_offline.install(ours_wheels.glob("*.whl"), ours) is None
    assert check_offline._without_trl(wheels, ours, beside) == "lacking-part>=24 が要りますが、1.0 です"
    (wheels / "trl-1.0-py3-none-any.whl").unlink()
    make_wheel(wheels, "trl", {"trl.py": b"raise ImportError('no such part')\n"}, requires=("lacking-part>=1",))
    assert check_offline._without_trl(wheels, ours, tmp_path / "again") == "ImportError: no such part"
    (wheels / "trl-1.0-py3-none-any.whl").unlink()
    make_wheel(wheels, "trl", {"trl.py": b"SFTTrainer = None\n"}, requires=("lacking-part>=1",))
    assert check_offline._without_trl(wheels, ours, tmp_path / "third") is None


def test_the_commands_of_the_page_have_the_options_that_the_programs_have() -> None:
    page = (REPOSITORY / "benchmarks" / "gpu" / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python (\S+\.py) (.+)$", page, flags=re.MULTILINE)
    assert [program for program, _ in commands] == [
        "scripts/gpu_check.py", "benchmarks/gpu/carry_wheels.py", "benchmarks/gpu/check_offline.py",
    ]  # fmt: skip
    for program, words in commands:
        source = REPOSITORY / program.replace("scripts/", "app/commands/")
        text = source.read_text(encoding="utf-8")
        assert [name for name in re.findall(r"--[a-z-]+", words) if f'"{name}"' not in text] == []


def test_a_folder_without_wheels_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_offline.main(["--wheels", str(tmp_path), "--output", str(tmp_path / "out")]) == 1
    assert "wheel がありません" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_without_a_card_it_says_so_in_one_line(tmp_path: Path) -> None:
    make_wheel(tmp_path, "carried", {"carried.py": b""})
    shown = subprocess.run(
        [sys.executable, "benchmarks/gpu/check_offline.py", "--wheels", str(tmp_path), "--output", str(tmp_path / "out")],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    said = shown.stderr.splitlines()
    assert (shown.returncode, len(said)) == (1, 1)
    assert "から GPU が見えません" in said[0]


@pytest.mark.slow
def test_the_whole_way_on_the_cpu(tmp_path: Path) -> None:
    wheels, out, config = tmp_path / "wheels", tmp_path / "out", tmp_path / "config.json"
    wheels.mkdir()
    make_wheel(wheels, "carried", {"carried.py": b""})
    (wheels / check_offline.COMMIT).write_text("abc123\n", encoding="utf-8")
    config.write_text(json.dumps({**CONFIG, "max_position_embeddings": 4096}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "benchmarks/gpu/check_offline.py", "--wheels", str(wheels), "--output", str(out), "--device",
         "cpu", "--models", str(config), "--minutes", "20"],
        cwd=REPOSITORY, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["card.json", "card.md", "machine.json", "tiny.md"]
    facts = json.loads((out / "machine.json").read_text("utf-8"))
    assert (facts["commit"], facts["tiny"], facts["random_weights"]) == ("abc123", "0", "0")
    ours = json.loads((out / "card.json").read_text("utf-8"))["cases"][0]
    assert list(ours["parts"]) == ["load", "train", "train_shared", "scoring", "scoring_shared"]
    assert "文字の確率の最大の差: 0.0000" in (out / "tiny.md").read_text("utf-8")
