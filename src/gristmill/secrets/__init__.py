"""Secrets and personal data in files, a repository's history or its index, without a workspace.

Documents come from ``files``, ``history`` and ``staged``; ``windows`` reads them in bounded memory, ``detect`` finds,
``allow`` and ``baseline`` take away what is known, ``report`` and ``sarif`` tell what is left. Detection is that of a
build (``annotate.findings``). No value is ever told: a finding has a place and a fingerprint.
"""
