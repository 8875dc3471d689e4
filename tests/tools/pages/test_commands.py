"""What a page's commands are read as."""

from __future__ import annotations

import pytest

from app.core.errors import DataError
from tools.pages.commands import named_options, shell_commands, unmarked_commands

PAGE = """説明 `--alpha 3 --beta-x` と `-c` と --gamma。

```bash
# 注釈
python scripts/one.py --a 1 \\
  --b "二 つ"   # 後ろの注釈
A_B=3 .venv/bin/python scripts/two.py x && make test

cd x
python scripts/three.py q.jsonl > out/hits.jsonl
```

````markdown
```bash
git status
```
````

```
python scripts/four.py --delta
出力: make しました
```
"""


def test_commands_of_a_page() -> None:
    one, two, test, cd, three, git = shell_commands(PAGE, "p.md")
    assert (one.line, one.text) == (5, 'python scripts/one.py --a 1 --b "二 つ"')
    assert (one.program, one.arguments) == ("one", ["--a", "1", "--b", "二 つ"])
    assert (two.environment, two.program, two.arguments) == ((("A_B", "3"),), "two", ["x"])
    assert (test.line, test.words, test.program) == (7, ("make", "test"), None)
    assert cd.words == ("cd", "x")
    assert (three.output, three.arguments) == ("out/hits.jsonl", ["q.jsonl"])
    assert git.words == ("git", "status")
    assert three.place == "p.md:10: python scripts/three.py q.jsonl > out/hits.jsonl"


@pytest.mark.parametrize(
    ("line", "program", "arguments"),
    [
        ("torchrun --nproc-per-node 2 scripts/one.py --a 1", "one", ["--a", "1"]),
        ("accelerate launch --multi_gpu --num_processes 2 scripts/one.py scripts/two.py", "one", ["scripts/two.py"]),
        ("torchrun --nproc-per-node 2 --no-python horei train", None, ["--nproc-per-node", "2", "--no-python", "horei", "train"]),
        ("cat scripts/one.py", None, ["scripts/one.py"]),
        ("python -m pytest scripts/one.py", None, ["-m", "pytest", "scripts/one.py"]),
        ("python other/one.py", None, ["other/one.py"]),
    ],
)  # fmt: skip
def test_the_program_of_a_command(line: str, program: str | None, arguments: list[str]) -> None:
    (command,) = shell_commands(f"```bash\n{line}\n```\n", "p.md")
    assert (command.program, command.arguments) == (program, arguments)


def test_commands_outside_bash_blocks_and_options_in_the_text() -> None:
    assert unmarked_commands(PAGE) == [(20, "python scripts/four.py --delta")]
    assert named_options(PAGE) == [(1, "--alpha"), (1, "--beta-x")]


@pytest.mark.parametrize("line", ["cat x | grep y", 'python "x', "echo $(date)", "a ; b", "python x.py > y z", "A=1"])
def test_a_line_that_is_no_plain_command(line: str) -> None:
    with pytest.raises(DataError, match=r"^p\.md:2: "):
        shell_commands(f"```bash\n{line}\n```\n", "p.md")
