"""app.data"""
