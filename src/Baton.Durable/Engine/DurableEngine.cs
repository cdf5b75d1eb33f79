using System.Collections.Concurrent;
using System.Diagnostics;
using Baton.Durable.Hosting;
using Baton.Durable.Storage;
using Microsoft.Extensions.Logging;

namespace Baton.Durable.Engine;

/// <summary>
/// The engine with its two threads: the loop applies commands, the committer writes batches to disk. While one batch is being
/// synced the loop fills the next, so that the more there is to do the more shares one sync.
/// </summary>
internal sealed class DurableEngine : IAsyncDisposable
{
    private const int CommandsPerRound = 512;

    // No answer can go while a commit is under way, so that a few commands may as well wait for its end and be applied in one go, where
    // waking the loop for each would cost more than applying it. Many are applied meanwhile.
    private const int ManyCommands = 64;

    private const int Awake = 0;
    private const int Asleep = 1;
    private const int AsleepWhileCommitting = 2;

    private const int RetryLoadMs = 500;
    private static readonly long MaintainEvery = Instant.Second * 5;

    private readonly IDurableStore store;
    private readonly ILogger logger;
    private readonly ConcurrentQueue<(Action<Step> Apply, Reply? Reply)> commands = new();
    private readonly AutoResetEvent wakeLoop = new(false);
    private readonly AutoResetEvent wakeCommitter = new(false);
    private readonly EngineMetrics metrics;
    private readonly Thread loop;
    private readonly Thread committer;
    private Batch? handed;
    private Batch? done;
    private Exception? failure;
    private int sleep = Awake;
    private bool committing;
    private volatile bool stopping;
    private volatile bool committerStopping;

    public DurableEngine(IDurableStore store, EngineClock clock, EngineLimits limits, ILogger logger)
    {
        this.store = store;
        this.logger = logger;
        Core = new EngineCore(store, clock, limits, logger);
        metrics = new EngineMetrics(() => commands.Count, () => Core.LoadedCount, Core.Matcher.Counts);
        loop = new Thread(Loop) { Name = "durable loop", IsBackground = true };
        committer = new Thread(CommitLoop) { Name = "durable committer", IsBackground = true };
    }

    public EngineCore Core { get; }

    public EngineClock Clock => Core.Clock;

    public EngineLimits Limits => Core.Limits;

    public IDurableStore Store => store;

    public void Start()
    {
        Core.Load();
        loop.Start();
        committer.Start();
    }

    /// <summary>Runs a command that answers at once. The task ends after what it did is on disk.</summary>
    public Task<T> Run<T>(Func<Step, T> command)
    {
        var reply = new Reply<T>();
        Post(step => reply.Set(step, command(step)), reply);
        return reply.Task;
    }

    /// <summary>Runs a command that keeps the reply and answers then or later.</summary>
    public Task<T> Run<T>(Action<Step, Reply<T>> command)
    {
        var reply = new Reply<T>();
        Post(step => command(step, reply), reply);
        return reply.Task;
    }

    /// <summary>
    /// Runs a command whose reply may stay open for long. When the caller goes or the time is up, <paramref name="expire"/> runs on the loop
    /// and must answer.
    /// </summary>
    public async Task<T> Wait<T>(Action<Step, Reply<T>> command, Action<Step, Reply<T>> expire, TimeSpan limit, CancellationToken gone)
    {
        var reply = new Reply<T>();
        Post(step => command(step, reply), reply);
        if (reply.Task.IsCompleted)
        {
            return await reply.Task.ConfigureAwait(false);
        }

        void Expire() => Post(
            step =>
            {
                if (!reply.IsSet)
                {
                    expire(step, reply);
                }
            },
            reply);

        using var timer = Clock.Wall.CreateTimer(_ => Expire(), null, limit, Timeout.InfiniteTimeSpan);
        await using var registration = gone.UnsafeRegister(_ => Expire(), null).ConfigureAwait(false);
        return await reply.Task.ConfigureAwait(false);
    }

    public void Post(Action<Step> command, Reply? reply = null)
    {
        if (stopping)
        {
            reply?.Reject(ServiceErrors.Unavailable("The server is shutting down."));
            return;
        }

        commands.Enqueue((command, reply));
        if (Interlocked.CompareExchange(ref sleep, Awake, Asleep) == Asleep
            || (commands.Count >= ManyCommands && Interlocked.CompareExchange(ref sleep, Awake, AsleepWhileCommitting) == AsleepWhileCommitting))
        {
            wakeLoop.Set();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!stopping)
        {
            stopping = true;
            wakeLoop.Set();
            await Task.Run(() =>
            {
                loop.Join();
                committerStopping = true;
                wakeCommitter.Set();
                committer.Join();
            }).ConfigureAwait(false);
            wakeLoop.Dispose();
            wakeCommitter.Dispose();
            metrics.Dispose();
        }
    }

