"""The HTTP layer of the simulated API: what a request means and how its answer is written.

A request is a value and so is its response; what changes in between is the world alone.

- :mod:`~session_lab.simulator.api.http_types`, requests, responses and their forms;
  :mod:`~session_lab.simulator.api.error_responses`, the canned ones;
  :mod:`~session_lab.simulator.api.javascript.json_text`, JSON as JavaScript has it;
- :mod:`~session_lab.simulator.api.paths`, paths, redirects and queries;
- :mod:`~session_lab.simulator.api.auth`, keys, tokens and scopes;
- :mod:`~session_lab.simulator.api.validation`, schemas with the server's error texts;
- :mod:`~session_lab.simulator.api.lists.session_list`, filters, pages and cursors of the list of
  sessions, and :mod:`~session_lab.simulator.api.lists.run_list`, those of the list of runs;
- :mod:`~session_lab.simulator.api.lists.database_limits`, what the server's database refuses or changes;
- :mod:`~session_lab.simulator.api.views.json_rows`, sessions and runs as they are written, and
  :mod:`~session_lab.simulator.api.views.sse`, the event streams of channels;
- :mod:`~session_lab.simulator.api.checks`, the checks before an endpoint;
  :mod:`~session_lab.simulator.api.context`, what it is then handed;
  :mod:`~session_lab.simulator.api.handlers`, the endpoints;
  :mod:`~session_lab.simulator.api.routes`, the table of them all.

The order of the checks, first failure wins (``apps/webapp/server.ts`` and
``apps/webapp/app/services/routeBuilders/apiBuilder.server.ts`` of the open-source server):

1. a trailing slash is redirected;
2. below ``/api`` the ``Authorization`` header must be there, then the rate limit is counted;
   ``OPTIONS`` passes both;
3. the path must decode and match a route, ``OPTIONS`` is answered, the method must be the route's;
4. the credential must be valid;
5. on writes the announced length must be there and within the route's cap;
6. path parameters, then the query, then on writes the body: there, JSON and truthy, valid;
7. on reads the session must be there, then the scopes must reach it; on writes the other way round.
"""

__all__: list[str] = []
