# `make demo` and `make test` are the two commands of the README. Both need only python3 (3.11–3.13), pip and PyPI.
PYTHON ?= python3
VENV := .venv
# A venv keeps its programs in Scripts on Windows and in bin elsewhere.
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
STAMP := $(VENV)/.installed
# The library of each thread pool would take every core twice over on small machines.
export TOKENIZERS_PARALLELISM := false
export PYTHONUTF8 := 1

.PHONY: help install demo test cross-fit two-stages lint format docs pictures index update gpu-check clean

help:  ## この一覧を表示する
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "Python 3.11〜3.13 が必要です（いまは $$($(PYTHON) --version)）。make PYTHON=python3.12 $(MAKECMDGOALS) のように指定してください。" >&2; exit 1; }
	@echo "必要なパッケージを $(VENV) に入れます（初回は数分かかります）"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

install:  ## 学習・評価に要るものだけを .venv に入れる（開発用の道具は入れない）
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt .
	@echo "入りました: $(BIN)/horei --help"

demo: $(STAMP)  ## 付属の見本で、学習から評価までを通して動かす（CPU で 3 分以内）
	@$(BIN)/python scripts/demo.py

serve: $(STAMP)  ## 質問・文の確かめ・検索・条文のページを開く（make demo の後は見本で。INDEX= と ADAPTER= で変えられる）
	@$(BIN)/python scripts/serve.py --index-dir $(or $(INDEX),results/demo/index) $(if $(or $(ADAPTER),$(wildcard results/demo/adapter)),--adapter $(or $(ADAPTER),results/demo/adapter))

test: lint  ## 検査（ruff, mypy）とテスト
	@$(BIN)/python -m pytest -q

cross-fit: $(STAMP)  ## 付属の見本の全問を 5 組の交差適合で学習・評価し、結果を検査する（CPU で 5 分以内）
	@$(BIN)/python -m pytest -q -m slow --durations=1 tests/commands/test_cross_fit.py

two-stages: $(STAMP)  ## 法令から作った問題と実在の問題の二段で学習し、前後を比べる（MODEL= DATA= LAWS= OUT=）
	@$(BIN)/python scripts/two_stages.py --model-name $(MODEL) --data $(or $(DATA),data/lawqa_jp/selection.json) --laws $(or $(LAWS),data/egov/all_laws.zip) --output-dir $(or $(OUT),results/two_stages)

gpu-check: $(STAMP)  ## GPU でメモリの予測・速さ・CPU との一致を確かめ、報告を書く（MODEL=… で別のモデル）
	@$(BIN)/python scripts/gpu_check.py $(if $(MODEL),--model-name $(MODEL))

lint: $(STAMP)  ## 検査だけ（ruff, mypy）
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(STAMP)  ## コードを整形する
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(STAMP)  ## 文書のうち、プログラムから作る部分を書き直す
	@$(BIN)/python scripts/build_docs.py

pictures: $(STAMP)  ## README の画像（docs/pictures）を、make demo のフォルダから撮り直す（Chromium が要る）
	@$(BIN)/python scripts/build_pictures.py

index: $(STAMP)  ## data/egov/all_laws.zip から法令の索引を作る（SOURCE= と INDEX= で変えられる）
	@$(BIN)/python scripts/build_index.py --source $(or $(SOURCE),data/egov/all_laws.zip) --index-dir $(or $(INDEX),data/index)

update: $(STAMP)  ## 索引を e-Gov の変更に追いつかせる（INDEX= で変えられる）
	@$(BIN)/python scripts/update_index.py --index-dir $(or $(INDEX),data/index)

clean:  ## .venv と作業ファイルを消す
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis
