"""How fast the package is, held against the tool that does the same job today.

From the top of the repository, in the environment that ``pip install -e ".[test]"`` makes::

    python -m tests.benchmarks [--only NAME] [--rounds N] [--json FILE]

Every benchmark has two sides, A (ours) and B (theirs), that do the same job on the same input. Each
is run once to warm up, and what they made of the job must be equal, or the command stops with an
error. Then they take turns in one run, A B A B ..., each turn after a garbage collection and with
the collector on, as a user has it. A turn of A and the turn of B after it are a pair, and the ratio
of a benchmark is the median of the ratios of its pairs: whatever else the machine is doing slows
both alike. Seconds are shown and never judged. Where a requirement is of processor time, which other
work on the machine changes least, both are shown and that of processor time is judged.

The table goes to standard output and progress to standard error. ``--json`` writes every single
time as well, and the machine and the versions they were measured with. Exit status: 0 when every
ratio is as required, 1 when one is missed, 2 for a name or a number that cannot be used.

Some benchmarks need programs that no Python package brings; where one is absent, the benchmark is
skipped and says why. For all of them: on ``PATH`` what ``npm install @stoplight/prism-cli wiremock``
puts into ``node_modules/.bin`` (WireMock needs Java).

A new benchmark is a function in the module of its group (or in a new one, named in ``__main__``):
a context manager that prepares the input outside the measurement, yields two ``Side`` objects, and
then puts away whatever it had to start, such as a server.
"""
