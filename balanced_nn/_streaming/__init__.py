"""How are files larger than memory counted, sampled, shuffled on disk and trained on?"""
