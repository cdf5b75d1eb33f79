using Baton.Durable.BuildIds;
using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.Matching;
using Baton.Durable.State;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Deployment.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;
using MatchingQueue = Baton.Durable.Matching.TaskQueue;

namespace Baton.Durable.Services;

/// <summary>Task queues as operators see and set them: who polls, what waits, how fast it goes, rates and weights.</summary>
internal sealed class TaskQueueHandler(DurableEngine engine) : HandlerBase(engine)
{
    private const int MaxWeightOverrides = 1000;

    // The older fields have no way to say "no limit"; tools know Temporal's default by this number.
    private const double NoLimit = 100_000;

    public Task<DescribeTaskQueueResponse> DescribeTaskQueue(DescribeTaskQueueRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.TaskQueue?.Name, "TaskQueue");
        var name = request.TaskQueue!.Name;
        if (request.ApiMode == DescribeTaskQueueMode.Enhanced)
        {
            if (request.TaskQueue.Kind == TaskQueueKind.Sticky)
            {
                throw ServiceErrors.InvalidArgument("DescribeTaskQueue stats are only supported for the normal queue, not for a sticky one.");
            }

            return DescribeVersionsAsync(space, name, request);
        }

        var kind = KindOf(request.TaskQueueType == TaskQueueType.Unspecified ? TaskQueueType.Workflow : request.TaskQueueType);
        return Engine.Run(step => Describe(step, space, name, kind, request));
    }

    public Task<ListTaskQueuePartitionsResponse> ListTaskQueuePartitions(ListTaskQueuePartitionsRequest request, CallContext call)
    {
        Namespace(request.Namespace);
        RequireId(request.TaskQueue?.Name, "TaskQueue");

        // A queue is whole: one partition, which has the queue's own name.
        var partition = new TaskQueuePartitionMetadata { Key = request.TaskQueue!.Name, OwnerHostName = Environment.MachineName };
        return Task.FromResult(new ListTaskQueuePartitionsResponse
        {
            ActivityTaskQueuePartitions = { partition },
            WorkflowTaskQueuePartitions = { partition },
        });
    }

    public Task<UpdateTaskQueueConfigResponse> UpdateTaskQueueConfig(UpdateTaskQueueConfigRequest request, CallContext call)
    {
        var space = Namespace(request.Namespace);
        RequireId(request.TaskQueue, "TaskQueue");
        RequireLength(request.Identity, "Identity");
        if (request.TaskQueueType == TaskQueueType.Unspecified)
        {
            throw ServiceErrors.InvalidArgument("TaskQueueType is not set on request.");
        }

        var kind = KindOf(request.TaskQueueType);
        if (kind == TaskKind.Workflow && request.UpdateQueueRateLimit is not null)
        {
            throw ServiceErrors.InvalidArgument("Setting rate limit on workflow task queues is not allowed.");
        }

        RequireRate(request.UpdateQueueRateLimit, "UpdateQueueRateLimit");
        RequireRate(request.UpdateFairnessKeyRateLimitDefault, "UpdateFairnessKeyRateLimitDefault");
        RequireWeights(request);
        return Engine.Run(step =>
        {
            var config = step.Core.Matcher.SettingsOf(space.Id, request.TaskQueue, kind).Config?.Clone() ?? new TaskQueueConfig();
            if (request.UpdateQueueRateLimit is { } rate)
            {
                config.QueueRateLimit = Changed(step, rate, request.Identity);
            }

            if (request.UpdateFairnessKeyRateLimitDefault is { } keyRate)
            {
                config.FairnessKeysRateLimitDefault = Changed(step, keyRate, request.Identity);
            }

            foreach (var key in request.UnsetFairnessWeightOverrides)
            {
                config.FairnessWeightOverrides.Remove(key);
            }

            foreach (var (key, weight) in request.SetFairnessWeightOverrides)
            {
                config.FairnessWeightOverrides[key] = weight;
            }

            if (config.FairnessWeightOverrides.Count > MaxWeightOverrides)
            {
                throw ServiceErrors.InvalidArgument($"fairness weight overrides update would exceed the limit of {MaxWeightOverrides} keys");
            }

            step.Core.Matcher.Configure(step, space.Id, request.TaskQueue, kind, config);
            return new UpdateTaskQueueConfigResponse { Config = config };
        });
    }

    private static DescribeTaskQueueResponse Describe(Step step, NamespaceEntry space, string name, TaskKind kind, DescribeTaskQueueRequest request)
    {
        var queues = step.Core.Matcher.VersionsOf(space.Id, name, kind).ToList();
        var settings = step.Core.Matcher.SettingsOf(space.Id, name, kind);
        var response = new DescribeTaskQueueResponse();
        response.Pollers.AddRange(Pollers(step, queues));
        if (request.IncludeTaskQueueStatus)
        {
            response.TaskQueueStatus = new TaskQueueStatus
            {
                BacklogCountHint = queues.Sum(static queue => queue.Backlog.Count),
                RatePerSecond = settings.Limiter.Rate ?? NoLimit,
                TaskIdBlock = new TaskIdBlock(),
            };
        }

        if (request.ReportStats)
        {
            response.Stats = Stats(step, queues);
            foreach (var level in queues.SelectMany(static queue => queue.Backlog.Levels).GroupBy(static level => level.Priority))
            {
                response.StatsByPriorityKey[level.Key] = new TaskQueueStats
                {
                    ApproximateBacklogCount = level.Sum(static item => item.Count),
                    ApproximateBacklogAge = Age(step, level.Min(static item => item.OldestCreatedMs)),
                };
            }
        }

        response.VersioningInfo = VersioningInfo(step.Core.Deployments.RoutingOf(space.Id, name, kind));
        if (request.ReportConfig)
        {
            response.Config = settings.Config ?? new TaskQueueConfig();
            if (settings.Limiter.Rate is { } rate)
            {
                response.EffectiveRateLimit = new()
                {
                    RequestsPerSecond = (float)rate,
                    RateLimitSource = settings.IsRateFromApi ? RateLimitSource.Api : RateLimitSource.Worker,
                };
            }
        }

        return response;
    }

    /// <summary>The older description by build id; the empty one stands for workers without versions.</summary>
    private async Task<DescribeTaskQueueResponse> DescribeVersionsAsync(NamespaceEntry space, string name, DescribeTaskQueueRequest request)
    {
        var (response, state, waiting) = await Engine.Run(step => (
            DescribeVersions(step, space, name, request),
            step.Core.BuildIds.Find(space.Id, name) ?? new BuildIdState { NamespaceId = space.Id, Queue = name },
            new[] { TaskKind.Workflow, TaskKind.Activity }.SelectMany(kind => step.Core.Matcher.VersionsOf(space.Id, name, kind))
                .Where(static queue => queue.Key is { Deployment: "", BuildId.Length: > 0 } && queue.Backlog.Count > 0).Select(static queue => queue.Key.BuildId).ToHashSet()));
        if (request.ReportTaskReachability)
        {
            foreach (var (buildId, version) in response.VersionsInfo)
            {
                version.TaskReachability = BuildIdReach.OfRules(Engine.Store, space, state, buildId, waiting.Contains);
            }
        }

        return response;
    }

    private static DescribeTaskQueueResponse DescribeVersions(Step step, NamespaceEntry space, string name, DescribeTaskQueueRequest request)
    {
        var kinds = request.TaskQueueTypes.Count > 0 ? request.TaskQueueTypes.Select(KindOf).Distinct() : [TaskKind.Workflow, TaskKind.Activity, TaskKind.Nexus];
        var queues = kinds.SelectMany(kind => step.Core.Matcher.VersionsOf(space.Id, name, kind)).ToLookup(static queue => (queue.Key.BuildId, queue.Key.Kind));
        var builds = new HashSet<string>(request.Versions?.BuildIds ?? []);
        if (request.Versions is null)
        {
            builds.Add(step.Core.BuildIds.Default(space.Id, name));
        }

        if (request.Versions is { Unversioned: true } or { AllActive: true })
        {
            builds.Add("");
        }

        if (request.Versions is { AllActive: true })
        {
            builds.UnionWith(queues.Select(static group => group.Key.BuildId));
        }

        var response = new DescribeTaskQueueResponse();
        foreach (var build in builds)
        {
            var version = new TaskQueueVersionInfo();
            foreach (var kind in kinds)
            {
                var ofVersion = queues[(step.Core.BuildIds.Target(space.Id, name, build, byRules: false, ramp: 0).BuildId, kind)].ToList();
                var info = new TaskQueueTypeInfo();
                if (request.ReportPollers)
                {
                    info.Pollers.AddRange(Pollers(step, ofVersion));
                }

                if (request.ReportStats)
                {
                    info.Stats = Stats(step, ofVersion);
                }

                version.TypesInfo[(int)DeploymentView.TypeOf(kind)] = info;
            }

            response.VersionsInfo[build] = version;
        }

        return response;
    }

    private static IEnumerable<PollerInfo> Pollers(Step step, IEnumerable<MatchingQueue> queues) => queues
        .SelectMany(queue => queue.Seen(step.Now))
        .GroupBy(static seen => (seen.Identity, seen.Worker.DeploymentName, seen.Worker.BuildId))
        .Select(static same => same.MaxBy(static seen => seen.At)!)
        .OrderByDescending(static seen => seen.At)
        .Select(static seen => new PollerInfo
        {
            Identity = seen.Identity,
            LastAccessTime = Instant.ToTimestamp(seen.At),
            RatePerSecond = seen.RateLimit ?? NoLimit,
            WorkerVersionCapabilities = seen.Worker.BuildId.Length > 0
                ? new WorkerVersionCapabilities { BuildId = seen.Worker.BuildId, UseVersioning = seen.Worker.IsVersioned, DeploymentSeriesName = seen.Worker.DeploymentName }
                : null,
            DeploymentOptions = seen.Worker.DeploymentName.Length > 0
                ? new WorkerDeploymentOptions
                {
                    DeploymentName = seen.Worker.DeploymentName,
                    BuildId = seen.Worker.BuildId,
                    WorkerVersioningMode = seen.Worker.IsVersioned ? WorkerVersioningMode.Versioned : WorkerVersioningMode.Unversioned,
                }
                : null,
        });

    public static TaskQueueStats Stats(Step step, IReadOnlyList<MatchingQueue> queues) => new()
    {
        ApproximateBacklogCount = queues.Sum(static queue => queue.Backlog.Count),
        ApproximateBacklogAge = Age(step, queues.SelectMany(static queue => queue.Backlog.Levels).Select(static level => level.OldestCreatedMs).DefaultIfEmpty(long.MaxValue).Min()),
        TasksAddRate = queues.Sum(queue => queue.Added.Rate(step.Now)),
        TasksDispatchRate = queues.Sum(queue => queue.Dispatched.Rate(step.Now)),
        RateLimitingActive = queues.Any(queue => queue.ThrottledUntil > step.Now),
    };

    private static Duration Age(Step step, long oldestCreatedMs) =>
        Instant.ToDurationOrZero(oldestCreatedMs == long.MaxValue ? 0 : Math.Max(0, step.Now - (oldestCreatedMs * Instant.Millisecond)));

    private static RateLimitConfig Changed(Step step, UpdateTaskQueueConfigRequest.Types.RateLimitUpdate update, string identity) => new()
    {
        RateLimit = update.RateLimit,
        Metadata = new ConfigMetadata { Reason = update.Reason, UpdateIdentity = identity, UpdateTime = Instant.ToTimestamp(step.Now) },
    };

    private static void RequireRate(UpdateTaskQueueConfigRequest.Types.RateLimitUpdate? update, string field)
    {
        if (update?.RateLimit is { } limit && !(limit.RequestsPerSecond >= 0))
        {
            throw ServiceErrors.InvalidArgument($"{field}: RequestsPerSecond is negative or no number.");
        }
    }

    private static void RequireWeights(UpdateTaskQueueConfigRequest request)
    {
        foreach (var (key, weight) in request.SetFairnessWeightOverrides)
        {
            if (key.Length > 64)
            {
                throw ServiceErrors.InvalidArgument("fairness weight override: a key has more than 64 characters");
            }

            if (!(weight > 0))
            {
                throw ServiceErrors.InvalidArgument($"invalid fairness weight override for key \"{key}\": it must be greater than zero");
            }

            if (request.UnsetFairnessWeightOverrides.Contains(key))
            {
                throw ServiceErrors.InvalidArgument($"fairness weight override for key \"{key}\" is both set and unset");
            }
        }
    }

    private static TaskKind KindOf(TaskQueueType type) => type switch
    {
        TaskQueueType.Workflow => TaskKind.Workflow,
        TaskQueueType.Activity => TaskKind.Activity,
        TaskQueueType.Nexus => TaskKind.Nexus,
        _ => throw ServiceErrors.InvalidArgument($"TaskQueueType {type} is unknown."),
    };

    private static TaskQueueVersioningInfo? VersioningInfo(QueueRouting routing) => routing == default ? null : new TaskQueueVersioningInfo
    {
        CurrentDeploymentVersion = routing.Current?.ToApi(),
        CurrentVersion = (routing.Current ?? WorkerVersion.None).ToOlderString(),
        RampingDeploymentVersion = routing.Ramping?.ToApi(),
        RampingVersion = routing.Ramping?.ToOlderString() ?? "",
        RampingVersionPercentage = routing.Percentage,
        UpdateTime = Instant.ToTimestamp(Math.Max(routing.CurrentChanged, routing.RampChanged)),
    };
}
