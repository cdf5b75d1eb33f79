using Baton.Durable.Hosting;

namespace Baton.Durable.Bench.Floor;

/// <summary>The floor behind the very transport of Baton.Durable, so that the difference between the two is the engine and its store.</summary>
internal static class FloorServer
{
    /// <summary>The hidden verb of this program that runs the floor.</summary>
    public const string Verb = "floor-server";

    public static async Task RunAsync(int port, CancellationToken cancellationToken)
    {
        await using var server = await DurableServer.StartAsync(
            new DurableServerOptions { Port = port },
            (_, _, _) => Task.FromResult(new DurableHost([new SystemHandler("floor", "nothing"), new FloorHandlers()], [], [], new Nothing())),
            cancellationToken);
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private sealed class Nothing : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
