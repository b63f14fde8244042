"""How is something kept on a disk so that a crash leaves the old or the new, and nothing between?"""
