"""app.retrieval"""
