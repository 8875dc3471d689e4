"""The model that is trained: loading, LoRA, losses, and where its weights lie."""
