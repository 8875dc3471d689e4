"""Fill a folder with what ``check_offline.py`` needs on a machine with a card and no internet.

    python benchmarks/gpu/carry_wheels.py --folder .carry --python 3.12 --cuda 13.0 --limit 64

PyTorch with CUDA must be there already: it is some gigabytes. Of bitsandbytes, which brings a library for every CUDA, only
the one of that machine's CUDA is kept.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from app.core.cli import log, run_program
from app.core.errors import ConfigError
from app.core.manifests import REPOSITORY, git_revision
from benchmarks.gpu.check_offline import BESIDE, COMMIT

# With the versions of constraints.txt: the figures are of these, and pydantic is on few machines of that kind.
PINNED = (
    "accelerate", "annotated-types", "bitsandbytes", "peft", "pydantic", "pydantic-settings", "pydantic_core",
    "python-dotenv", "transformers", "typing-inspection", "typing_extensions",
)  # fmt: skip
# Measured beside ours, and in no constraints.txt: nothing of the project needs them.
TRL = ("trl==1.16.0", "datasets==5.2.0", "dill==0.4.1", "multiprocess==0.70.19")
# pip takes a wheel for exactly the names given here.
PLATFORMS = ("2_28", "2_24", "2_17", "2_12", "2_5")
_OTHER_LIBRARY = re.compile(r"bitsandbytes/libbitsandbytes_(?!cpu\.so$).*\.so")


def pinned(names: Sequence[str], constraints: str) -> list[str]:
    """``name==version`` of each name, as ``constraints.txt`` has it. Raises ConfigError for a name without one."""
    found = {
        line.partition("==")[0]: line.partition("#")[0].strip() for line in constraints.splitlines() if "==" in line
    }
    missing = [name for name in names if name not in found]
    if missing:
        raise ConfigError(f"constraints.txt: {'、'.join(missing)} の版がありません。加えてください。")
    return [found[name] for name in names]


def keep_one_library(wheel: Path, cuda: str) -> None:
    """Rewrite bitsandbytes' wheel without the libraries of other CUDA versions. Raises ConfigError where it has none."""
    kept = f"bitsandbytes/libbitsandbytes_cuda{cuda.replace('.', '')}.so"
    with zipfile.ZipFile(wheel) as old:
        names = [name for name in old.namelist() if name == kept or not _OTHER_LIBRARY.fullmatch(name)]
        if kept not in names:
            has = re.findall(r"libbitsandbytes_cuda(\d+)(\d)\.so", "\n".join(old.namelist()))
            raise ConfigError(
                f"--cuda {cuda}: {wheel.name} にこの CUDA の部品がありません（あるのは {'、'.join(f'{major}.{minor}' for major, minor in has)}）。"
                "運ぶ先の torch.version.cuda を確かめてください。"
            )
        data = {name: old.read(name) for name in names}
    record = next(name for name in names if name.endswith(".dist-info/RECORD"))
    rows = [row for row in csv.reader(io.StringIO(data[record].decode("utf-8"))) if row and row[0] in data]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    data[record] = text.getvalue().encode("utf-8")
    small = wheel.with_suffix(".part")
    with zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in data.items():
            new.writestr(name, content)
    small.replace(wheel)


def travelling_mib(folder: Path, repository: Path = REPOSITORY) -> tuple[float, float]:
    """MiB of the wheels and of the repository's tracked files."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, check=True).stdout
    tracked = [repository / name for name in listed.decode("utf-8").split("\0") if name]
    return (
        sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20,
        sum(path.stat().st_size for path in tracked if path.is_file()) / 2**20,
    )


def download(wanted: Sequence[str], folder: Path, python: str) -> None:
    """The wheels of ``wanted``, and nothing of what they need: the machine has most of it, and check_offline.py looks.

    Raises ConfigError with pip's word where one cannot be had.
    """
    platforms = [word for one in PLATFORMS for word in ("--platform", f"manylinux_{one}_x86_64")]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--only-binary=:all:", "--implementation", "cp", "--python-version", python, *platforms, "--dest", str(folder),
         *wanted],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise ConfigError(f"取得できませんでした（{' '.join(said[-1:]) or done.stderr[-200:].strip()}）。")


def main(argv: Sequence[str]) -> int:
    """Download, slim, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="新しいフォルダ")
    parser.add_argument("--python", default="3.12", help="運ぶ先の Python（既定: 3.12）")
    parser.add_argument("--cuda", default="13.0", help="運ぶ先の torch.version.cuda（既定: 13.0）")
    parser.add_argument("--limit", type=float, help="リポジトリと合わせて運べる大きさ（MiB）")
    arguments = parser.parse_args(argv)
    folder: Path = arguments.folder
    if folder.exists():
        raise ConfigError(f"--folder {folder}: もうあります。二つの版が混ざるので、消すか、新しい名前にしてください。")
    folder.mkdir(parents=True)
    wanted = pinned(PINNED, (REPOSITORY / "constraints.txt").read_text(encoding="utf-8"))
    download(wanted, folder, arguments.python)
    download(TRL, folder / BESIDE, arguments.python)
    (wheel,) = folder.glob("bitsandbytes-*.whl")
    keep_one_library(wheel, arguments.cuda)
    (folder / COMMIT).write_text(f"{git_revision()}\n", encoding="utf-8")
    wheels, repository = travelling_mib(folder)
    log(
        f"{folder}: {len(wanted) + len(TRL)} 個、{wheels:.1f} MiB（リポジトリの {repository:.1f} MiB と合わせて {wheels + repository:.1f}）"
    )
    if arguments.limit is not None and wheels + repository > arguments.limit:
        raise ConfigError(f"--limit {arguments.limit:g} MiB を超えます（{wheels + repository:.1f}）。")
    return 0


if __name__ == "__main__":
    sys.exit(run_program(main))
