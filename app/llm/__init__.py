"""app.llm"""
