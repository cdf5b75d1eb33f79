using Baton.Durable.Engine;
using Baton.Durable.Storage;

namespace Baton.Durable.Services;

/// <summary>Deletes closed executions whose retention is over, some at a time, once a minute.</summary>
internal sealed class Retention : IAsyncDisposable
{
    private const int ChunkSize = 100;
    private static readonly TimeSpan every = TimeSpan.FromMinutes(1);

    private readonly DurableEngine engine;
    private readonly CancellationTokenSource stop = new();
    private readonly Task loop;

    public Retention(DurableEngine engine)
    {
        this.engine = engine;
        loop = Task.Run(LoopAsync);
    }

    /// <summary>Deletes what is over now. Returns how many executions went.</summary>
    public static async Task<int> SweepAsync(DurableEngine engine, CancellationToken cancellationToken)
    {
        var deleted = 0;
        while (!cancellationToken.IsCancellationRequested)
        {
            var expired = engine.Store.Entities.ListExpired(Instant.ToDateTimeOffset(engine.Clock.Now()), ChunkSize);
            if (expired.Count == 0)
            {
                break;
            }

            deleted += await engine.Run(step =>
            {
                var count = 0;
                foreach (var runKey in expired)
                {
                    if (step.Load<Entity>(runKey) is { IsOpen: false } entity)
                    {
                        step.Delete(entity);
                        count++;
                    }
                }

                return count;
            }).ConfigureAwait(false);
        }

        return deleted;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await loop.ConfigureAwait(false);
        stop.Dispose();
    }

    private async Task LoopAsync()
    {
        using var timer = new PeriodicTimer(every, engine.Clock.Wall);
        try
        {
            while (await timer.WaitForNextTickAsync(stop.Token).ConfigureAwait(false))
            {
                try
                {
                    await SweepAsync(engine, stop.Token).ConfigureAwait(false);
                }
                catch (Exception e) when (e is StoreException or Hosting.ServiceException)
                {
                    // The disk refuses for now; the engine has logged it, and the next minute tries again.
                }
            }
        }
        catch (OperationCanceledException)
        {
        }
    }
}
