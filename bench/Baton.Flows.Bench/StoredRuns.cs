using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Baton.Flows.Bench;

/// <summary>
/// Fills the store of a stopped server with copies of closed runs that it has: every row of a run, under new keys and ids, ended a
/// little earlier each. A million real runs would take an hour; what a list, an index or a deletion meets is the same. The state of
/// a copy still names the run that it was copied from, which nothing reads as long as the run is closed.
/// </summary>
internal static class StoredRuns
{
    private const int Originals = 1_000;
    private const int CopiesAtOnce = 100;

    private static readonly (string Table, string Columns)[] Tables =
    [
        ("entities", "run_key, kind, namespace, id, run_id, state"),
        ("entity_parts", "run_key, part, bytes"),
        ("current_runs", "namespace, kind, id, run_key"),
        ("history", "run_key, first_event_id, event_count, events"),
        ("visibility", "run_key, kind, namespace, id, run_id, type, task_queue, status, start_time, execution_time, close_time, delete_at, history_length, history_size, state_transitions, parent_id, parent_run_id, root_id, root_run_id, memo, attributes, extra"),
        ("visibility_values", "run_key, attribute, value"),
    ];

    /// <returns>Closed runs that are stored then.</returns>
    public static int Fill(string file, int wanted)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
        connection.Open();
        // Nobody else has the file, and it is thrown away in the end.
        Run("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA temp_store = MEMORY");
        Run($"""
            CREATE TEMP TABLE originals (ordinal INTEGER PRIMARY KEY AUTOINCREMENT, run_key INTEGER NOT NULL UNIQUE);
            INSERT INTO originals (run_key) SELECT run_key FROM visibility WHERE type = 'BatonFlow' AND close_time IS NOT NULL AND id NOT LIKE '%~%' ORDER BY run_key LIMIT {Originals};
            CREATE TEMP TABLE copies (number INTEGER PRIMARY KEY);
            """);
        // Read once: the tables that are written grow, and not all are indexed by run.
        foreach (var (table, columns) in Tables)
        {
            Run($"CREATE TEMP TABLE original_{table} AS SELECT ordinal, {columns} FROM originals JOIN {table} USING (run_key)");
        }
        var originals = (int)Scalar("SELECT count(*) FROM originals");
        var stored = (int)Scalar("SELECT count(*) FROM visibility WHERE type = 'BatonFlow' AND close_time IS NOT NULL");
        var first = Scalar("SELECT max(run_key) FROM entities") + 1;
        for (var copied = 0; stored < wanted; copied += CopiesAtOnce)
        {
            var copies = Math.Min(CopiesAtOnce, (wanted - stored + originals - 1) / originals);
            Run($"DELETE FROM copies; WITH RECURSIVE n(i) AS (VALUES ({copied}) UNION ALL SELECT i + 1 FROM n WHERE i < {copied + copies - 1}) INSERT INTO copies SELECT i FROM n");
            var key = $"({first} + number * {originals} + ordinal - 1)";
            Run("BEGIN");
            foreach (var (table, columns) in Tables)
            {
                var values = string.Join(", ", columns.Split(", ").Select(column => column switch
                {
                    "run_key" => key,
                    "id" => $"id || '~' || {key}",
                    "run_id" => $"substr(run_id, 1, 24) || printf('%012x', {key})",
                    "start_time" or "execution_time" or "close_time" => $"{column} - (number + 1) * 1000",
                    _ => column,
                }));
                Run($"INSERT INTO {table} ({columns}) SELECT {values} FROM copies CROSS JOIN original_{table}");
            }
            Run("COMMIT");
            stored += copies * originals;
        }
        Run("PRAGMA journal_mode = WAL");
        return stored;

        void Run(string sql)
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            command.CommandTimeout = 0;
            command.ExecuteNonQuery();
        }

        long Scalar(string sql)
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
        }
    }
}
