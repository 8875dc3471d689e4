"""The invented statute book and questions under ``sample/``."""