    private void Loop()
    {
        while (true)
        {
            bool worked;
            try
            {
                worked = Round();
            }
#pragma warning disable CA1031 // whatever broke, the server stays up: it goes on from what is on disk
            catch (Exception broken)
#pragma warning restore CA1031
            {
                EngineLog.TransitionBroke(logger, broken);
                Core.Break(broken);
                worked = true;
            }

            if (worked)
            {
                continue;
            }

            if (stopping)
            {
                if (!committing && commands.IsEmpty)
                {
                    break;
                }
            }
            else if (!committing && SkipTime())
            {
                continue;
            }

            Sleep();
        }

        var reason = ServiceErrors.Unavailable("The server is shutting down.");
        Core.Stop(reason);
        while (commands.TryDequeue(out var command))
        {
            command.Reply?.Reject(reason);
        }
    }

    /// <summary>Does what there is to do now. False when there was nothing.</summary>
    private bool Round()
    {
        var worked = false;

        // 1. What the committer finished.
        if (Interlocked.Exchange(ref done, null) is { } finished)
        {
            committing = false;
            worked = true;
            Finish(finished);
        }

        if (Core.Broken is { } reason && !committing)
        {
            Core.Reset(reason);
        }

        // 2. Commands, some at a time so that timers and commits get their turn.
        for (var i = 0; i < CommandsPerRound && commands.TryDequeue(out var command); i++)
        {
            worked = true;
            Core.Execute(command.Apply, command.Reply);
        }

        // 3. Timers, and queues whose rate limit allows a task again.
        worked |= Core.FireDue(CommandsPerRound);
        if (Core.Matcher.NextAt() <= Core.Clock.Now())
        {
            worked = true;
            Core.Execute(Core.Matcher.ServeThrottled, null);
        }

        // 4. The batch, when the committer is free.
        if (committing || Core.TakeBatch() is not { } batch)
        {
            return worked;
        }

        if (batch.Writes.IsEmpty)
        {
            // Nothing to write and nothing being written: the answers may go at once.
            Reply.ReleaseAll(batch.Replies);
            Core.Committed(batch);
        }
        else
        {
            committing = true;
            Volatile.Write(ref handed, batch);
            wakeCommitter.Set();
        }

        return true;
    }

    /// <summary>In a time-skipping server with nothing to do, goes to the next instant at which something is due.</summary>
    private bool SkipTime()
    {
        if (!Clock.IsSkipping || Clock.Locks > 0 || !Core.IsIdle || !commands.IsEmpty)
        {
            return false;
        }

        var next = Math.Min(Core.NextWakeAt(), Core.Matcher.NextAt());
        if (next == Instant.Never)
        {
            return false;
        }

        Clock.AdvanceTo(next);
        return true;
    }

    private void Sleep()
    {
        var next = Math.Min(Core.NextWakeAt(), Core.Matcher.NextAt());
        var wait = next == Instant.Never ? 60_000 : Math.Clamp(Instant.ToUnixMilliseconds(next - Core.Clock.Now()), 0, 60_000);
        if (wait == 0)
        {
            return;
        }

        // A store that could not be read is asked again soon, also when nobody calls.
        if (!Core.IsLoaded)
        {
            wait = Math.Min(wait, RetryLoadMs);
        }

        Interlocked.Exchange(ref sleep, committing ? AsleepWhileCommitting : Asleep);
        if ((commands.IsEmpty || (committing && commands.Count < ManyCommands)) && Volatile.Read(ref done) is null && !stopping)
        {
            wakeLoop.WaitOne((int)wait);
        }
        else if (stopping)
        {
            wakeLoop.WaitOne(50);
        }

        Interlocked.Exchange(ref sleep, Awake);
    }

    private void Finish(Batch batch)
    {
        if (Interlocked.Exchange(ref failure, null) is { } reason)
        {
            EngineLog.CommitFailed(logger, batch.Dirty.Count, reason);
            Core.Reset(reason);
            return;
        }

        Core.Committed(batch);
    }

    private void CommitLoop()
    {
        var maintained = Core.Clock.Wall.GetTimestamp();
        while (true)
        {
            if (Interlocked.Exchange(ref handed, null) is { } batch)
            {
                Commit(batch);
                Volatile.Write(ref done, batch);
                wakeLoop.Set();
            }

            if (Core.Clock.Wall.GetElapsedTime(maintained).Ticks >= MaintainEvery)
            {
                Maintain();
                maintained = Core.Clock.Wall.GetTimestamp();
            }

            if (Volatile.Read(ref handed) is not null)
            {
                continue;
            }

            if (committerStopping)
            {
                return;
            }

            wakeCommitter.WaitOne(TimeSpan.FromTicks(MaintainEvery));
        }
    }

    private void Commit(Batch batch)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            store.Commit(batch.Writes);
        }
#pragma warning disable CA1031 // a store that breaks its word must not take the server with it
        catch (Exception reason)
#pragma warning restore CA1031
        {
            var answer = ServiceErrors.Unavailable("The server could not write to its database: " + reason.Message);
            foreach (var reply in batch.Replies)
            {
                reply.Reject(answer);
            }

            Volatile.Write(ref failure, reason);
            metrics.Refused();
            return;
        }

        metrics.Committed(started, batch.Replies.Count);
        Reply.ReleaseAll(batch.Replies);
    }

    private void Maintain()
    {
        // In small pieces, so that a batch that comes meanwhile waits for one of them only.
        try
        {
            while (store.Maintain() && Volatile.Read(ref handed) is null && !committerStopping)
            {
            }
        }
        catch (StoreException reason)
        {
            EngineLog.MaintenanceFailed(logger, reason);
        }
    }
}
