using Microsoft.Data.Sqlite;

namespace Baton.Server.Events.Log.Sqlite;

/// <summary>Reads of the file beside the writer, each on a connection of the pool.</summary>
internal sealed class EventReader(string connectionString)
{
    public List<LoggedEvent> Events(long from, int count, bool backwards) => Query(
        backwards
            ? "SELECT offset, at, json FROM events WHERE offset <= $0 ORDER BY offset DESC LIMIT $1"
            : "SELECT offset, at, json FROM events WHERE offset >= $0 ORDER BY offset LIMIT $1",
        row => new LoggedEvent(row.GetInt64(0), EventTime.FromMicros(row.GetInt64(1)), CloudEvent.Parse(row.GetFieldValue<byte[]>(2))),
        from, count);

    /// <summary>Only what decides about the delivery of events.</summary>
    public List<(long Offset, long Key, string Type)> Heads(long from, int count) => Query(
        "SELECT offset, key, type FROM events WHERE offset >= $0 ORDER BY offset LIMIT $1",
        row => (row.GetInt64(0), row.GetInt64(1), row.GetString(2)),
        from, count);

    public LoggedEvent? DeadLetterEvent(long id) => Query(
        "SELECT offset, at, json FROM dead_letters WHERE id = $0",
        row => new LoggedEvent(row.GetInt64(0), EventTime.FromMicros(row.GetInt64(1)), CloudEvent.Parse(row.GetFieldValue<byte[]>(2))),
        id).FirstOrDefault();

    public List<DeadLetter> DeadLetters(string? consumer, long after, int count) => Query(
        """
        SELECT d.id, c.name, d.offset, d.at, d.json, d.attempts, d.reason, d.died_at
        FROM dead_letters d JOIN consumers c ON c.id = d.consumer
        WHERE d.requeued = 0 AND d.id > $0 AND ($2 = '' OR c.name = $2) ORDER BY d.id LIMIT $1
        """,
        row => new DeadLetter(
            row.GetInt64(0), row.GetString(1),
            new LoggedEvent(row.GetInt64(2), EventTime.FromMicros(row.GetInt64(3)), CloudEvent.Parse(row.GetFieldValue<byte[]>(4))),
            row.GetInt32(5), row.GetString(6), EventTime.FromMicros(row.GetInt64(7))),
        after, count, consumer ?? "");

    public (long First, long Events, long DeadLetters) Counts() => Query(
        "SELECT coalesce((SELECT min(offset) FROM events), 0), (SELECT count(*) FROM events), (SELECT count(*) FROM dead_letters WHERE requeued = 0)",
        row => (row.GetInt64(0), row.GetInt64(1), row.GetInt64(2)))[0];

    private List<T> Query<T>(string sql, Func<SqliteDataReader, T> read, params ReadOnlySpan<object> arguments)
    {
        try
        {
            using var connection = new SqliteConnection(connectionString);
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            for (var index = 0; index < arguments.Length; index++)
            {
                command.Parameters.AddWithValue($"${index}", arguments[index]);
            }
            using var rows = command.ExecuteReader();
            var results = new List<T>();
            while (rows.Read())
            {
                results.Add(read(rows));
            }
            return results;
        }
        catch (SqliteException error)
        {
            throw new EventLogException($"the log of events cannot be read: {error.Message}", error);
        }
    }
}
