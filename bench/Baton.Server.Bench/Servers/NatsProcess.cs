using Baton.Durable.Bench.Targets;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;
using NATS.Net;

namespace Baton.Server.Bench.Servers;

/// <summary>nats-server with JetStream and its defaults: a message is in the file when it is answered, and synced within two minutes.</summary>
internal sealed class NatsProcess(ChildProcess process, int port) : IAsyncDisposable
{
    private const string Subject = "bench.events";

    private readonly NatsConnection connection = new(new NatsOpts { Url = $"nats://127.0.0.1:{port}", RequestTimeout = TimeSpan.FromSeconds(30) });
    private long last;

    public string Url => $"nats://127.0.0.1:{port}";

    public int Id => process.Id;

    public static async Task<NatsProcess> StartAsync(BenchFolder folders)
    {
        var port = ChildProcess.FreePort();
        var process = ChildProcess.Start("nats-server", ["--addr", "127.0.0.1", "--port", $"{port}", "--jetstream", "--store_dir", folders.New("nats")]);
        await process.ListensAsync(port);
        var nats = new NatsProcess(process, port);
        await nats.Stream.CreateStreamAsync(new StreamConfig("BENCH", [Subject]) { Discard = StreamConfigDiscard.New, DuplicateWindow = TimeSpan.FromMinutes(10) });
        return nats;
    }

    /// <summary>Publishes messages with ids, as Baton does, and waits for the server's answers.</summary>
    public async Task PublishAsync(byte[] message, int count)
    {
        var sent = new NatsJSPublishConcurrentFuture[count];
        try
        {
            for (var i = 0; i < count; i++)
            {
                sent[i] = await Stream.PublishConcurrentAsync(Subject, message, opts: new NatsJSPubOpts { MsgId = $"{Interlocked.Increment(ref last)}" });
            }
            foreach (var future in sent)
            {
                (await future.GetResponseAsync()).EnsureSuccess();
            }
        }
        finally
        {
            foreach (var future in sent)
            {
                await future.DisposeAsync();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync();
        await process.DisposeAsync();
    }

    private INatsJSContext Stream => field ??= connection.CreateJetStreamContext();
}
