using System.Threading.Channels;
using Baton.Durable.Bench.Targets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace Baton.Server.Bench.Servers;

/// <summary>
/// What any server on Kestrel costs: /nothing reads the request and answers; /commit stores its bytes in SQLite with synchronous=FULL
/// first, one commit for all requests that wait at that moment.
/// </summary>
internal sealed class FloorServer(ChildProcess process, int port) : IAsyncDisposable
{
    public const string Verb = "floor";

    public int Id => process.Id;

    /// <summary>Its paths are taken as they are: there is nothing below /api/v1.</summary>
    public ApiClient Api { get; } = new(new($"http://127.0.0.1:{port}"), ["none"]);

    public static async Task<FloorServer> StartAsync(BenchFolder folders)
    {
        var port = ChildProcess.FreePort();
        var process = ChildProcess.Start(Environment.ProcessPath!, [Verb, $"{port}", Path.Combine(folders.New("floor"), "floor.db")]);
        await process.ListensAsync(port);
        return new(process, port);
    }

    public static async Task RunAsync(int port, string file, CancellationToken cancel)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        await using var app = builder.Build();
        using var store = new Store(file);
        app.MapGet("/api/v1/nothing", () => Answer());
        app.MapPost("/api/v1/nothing", async (HttpRequest request) =>
        {
            await BodyAsync(request);
            return Answer();
        });
        app.MapPost("/api/v1/commit", async (HttpRequest request) =>
        {
            await store.AddAsync(await BodyAsync(request));
            return Answer();
        });
        await app.StartAsync(cancel);
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await process.DisposeAsync();
    }

    private static IResult Answer() => TypedResults.Text("{}", "application/json");

    private static async Task<byte[]> BodyAsync(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        return body.ToArray();
    }

    private sealed class Store : IDisposable
    {
        private readonly SqliteConnection connection;
        private readonly Channel<(byte[] Bytes, TaskCompletionSource Done)> waiting = Channel.CreateUnbounded<(byte[], TaskCompletionSource)>();
        private readonly Thread writer;

        public Store(string file)
        {
            connection = new SqliteConnection($"Data Source={file}");
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);";
            command.ExecuteNonQuery();
            writer = new Thread(Write) { IsBackground = true };
            writer.Start();
        }

        public Task AddAsync(byte[] bytes)
        {
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            waiting.Writer.TryWrite((bytes, done));
            return done.Task;
        }

        public void Dispose()
        {
            waiting.Writer.Complete();
            writer.Join();
            connection.Dispose();
        }

        private void Write()
        {
            using var insert = connection.CreateCommand();
            insert.CommandText = "INSERT INTO rows (bytes) VALUES ($bytes)";
            var bytes = insert.Parameters.Add("$bytes", SqliteType.Blob);
            while (waiting.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                var group = new List<TaskCompletionSource>();
                using (var transaction = connection.BeginTransaction())
                {
                    insert.Transaction = transaction;
                    while (waiting.Reader.TryRead(out var row))
                    {
                        bytes.Value = row.Bytes;
                        insert.ExecuteNonQuery();
                        group.Add(row.Done);
                    }
                    transaction.Commit();
                }
                group.ForEach(done => done.SetResult());
            }
        }
    }
}
