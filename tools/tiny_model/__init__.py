"""The tiny model under ``sample/tiny-qwen3``: its corpus, its exercises, its pretraining."""
