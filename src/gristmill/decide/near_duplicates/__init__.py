"""Near duplicates: from MinHash band keys to the one file kept for each group of files alike.

``candidates`` proposes pairs from shared bands, ``similarity`` measures each pair exactly, ``assignment``
decides which items go and for whose sake, ``components`` groups items that pairs connect.

Items are numbered from 0 in all four; the caller knows which content has which number.
"""
