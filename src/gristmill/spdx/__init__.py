"""What licence expressions, statements and file names say, independent of any content or place.

``expressions`` parses and normalises SPDX expressions, ``statements`` reads the free text that people write
in manifests, ``classes`` sorts expressions into permissive, restricted and unknown, ``filenames`` knows which
files carry licences. ``allow_list`` says which expressions a policy lets in; ``compatibility``, ``obligations``
and ``texts`` say what a release reports. Used by ``annotate``, ``decide`` and ``release``.
"""
