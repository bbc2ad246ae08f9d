"""How the default model of ``gristmill classify`` is trained: ``make train``, or ``python -m training --help``.

data -> ``sets`` (readers) -> ``held_out`` (development splits) -> ``pairs`` (what one epoch shows) -> ``loop`` (training)
-> ``measure`` (is it good?) -> ``ship`` (what goes into the wheel). Not part of the installed package; needs torch and
transformers.
"""
