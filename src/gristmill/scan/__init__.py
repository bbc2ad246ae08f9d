"""Licences of a folder or file as it lies there, without a workspace: found, decided, told.

``run`` scans; ``report`` holds what was found and writes JSON; ``spdx2`` and ``spdx3`` write SPDX documents;
``policy`` says which licences may be there. Detection and decision are those of a build.
"""
