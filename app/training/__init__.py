"""app.training"""
