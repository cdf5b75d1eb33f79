using System.Data.Common;
using System.Diagnostics;
using Baton.Server.Settings;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Baton.Server.Telemetry.Spans;

/// <summary>What is known of a trace without its spans.</summary>
internal sealed record TraceSummary(string TraceId, string Name, string Service, string? Run, long StartedNs, long? EndedNs, int Spans, int Errors);

/// <summary>
/// Keeps spans, bounded by age and number: in DATA/traces.db, or, where records are on PostgreSQL, in a table there, so
/// that all replicas show whole traces. Spans are no records: nothing else refers to them, they are not backed up, and
/// on SQLite a power cut may cost the last second of them.
/// One statement text serves both databases.
/// </summary>
internal sealed class SpanStore(DatabaseSettings database, TraceSettings settings, string dataFolder, TimeProvider time) : IDisposable
{
    public const string FileName = "traces.db";

    private const int MaxSpansOfTrace = 10_000;

    private const string Columns =
        "trace_id, span_id, parent_id, is_entry, name, kind, service, scope, started_ns, ended_ns, status, status_text, attributes, events, links, run";

    private const string Schema = """
        CREATE TABLE IF NOT EXISTS baton_spans (
            trace_id text NOT NULL, span_id text NOT NULL, parent_id text, is_entry smallint NOT NULL, name text NOT NULL, kind smallint NOT NULL,
            service text NOT NULL, scope text NOT NULL, started_ns bigint NOT NULL, ended_ns bigint, status smallint NOT NULL, status_text text,
            attributes text NOT NULL, events text NOT NULL, links text NOT NULL, run text, PRIMARY KEY (trace_id, span_id));
        CREATE INDEX IF NOT EXISTS baton_spans_started ON baton_spans (started_ns);
        CREATE INDEX IF NOT EXISTS baton_spans_entry ON baton_spans (started_ns) WHERE is_entry = 1;
        CREATE INDEX IF NOT EXISTS baton_spans_run ON baton_spans (run, started_ns) WHERE run IS NOT NULL;
        """;

    // A span that has ended is not opened again by whoever replays its beginning.
    private const string Insert = $"""
        INSERT INTO baton_spans ({Columns})
        VALUES (@trace, @span, @parent, @entry, @name, @kind, @service, @scope, @started, @ended, @status, @text, @attributes, @events, @links, @run)
        ON CONFLICT (trace_id, span_id) DO UPDATE SET
            parent_id = excluded.parent_id, is_entry = excluded.is_entry, name = excluded.name, started_ns = excluded.started_ns, ended_ns = excluded.ended_ns,
            status = excluded.status, status_text = excluded.status_text, attributes = excluded.attributes, events = excluded.events, links = excluded.links
        WHERE baton_spans.ended_ns IS NULL OR excluded.ended_ns IS NOT NULL
        """;

    private readonly DbDataSource source = database.Postgres is { } postgres
        ? NpgsqlDataSource.Create(postgres)
        : SqliteFactory.Instance.CreateDataSource(new SqliteConnectionStringBuilder { DataSource = Path.Combine(dataFolder, FileName), DefaultTimeout = 5 }.ToString());

    private bool IsPostgres => database.Postgres is not null;

    public async Task PrepareAsync(CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        // Two that create the same table at once disturb each other on PostgreSQL.
        await using var command = connection.CreateCommand();
        command.CommandText = IsPostgres ? $"BEGIN; SELECT pg_advisory_xact_lock(7280001); {Schema} COMMIT;" : $"PRAGMA journal_mode = WAL; {Schema}";
        await command.ExecuteNonQueryAsync(cancel);
    }

    public async Task WriteAsync(IReadOnlyCollection<StoredSpan> spans, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await (connection.CanCreateBatch ? InsertAtOnceAsync(connection, transaction, spans, cancel) : InsertEachAsync(connection, transaction, spans, cancel));
        await transaction.CommitAsync(cancel);
    }

