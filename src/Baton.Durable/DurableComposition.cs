using Baton.Durable.Activities;
using Baton.Durable.BatchJobs;
using Baton.Durable.Engine;
using Baton.Durable.Execution;
using Baton.Durable.Hosting;
using Baton.Durable.Nexus;
using Baton.Durable.Rules;
using Baton.Durable.Schedules;
using Baton.Durable.Services;
using Baton.Durable.State;
using Baton.Durable.Storage;
using Baton.Durable.Storage.Sqlite;
using Baton.Durable.Storage.Volatile;
using Baton.Durable.Workers;
using Microsoft.Extensions.Logging;

namespace Baton.Durable;

/// <summary>Puts the parts of the server together: the one place that knows them all.</summary>
internal static class DurableComposition
{
    public static Task<DurableHost> CreateAsync(DurableServerOptions options, ILoggerFactory loggers, CancellationToken cancellationToken) =>
        CreateAsync(options, options.DatabasePath is { } path ? SqliteStore.Open(path) : new VolatileStore(), loggers);

    /// <param name="store">Belongs to the server from here on.</param>
    public static async Task<DurableHost> CreateAsync(DurableServerOptions options, IDurableStore store, ILoggerFactory loggers)
    {
        var clock = new EngineClock(options.TimeProvider ?? TimeProvider.System, options.TimeSkipping);
        if (options.TimeSkippingLocked)
        {
            clock.Lock();
        }

        var engine = new DurableEngine(store, clock, LimitsOf(options), loggers.CreateLogger<DurableEngine>());
        engine.Core.Register(EntityKind.Workflow, WorkflowRun.Load);
        engine.Core.Register(EntityKind.Activity, StandaloneActivity.Load);
        engine.Core.Register(EntityKind.NexusOperation, StandaloneNexusOperation.Load);
        engine.Core.Register(EntityKind.Schedule, ScheduleEntity.Load);
        engine.Core.Register(EntityKind.Batch, BatchJob.Load);
        ScheduleTurn.ListenTo(engine.Core);
        var outbound = new NexusHttp(engine);
        engine.Core.Outbound = outbound;
        string clusterId;
        var batches = new BatchRunner(engine);
        try
        {
            engine.Start();
            await CreateNamespacesAsync(engine, options);
            clusterId = await ClusterIdAsync(engine);
            batches.Resume();
        }
        catch
        {
            await batches.DisposeAsync();
            await outbound.DisposeAsync();
            await engine.DisposeAsync();
            await store.DisposeAsync();
            throw;
        }

        object[] workflow =
        [
            new SystemHandler(clusterId, options.DatabasePath is null ? "volatile" : "sqlite"),
            new NamespaceHandler(engine),
            new WorkflowHandler(engine),
            new WorkflowTaskHandler(engine),
            new ActivityTaskHandler(engine),
            new QueryHandler(engine),
            new UpdateHandler(engine),
            new HistoryHandler(engine),
            new DescribeHandler(engine),
            new VisibilityHandler(engine),
            new ScheduleHandler(engine),
            new WorkerHandler(engine, new WorkerRegistry(clock)),
            new TaskQueueHandler(engine),
            new ActivityControlHandler(engine),
            new WorkflowControlHandler(engine),
            new NexusTaskHandler(engine),
            new StandaloneNexusOperationHandler(engine),
            new TimeSkippingHandler(engine),
            new StandaloneActivityHandler(engine),
            new StandaloneActivityControlHandler(engine),
            new DeploymentHandler(engine),
            new OlderDeploymentHandler(engine),
            new BuildIdHandler(engine),
            new BatchHandler(engine, batches),
            new WorkflowRuleHandler(engine),
        ];
        object[] operators = [new OperatorHandler(engine, clusterId), new NexusEndpointHandler(engine)];
        object[] tests = options.TimeSkipping ? [new TestServiceHandler(engine)] : [];
        return new DurableHost(workflow, operators, tests, new Running(new Retention(engine), batches, outbound, engine, store), new NexusHttpServer(engine, outbound));
    }

    /// <summary>Made at the first start of a database, and kept.</summary>
    private static Task<string> ClusterIdAsync(DurableEngine engine) => engine.Run(step =>
    {
        if (engine.Store.Documents.Get("server", "cluster-id") is { } known)
        {
            return System.Text.Encoding.UTF8.GetString(known);
        }

        var id = Guid.NewGuid().ToString("D");
        step.PutDocument("server", "cluster-id", System.Text.Encoding.UTF8.GetBytes(id));
        return id;
    });

    private static EngineLimits LimitsOf(DurableServerOptions options) => LimitsOf(options.Limits) with { PagedTaskCompletions = options.PagedTaskCompletions };

    private static EngineLimits LimitsOf(DurableLimits limits) => new()
    {
        BlobSize = limits.BlobBytes,
        MemoSize = limits.MemoBytes,
        IdLength = limits.IdLength,
        HistoryEvents = limits.HistoryEvents,
        HistorySize = limits.HistoryBytes,
        SuggestContinueAsNewEvents = limits.SuggestContinueAsNewEvents,
        SuggestContinueAsNewSize = limits.SuggestContinueAsNewBytes,
        Signals = limits.Signals,
        LongPoll = limits.LongPoll,
        PendingActivities = limits.Pending,
        PendingChildren = limits.Pending,
        PendingNexusOperations = limits.Pending,
        UpdatesInFlight = limits.UpdatesInFlight,
        UpdatesTotal = limits.UpdatesTotal,
        BufferedQueries = limits.BufferedQueries,
        ReportedTaskProblems = limits.ReportedTaskProblems,
    };

    private static Task<bool> CreateNamespacesAsync(DurableEngine engine, DurableServerOptions options) => engine.Run(step =>
    {
        foreach (var name in options.Namespaces.Append("temporal-system"))
        {
            var state = step.Core.Namespaces.TryGet(name, out var known)
                ? known.State.Clone()
                : new NamespaceState
                {
                    Id = Guid.NewGuid().ToString("D"),
                    Name = name,
                    Retention = DurableServerOptions.DefaultRetention.Ticks,
                    State = (int)Temporalio.Api.Enums.V1.NamespaceState.Registered,
                    Created = step.Now,
                };
            state.Retention = options.Retention?.Ticks ?? state.Retention;
            foreach (var (attribute, type) in options.SearchAttributes)
            {
                state.SearchAttributes[attribute] = (int)type;
            }

            if (known is null || !known.State.Equals(state))
            {
                step.Core.Namespaces.Put(step, state);
            }
        }

        return true;
    });

    /// <summary>Stops from the outside in: who makes work, the engine, the store.</summary>
    private sealed class Running(Retention retention, BatchRunner batches, NexusHttp outbound, DurableEngine engine, IDurableStore store) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await retention.DisposeAsync();
            await batches.DisposeAsync();
            await outbound.DisposeAsync();
            await engine.DisposeAsync();
            await store.DisposeAsync();
        }
    }
}
