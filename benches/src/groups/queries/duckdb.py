"""Counts rows by kind in DuckDB: `duckdb.py ROWS.csv`.

A line of standard input, `THREADS TABLE`, is answered by one of JSON: nanoseconds by this client's clock, and the counts.
"""

import json
import sys
import time

import duckdb

ROWS = sys.argv[1]
COLUMNS = "{'time': 'UBIGINT', 'id': 'UBIGINT', 'kind': 'VARCHAR', 'a': 'UBIGINT', 'b': 'UBIGINT'}"
FILE = f"read_csv('{ROWS}', header = false, columns = {COLUMNS})"

db = duckdb.connect(":memory:")
# It would draw on the output that answers go to.
db.execute("SET enable_progress_bar = false")
db.execute(f"CREATE TABLE texts AS SELECT * FROM {FILE}")
# What its documentation advises for a text of few values.
db.execute("CREATE TYPE name AS ENUM (SELECT DISTINCT kind FROM texts ORDER BY kind)")
db.execute("CREATE TABLE enums AS SELECT * REPLACE (kind::name AS kind) FROM texts")
tables = {"texts": "texts", "enums": "enums", "file": FILE}
print(json.dumps({"version": duckdb.__version__}), flush=True)

before = None
for line in sys.stdin:
    threads, table = line.split()
    query = f"SELECT kind, count(*) FROM {tables[table]} GROUP BY kind"
    if before != threads:
        # Its threads start now, not in what is timed.
        db.execute(f"SET threads = {threads}")
        db.execute("SELECT kind, count(*) FROM enums GROUP BY kind").fetchall()
        before = threads
    start = time.perf_counter_ns()
    counts = db.execute(query).fetchall()
    took = time.perf_counter_ns() - start
    print(json.dumps({"ns": took, "counts": dict(counts)}), flush=True)
