"""app.evaluation"""
