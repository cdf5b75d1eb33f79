using System.Collections.Concurrent;
using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.Storage;
using Baton.Durable.Visibility;
using Google.Protobuf;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.BatchJobs;

/// <summary>Drives open batch jobs, some executions at a time and no faster than each job may.</summary>
/// <remarks>
/// What a query selects is read newest first from before the job: executions that begin meanwhile, those of a reset too, lie behind the position
/// and are not met.
/// </remarks>
internal sealed class BatchRunner(DurableEngine engine) : IAsyncDisposable
{
    /// <summary>Operations a second where a request does not say.</summary>
    public const float DefaultRate = 50;

    private const int MaxChunk = 100;

    // A faster job does more in a turn, not more turns.
    private const int TurnsPerSecond = 10;

    private static readonly TimeSpan retryAfter = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentDictionary<long, Task> jobs = [];

    /// <summary>Goes on with the jobs that were open when the server stopped.</summary>
    public void Resume()
    {
        var open = VisibilityQuery.Parse("ExecutionStatus = 'Running'", new Dictionary<string, AttributeType>(), EntityKind.Batch);
        foreach (var space in engine.Core.Namespaces.All)
        {
            var next = ReadOnlyMemory<byte>.Empty;
            do
            {
                var page = engine.Store.Visibility.List(EntityKind.Batch, space.Id, open, 100, next);
                foreach (var record in page.Records)
                {
                    Drive(record.RunKey);
                }

                next = page.Next;
            }
            while (!next.IsEmpty);
        }
    }

    public void Drive(long runKey) => jobs.GetOrAdd(runKey, key => Task.Run(() => DriveAsync(key)));

    /// <summary>The query of a job as it is read: what can be operated on, in an order that stays.</summary>
    public static VisibilityQuery QueryOf(StartBatchOperationRequest request, NamespaceEntry space)
    {
        var query = Services.Visible.Parse(request.VisibilityQuery, space, BatchOperations.KindOf(request));
        if (query.OrderBy.Count > 0 || query.GroupBy.Count > 0)
        {
            throw ServiceErrors.InvalidArgument("VisibilityQuery of a batch cannot have ORDER BY or GROUP BY.");
        }

        var filters = new List<VisibilityFilter>();
        if (query.Filter is { } own)
        {
            filters.Add(own);
        }

        if (!BatchOperations.TakesClosed(request))
        {
            object[] open = BatchOperations.KindOf(request) == EntityKind.Activity
                ? [(long)ActivityExecutionStatus.Running]
                : [(long)WorkflowExecutionStatus.Running, (long)WorkflowExecutionStatus.Paused];
            filters.Add(new InFilter(VisibilityAttribute.OfSystem(VisibilityAttribute.ExecutionStatus), open, Negated: false));
        }

        return new VisibilityQuery(
            filters.Count switch { 0 => null, 1 => filters[0], _ => new AndFilter(filters) },
            [new VisibilityOrder(VisibilityAttribute.OfSystem("StartTime"), Descending: true)],
            []);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(jobs.Values).ConfigureAwait(false);
        stop.Dispose();
    }

    private async Task DriveAsync(long runKey)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                TimeSpan? pause;
                try
                {
                    pause = await TurnAsync(runKey).ConfigureAwait(false);
                }
                catch (Exception e) when (e is StoreException or ServiceException)
                {
                    // The disk refuses for now; the engine has logged it.
                    pause = retryAfter;
                }

                if (pause is not { } wait)
                {
                    break;
                }

                await Task.Delay(wait, engine.Clock.Wall, stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
        }
        finally
        {
            jobs.TryRemove(runKey, out _);
        }
    }

    /// <returns>When the next turn is due, null when the job is over.</returns>
    private async Task<TimeSpan?> TurnAsync(long runKey)
    {
        var read = await engine.Run(step => step.Load<BatchJob>(runKey) is { IsOpen: true } job ? (job.Request, State: job.S.Clone(), job.NamespaceId) : default).ConfigureAwait(false);
        if (read.Request is null || !engine.Core.Namespaces.TryGetById(read.NamespaceId, out var space))
        {
            return null;
        }

        var rate = read.Request.MaxOperationsPerSecond > 0 ? read.Request.MaxOperationsPerSecond : DefaultRate;
        var chunk = Math.Clamp((int)(rate / TurnsPerSecond), 1, MaxChunk);
        var listed = Executions(read.Request);
        var kind = BatchOperations.KindOf(read.Request);
        List<Func<Step, Entity?>> targets;
        var cursor = ReadOnlyMemory<byte>.Empty;
        bool isLast;
        if (listed.Count > 0)
        {
            targets = [.. listed.Skip(read.State.Position).Take(chunk).Select(execution => Finder(kind, space, execution.Id, execution.RunId))];
            isLast = read.State.Position + chunk >= listed.Count;
        }
        else
        {
            var page = engine.Store.Visibility.List(kind, space.Id, QueryOf(read.Request, space), chunk, read.State.Cursor.Memory);
            targets = [.. page.Records.Select(static record => (Func<Step, Entity?>)(step => step.Load<Entity>(record.RunKey)))];
            cursor = page.Next;
            isLast = cursor.IsEmpty;
        }

        var goesOn = await engine.Run(step => Advance(step, runKey, read.State, targets, cursor, isLast)).ConfigureAwait(false);
        return goesOn ? TimeSpan.FromSeconds(chunk / rate) : null;
    }

    /// <summary>Operates on some executions and notes it, in one step.</summary>
    private static bool Advance(
        Step step, long runKey, State.BatchJobState seen, List<Func<Step, Entity?>> targets, ReadOnlyMemory<byte> cursor, bool isLast)
    {
        // Stopped meanwhile, or a turn that was given up for lost came through after all.
        if (step.Load<BatchJob>(runKey) is not { IsOpen: true } job || job.S.Position != seen.Position || !job.S.Cursor.Equals(seen.Cursor))
        {
            return false;
        }

        foreach (var target in targets)
        {
            try
            {
                // What is gone needs no operation.
                if (target(step) is { } entity)
                {
                    BatchOperations.Apply(step, entity, job.Request);
                }

                job.S.Complete++;
            }
            catch (ServiceException)
            {
                job.S.Failed++;
            }
        }

        job.S.Position += targets.Count;
        job.S.Cursor = ByteString.CopyFrom(cursor.Span);
        step.Touch(job);
        if (isLast)
        {
            job.S.Total = job.S.Complete + job.S.Failed;
            job.Close(step, WorkflowExecutionStatus.Completed);
        }

        return job.IsOpen;
    }

    public static List<(string Id, string RunId)> Executions(StartBatchOperationRequest request) =>
    [
        .. request.Executions.Select(static execution => (execution.WorkflowId, execution.RunId)),
        .. request.TargetExecutions.Select(static execution => (execution.BusinessId, execution.RunId)),
    ];

    private static Func<Step, Entity?> Finder(EntityKind kind, NamespaceEntry space, string id, string runId) => step =>
    {
        Entity? entity;
        var found = runId.Length > 0 ? step.TryFindRun(kind, space.Id, id, runId, out entity) : step.TryFindCurrent(kind, space.Id, id, out entity);
        return found ? entity : null;
    };
}
