"""Fine-tune Qwen3 with 4-bit QLoRA on Japanese law questions, and prove whether that helped. Installed, it is ``horei``."""
