"""How does a table come out of files of any size, and go into one?"""
