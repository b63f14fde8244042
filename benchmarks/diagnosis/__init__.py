"""Is the cause of a collapsed network named right?"""
