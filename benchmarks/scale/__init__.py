"""What does a fit from files larger than memory cost, and is it as good as one in memory?"""
