"""Which trainings and evaluations are listed, and which pictures may be fetched."""

import json

from app.serving.experiments import Evaluation, experiments


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value) if not isinstance(value, str) else value, encoding="utf-8")


def folder(tmp_path):
    root = tmp_path / "results"
    run = {
        "base_model": {"name": "tiny"}, "form": "choice", "train_file": {"questions": 7, "records": 28}, "training": {"steps": 3},
    }  # fmt: skip
    write(root / "adapter/run.json", run)
    (root / "adapter/loss_curve.png").write_bytes(b"\x89PNG")
    write(root / "elsewhere/run.json", {"base_model": None})
    result = {
        "run": {"model": {"base_model": {"name": "tiny"}}, "adapter": {"path": "adapter"}, "plan": {"context": "rag"}},
        "summary": {"accuracy": 0.75, "ci95": [0.5, 0.9], "total": 8}, "results": [],
    }  # fmt: skip
    write(root / "eval/tuned.json", result)
    write(root / "eval/odd.json", {"summary": {}, "results": [], "run": None})
    write(root / "eval/broken.json", "{")
    write(root / "eval/list.json", [1])
    write(root / ".hidden/tuned.json", result)
    write(root / "a/b/c/d/e/tuned.json", result)
    (root / "link.json").symlink_to(root / "eval/tuned.json")
    return root


def test_what_is_listed(tmp_path):
    root = folder(tmp_path)
    trainings, evaluations = experiments([root, tmp_path / "nowhere"])
    by_folder = {one.folder: one for one in trainings}
    one = by_folder[str(root / "adapter")]
    assert (one.base, one.form, one.questions, one.steps) == ("tiny", "choice", "7 問、28 レコード", "3")
    assert one.curve == root / "adapter/loss_curve.png"
    assert by_folder[str(root / "elsewhere")].curve is None
    assert sorted(evaluations, key=lambda each: each.file) == [
        Evaluation(str(root / "eval/odd.json"), "", "", "－", ""),
        Evaluation(str(root / "eval/tuned.json"), "tiny、アダプタ adapter", "rag", "75.0%（95 % 区間 50%–90%）", "8"),
    ]


def test_the_page_and_its_pictures(page, tmp_path):
    root = folder(tmp_path)
    client = page(runs=[root])
    assert "tiny、アダプタ adapter" in client.get("/runs").text
    picture = client.get("/runs/curve", params={"run": str(root / "adapter")})
    assert (picture.status_code, picture.headers["content-type"], picture.content) == (200, "image/png", b"\x89PNG")
    for other in ("", "/etc/passwd", str(root / "elsewhere"), f"{root}/adapter/../adapter"):
        assert client.get("/runs/curve", params={"run": other}).status_code == 404
