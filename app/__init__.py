"""horei-ft: fine-tune Qwen3 on Japanese law questions and prove whether that helped."""