    /// <summary>One way to the server and back for all.</summary>
    private static async Task InsertAtOnceAsync(DbConnection connection, DbTransaction transaction, IReadOnlyCollection<StoredSpan> spans, CancellationToken cancel)
    {
        await using var batch = connection.CreateBatch();
        batch.Transaction = transaction;
        foreach (var span in spans)
        {
            var command = batch.CreateBatchCommand();
            command.CommandText = Insert;
            foreach (var (name, value) in Values(span))
            {
                var parameter = command.CreateParameter();
                (parameter.ParameterName, parameter.Value) = (name, value ?? DBNull.Value);
                command.Parameters.Add(parameter);
            }
            batch.BatchCommands.Add(command);
        }
        await batch.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>One statement, which is read once, for one after the other.</summary>
    private static async Task InsertEachAsync(DbConnection connection, DbTransaction transaction, IReadOnlyCollection<StoredSpan> spans, CancellationToken cancel)
    {
        await using var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = Insert;
        foreach (var span in spans)
        {
            foreach (var (index, (name, value)) in Values(span).Index())
            {
                if (command.Parameters.Count == index)
                {
                    Add(command, name, value);
                }
                else
                {
                    command.Parameters[index].Value = value ?? DBNull.Value;
                }
            }
            await command.ExecuteNonQueryAsync(cancel);
        }
    }

    private static (string Name, object? Value)[] Values(StoredSpan span) =>
    [
        ("trace", span.TraceId), ("span", span.SpanId), ("parent", span.ParentId), ("entry", (short)(span.IsEntry ? 1 : 0)), ("name", span.Name), ("kind", (short)span.Kind),
        ("service", span.Service), ("scope", span.Scope), ("started", span.StartedNs), ("ended", span.EndedNs), ("status", (short)span.Status), ("text", span.StatusText),
        ("attributes", span.Attributes), ("events", span.Events), ("links", span.Links), ("run", span.Run),
    ];

    /// <summary>The spans of a trace by their start, the first 10,000; empty when there is no such trace.</summary>
    public async Task<List<StoredSpan>> ReadAsync(string traceId, CancellationToken cancel)
    {
        await using var command = Command(
            $"SELECT {Columns} FROM baton_spans WHERE trace_id = @trace ORDER BY started_ns, span_id LIMIT @limit", ("trace", traceId), ("limit", (long)MaxSpansOfTrace));
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var spans = new List<StoredSpan>();
        while (await reader.ReadAsync(cancel))
        {
            spans.Add(new()
            {
                TraceId = reader.GetString(0),
                SpanId = reader.GetString(1),
                ParentId = Text(reader, 2),
                IsEntry = reader.GetInt16(3) == 1,
                Name = reader.GetString(4),
                Kind = (ActivityKind)reader.GetInt16(5),
                Service = reader.GetString(6),
                Scope = reader.GetString(7),
                StartedNs = reader.GetInt64(8),
                EndedNs = reader.IsDBNull(9) ? null : reader.GetInt64(9),
                Status = (ActivityStatusCode)reader.GetInt16(10),
                StatusText = Text(reader, 11),
                Attributes = reader.GetString(12),
                Events = reader.GetString(13),
                Links = reader.GetString(14),
                Run = Text(reader, 15),
            });
        }
        return spans;
    }

    /// <summary>The trace of the newest run of this workflow id; null when none is known.</summary>
    public async Task<string?> TraceOfRunAsync(string run, CancellationToken cancel)
    {
        // Signals and calls from elsewhere name the run too: its own span is in the trace that it belongs to.
        await using var command = Command(
            "SELECT trace_id FROM baton_spans WHERE run = @run ORDER BY CASE WHEN name LIKE 'RunWorkflow:%' THEN 0 ELSE 1 END, started_ns DESC LIMIT 1", ("run", run));
        return await command.ExecuteScalarAsync(cancel) as string;
    }

    /// <summary>Traces by their start, the newest first.</summary>
    /// <param name="before">Only those that began before; nanoseconds since 1970.</param>
    public async Task<List<TraceSummary>> ListAsync(int limit, long before, CancellationToken cancel)
    {
        await using var command = Command("""
            SELECT e.trace_id, e.name, e.service, e.started_ns,
                (SELECT MAX(s.run) FROM baton_spans s WHERE s.trace_id = e.trace_id),
                (SELECT CASE WHEN COUNT(*) = COUNT(s.ended_ns) THEN MAX(s.ended_ns) END FROM baton_spans s WHERE s.trace_id = e.trace_id),
                (SELECT COUNT(*) FROM baton_spans s WHERE s.trace_id = e.trace_id),
                (SELECT COUNT(*) FROM baton_spans s WHERE s.trace_id = e.trace_id AND s.status = 2)
            FROM baton_spans e
            WHERE e.is_entry = 1 AND e.started_ns < @before
                AND NOT EXISTS (SELECT 1 FROM baton_spans f WHERE f.trace_id = e.trace_id AND f.is_entry = 1
                    AND (f.started_ns < e.started_ns OR (f.started_ns = e.started_ns AND f.span_id < e.span_id)))
            ORDER BY e.started_ns DESC LIMIT @limit
            """, ("before", before), ("limit", (long)limit));
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var traces = new List<TraceSummary>();
        while (await reader.ReadAsync(cancel))
        {
            traces.Add(new(
                reader.GetString(0), reader.GetString(1), reader.GetString(2), Text(reader, 4), reader.GetInt64(3),
                reader.IsDBNull(5) ? null : reader.GetInt64(5), (int)reader.GetInt64(6), (int)reader.GetInt64(7)));
        }
        return traces;
    }

    /// <summary>Deletes what is over age or number.</summary>
    /// <returns>How many spans.</returns>
    public async Task<int> TrimAsync(CancellationToken cancel)
    {
        var deleted = await DeleteAsync(StoredSpan.Nanoseconds((time.GetUtcNow() - settings.Retention).UtcDateTime));
        await using var oldest = Command("SELECT started_ns FROM baton_spans ORDER BY started_ns DESC LIMIT 1 OFFSET @keep", ("keep", (long)settings.MaxSpans));
        return await oldest.ExecuteScalarAsync(cancel) is long tooOld ? deleted + await DeleteAsync(tooOld + 1) : deleted;

        async Task<int> DeleteAsync(long before)
        {
            await using var command = Command("DELETE FROM baton_spans WHERE started_ns < @before", ("before", before));
            return await command.ExecuteNonQueryAsync(cancel);
        }
    }

    public void Dispose() => source.Dispose();

    /// <summary>A command that opens and closes a connection of its own.</summary>
    private DbCommand Command(string text, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        var command = source.CreateCommand(text);
        foreach (var (name, value) in parameters)
        {
            Add(command, name, value);
        }
        return command;
    }

    private static void Add(DbCommand command, string name, object? value)
    {
        var parameter = command.CreateParameter();
        parameter.ParameterName = name;
        parameter.Value = value ?? DBNull.Value;
        command.Parameters.Add(parameter);
    }

    private static string? Text(DbDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
}
